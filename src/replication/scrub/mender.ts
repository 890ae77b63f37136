import { textOf } from '../../base/errors.ts';
import { SCRUB_MESSAGE_FILES_MAX, SCRUB_STEP_ROWS } from '../../base/limits.ts';
import type { FileCheck, Repair } from '../../operator/file-check.ts';
import type { FileRanges } from '../../operator/file-record.ts';
import type { FileStore } from '../../operator/file-store.ts';
import { recordDigest } from '../../operator/row-sums.ts';
import type { ClusterPeer } from '../replication.ts';
import type { FilesByOrigin } from '../transfer/messages.ts';
import { believe, type Belief, remedyFor, type View, viewOf } from './believe.ts';
import { type MendReport, shortText } from './messages.ts';
import { askScrub, fetchCopy, type ScrubAsking } from './protocol.ts';

/** Where a file lies that may be damaged, and whom to ask how it should be. */
export interface MenderPorts extends ScrubAsking {
  readonly store: FileStore;
  /** Peers of the cluster that are connected. */
  readonly connected: () => readonly ClusterPeer[];
}

const one = (file: number): FileRanges => [[file, file]];

/** Finds out how a file should be, and makes it so here: from the own archive, else from the peers. */
export class Mender {
  readonly #ports: MenderPorts;

  constructor(ports: MenderPorts) {
    this.#ports = ports;
  }

  /** The own checks of files whose numbers are held. */
  async checks(files: FilesByOrigin): Promise<readonly FileCheck[]> {
    const checks: FileCheck[] = [];
    for (const [origin, ranges] of files) {
      let rest = ranges;
      for (;;) {
        const limits = { files: SCRUB_MESSAGE_FILES_MAX, rows: SCRUB_STEP_ROWS };
        const found = await this.#ports.store.check(origin, rest, limits);
        const last = found.at(-1)?.file;
        if (last === undefined) break;
        checks.push(...found);
        rest = rest.flatMap(([from, to]) => (to > last ? [[Math.max(from, last + 1), to] as const] : []));
      }
    }
    return checks;
  }

  /** Makes a file right, whoever it is asked by. Never throws: a report says what failed. */
  async mend(check: FileCheck): Promise<MendReport> {
    const { origin, file, record } = check;
    const about = { operator: this.#ports.self, origin, file, table: tableOf(record) };
    try {
      if (check.proof === 'refuted' && check.archive === 'whole')
        return { ...about, ...(await this.#fromArchive(check)) };
      return { ...about, ...(await this.#fromPeers(check, await this.#views(origin, file))) };
    } catch (caught) {
      return { ...about, ...untouched(check, 'failed', shortText(textOf(caught))) };
    }
  }

  /** The views of connected peers on files that are open here: those that do not answer have none. */
  async peerViews(files: FilesByOrigin): Promise<ReadonlyMap<string, readonly View[]>> {
    const { self } = this.#ports;
    const views = new Map<string, View[]>();
    const asked = this.#ports.connected().map(async ({ operator, peer }) => {
      const mutable = files.map(([origin, ranges]) => [origin, ranges.map(([from, to]) => [from, to])]);
      const request = { kind: 'look', operator: self, files: mutable as [string, [number, number][]][] } as const;
      const answer = await askScrub(this.#ports, peer, request).catch(() => undefined);
      if (answer?.kind !== 'views') return;
      for (const { origin, file, ...view } of answer.views) {
        const key = `${origin}/${file}`;
        views.set(key, [...(views.get(key) ?? []), { ...view, operator }]);
      }
    });
    await Promise.all(asked);
    return views;
  }

  async #views(origin: string, file: number): Promise<readonly View[]> {
    return (await this.peerViews([[origin, one(file)]])).get(`${origin}/${file}`) ?? [];
  }

  async #fromArchive({ origin, file }: FileCheck): Promise<Mended> {
    const copy = await this.#ports.store.read(origin, file);
    return mended(await this.#ports.store.repair(copy), 'the own archive', 'its digest');
  }

  async #fromPeers(check: FileCheck, others: readonly View[]): Promise<Mended> {
    const own = viewOf(this.#ports.self, check);
    const belief = believe([own, ...others], check.origin);
    if (belief.kind === 'unknown') return untouched(check, check.proof === 'refuted' ? 'failed' : 'none', belief.text);
    const remedy = remedyFor(own, belief);
    if (remedy === 'none') return untouched(check, 'none', 'it is as it should be');
    return remedy === 'archive' ? this.#mendArchive(check, belief) : this.#apply(check, belief);
  }

  /** Rows are right: a copy that its digest proves goes into the archive; where nobody has one, the rows make it. */
  async #mendArchive(check: FileCheck, belief: Extract<Belief, { kind: 'right' }>): Promise<Mended> {
    try {
      const { from } = await this.#apply(check, belief, true);
      return { did: 'archive', rows: check.rows, changed: 0, changes: [], from, why: 'its archived file was damaged' };
    } catch {
      const { origin, file, rows, sum } = check;
      await this.#ports.store.repair(await this.#ports.store.read(origin, file), sum);
      const why = 'its archived file was damaged, and no peer has it whole: it was put aside, the rows take its place';
      return { did: 'archive', rows, changed: 0, changes: [], from: 'the own rows', why };
    }
  }

  async #apply(
    { origin, file }: FileCheck,
    { sources, about, sum, why }: Extract<Belief, { kind: 'right' }>,
    whole = false,
  ): Promise<Mended> {
    const peers = this.#ports.connected();
    let trouble = 'no operator in reach has it as it should be';
    for (const source of sources) {
      const peer = peers.find(({ operator }) => operator === source);
      if (peer === undefined) continue;
      try {
        const { copy, leave } = await fetchCopy(this.#ports, peer.peer, origin, file);
        try {
          if (recordDigest(copy.record) !== about) throw new Error(`${peer.name} gives another record`);
          if (whole && copy.rebuilt) throw new Error(`the archive of ${peer.name} has it no more`);
          const wanted = copy.record.status === 'duplicate' ? undefined : sum;
          return mended(await this.#ports.store.repair(copy, wanted), peer.name, REASONS[why]);
        } finally {
          leave();
        }
      } catch (caught) {
        trouble = `${peer.name}: ${textOf(caught)}`;
      }
    }
    throw new Error(trouble);
  }
}

const REASONS = {
  digest: 'its digest',
  origin: 'the word of its origin',
  majority: 'what most operators hold',
} as const;

type Mended = Pick<MendReport, 'did' | 'rows' | 'changed' | 'changes' | 'from' | 'why'>;

const untouched = ({ rows }: FileCheck, did: 'none' | 'failed', why: string): Mended => ({
  ...{ did, rows, why, changed: 0, from: '' },
  changes: [],
});

const mended = ({ did, rows, changed, changes }: Repair, from: string, reason: string): Mended => ({
  ...{ did, rows, changed, from: shortText(from) },
  changes: changes.map((change) => ({ ...change, was: shortText(change.was), now: shortText(change.now) })),
  why: `by ${reason}`,
});

const tableOf = (record: FileCheck['record']): string =>
  record === undefined ? '' : shortText(`${record.dbms}.${record.table}`);
