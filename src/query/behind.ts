import { sleep } from '../base/clock.ts';
import { fault, type HoldfastError } from '../base/errors.ts';
import { QUERY_CATCH_UP_MS, QUERY_SHOWN_KEEP_MS } from '../base/limits.ts';
import { giveWay } from '../base/slices.ts';
import type { Holdings } from '../operator/file-record.ts';
import { uniteHoldings } from '../replication/announced.ts';
import { lackingOf } from '../replication/transfer/holdings.ts';
import { filesOf } from './remote/messages.ts';
import type { TableDrop, Topology } from '../topology/topology.ts';
import type { OwnOperator, QueryPorts } from './ports.ts';
import type { TableName } from './targets.ts';

const BEHIND = 'QUERY_OPERATOR_BEHIND';
const NOTHING: Holdings = new Map();
/** How often it is looked whether what a question waits for has come. */
const LOOK_MS = 10;
/**
 * Drops that one question names: it has room for the files of so many origins, and they stand before the needed files.
 */
const QUERY_DROPS_NEEDED_MAX = 16;

/** An operator lacks files that are known to exist: another one is to be asked first. */
export const behindFault = (files: number): HoldfastError =>
  fault(BEHIND, `it lacks ${files} ${files === 1 ? 'file' : 'files'} of its cluster`, { data: { files } });

/** How many files an operator lacks that did not answer because of it. */
export const filesBehind = ({ code, data }: HoldfastError): number | undefined =>
  code === BEHIND ? Number(data['files']) : undefined;

/** What an answer must be made from, and what an operator does that lacks files: refuse, or answer and say so. */
export interface Need {
  readonly needs: Holdings;
  readonly behind: 'refuse' | 'answer';
  /** Which it answers for; undefined where an asking node of an earlier version does not say it. */
  readonly cluster?: string | undefined;
}

/**
 * The drops of a cluster's table that an answer must show. They travel among the files that are needed, so that the
 * protocol has one list: each drop as an origin of its own with one file.
 */
export const dropsNeeded = (
  topology: Pick<Topology, 'dropsOf'>,
  cluster: string,
  { dbms, table }: TableName,
): Holdings =>
  new Map(
    sayingMost(topology.dropsOf(cluster).filter((drop) => drop.dbms === dbms && drop.table === table))
      .slice(0, QUERY_DROPS_NEEDED_MAX)
      .map(({ id }) => [id, [[1, 1]]] as const),
  );

/**
 * Newest first, without those that name no more files than later ones do. An earlier one may name more: whoever wrote
 * the later one may have known fewer files.
 */
const sayingMost = (drops: readonly TableDrop[]): readonly TableDrop[] => {
  const said = new Map<string, number>();
  return drops.toReversed().filter(({ files }) => {
    const news = [...files].filter(([origin, upTo]) => upTo > (said.get(origin) ?? 0));
    for (const [origin, upTo] of news) said.set(origin, upTo);
    return news.length > 0;
  });
};

/** What is needed without the drops (see {@link dropsNeeded}) that were applied here. */
const filesNeeded = (needs: Holdings, { drops }: OwnOperator): Holdings =>
  new Map([...needs].filter(([origin]) => !drops.isApplied(origin)));

/**
 * Whether this node's operator may answer now; resolves to the files that it lacks. One that has just started waits a
 * moment for its peers to say what they hold, one that is to answer anyway for what is needed, and one that is asked
 * for another cluster for the policies by which it is of that. `QUERY_NOT_AN_OPERATOR`, `QUERY_OPERATOR_NOT_FILLED`,
 * `QUERY_OPERATOR_BEHIND`, `QUERY_OTHER_CLUSTER`: another operator of the cluster is to be asked.
 */
export const readyToAnswer = async (
  ports: Pick<QueryPorts, 'operating' | 'clock'>,
  { needs, behind, cluster }: Need,
  dbms: string,
  table: () => string,
): Promise<number> => {
  const isOfOther = (): boolean => cluster !== undefined && serving(ports, dbms).cluster !== cluster;
  for (let waitedMs = 0; isOfOther(); waitedMs += LOOK_MS) {
    if (waitedMs >= QUERY_CATCH_UP_MS) throw otherCluster();
    await sleep(ports.clock, LOOK_MS);
  }
  while (!serving(ports, dbms).heard) await sleep(ports.clock, LOOK_MS);
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    if (isOfOther()) throw otherCluster();
    const own = serving(ports, dbms);
    if (own.drops.isDropping(dbms, table))
      throw fault('QUERY_OPERATOR_NOT_FILLED', 'this operator still drops rows of the table that was dropped');
    const files = filesNeeded(needs, own);
    const { lacking, overdue } = own.shortfall(files);
    if (behind === 'refuse' && lacking > 0) throw behindFault(lacking);
    const mayCome = lackingOf(files, own.held()).length > 0 && waitedMs < QUERY_CATCH_UP_MS;
    if (overdue === 0 || !mayCome) return overdue;
    await sleep(ports.clock, LOOK_MS);
  }
};

/**
 * The asking node or this one has not heard yet that it was moved: it would answer with what its former cluster holds.
 */
const otherCluster = (): HoldfastError =>
  fault('QUERY_OTHER_CLUSTER', 'by the policies as they are there it is an operator of another cluster');

const serving = ({ operating }: Pick<QueryPorts, 'operating'>, dbms: string): OwnOperator => {
  const own = operating(dbms);
  if (own === undefined) throw fault('QUERY_NOT_AN_OPERATOR', 'this node runs no operator');
  if (!own.filled)
    throw fault('QUERY_OPERATOR_NOT_FILLED', 'this operator does not hold yet what its peers held when it joined');
  return own;
};

/** What this node's operator holds, when all news of commits that rows were just read from have been heard. */
export const heldNow = async ({ operating }: Pick<QueryPorts, 'operating'>): Promise<Holdings> => {
  await giveWay();
  return operating()?.held() ?? NOTHING;
};

/**
 * The files that answers of each cluster were made from: later answers must be made from them too, so that rows which
 * a user of this node has seen do not go away again when another operator answers. What no operator has held for a
 * long time is forgotten.
 */
export class Shown {
  readonly #clusters = new Map<string, { readonly files: Holdings; readonly lackedSinceMs?: number }>();

  of(cluster: string): Holdings {
    return this.#clusters.get(cluster)?.files ?? NOTHING;
  }

  /** All of them. */
  byCluster(): ReadonlyMap<string, Holdings> {
    return new Map([...this.#clusters].map(([cluster, { files }]) => [cluster, files]));
  }

  note(cluster: string, held: Holdings, nowMs: number): void {
    const before = this.#clusters.get(cluster);
    const lackedSinceMs = before?.lackedSinceMs ?? nowMs;
    if (
      before === undefined ||
      lackingOf(before.files, held).length === 0 ||
      nowMs - lackedSinceMs > QUERY_SHOWN_KEEP_MS
    )
      this.#clusters.set(cluster, { files: held });
    else {
      const files = new Map(filesOf(uniteHoldings([before.files, held])));
      this.#clusters.set(cluster, { files, lackedSinceMs });
    }
  }
}
