import type { FileRanges } from '../operator/file-record.ts';
import { subtractRanges } from '../operator/ranges.ts';
import type { FilesByOrigin } from '../replication/transfer/messages.ts';
import { foreignTo } from '../topology/home.ts';
import type { Topology } from '../topology/topology.ts';
import type { QueryPorts } from './ports.ts';
import { queryReads } from './procedures.ts';
import type { TableName, Target } from './targets.ts';

/** What an answer of this node leaves out. */
export interface LeftHere {
  /** Origins whose rows count elsewhere and that have rows of the table here. */
  readonly left: readonly string[];
  /** Of the others the files that were not here when that was looked up: with one of them it would not be so any more. */
  readonly unseen: FilesByOrigin;
}

/** What an answer leaves out where the rows of some origins count elsewhere. */
export const leftOut = async (
  { sqlite, operating }: Pick<QueryPorts, 'sqlite' | 'operating'>,
  { dbms, table }: TableName,
  origins: readonly string[],
): Promise<LeftHere> => {
  const held = origins.length === 0 ? undefined : operating()?.held();
  const here = origins.filter((origin) => held?.has(origin));
  const unseen = origins.map((origin) => [origin, subtractRanges(ALL_FILES, held?.get(origin) ?? [])] as const);
  const left = here.length === 0 ? here : await sqlite.read(queryReads, 'withRows', dbms, table, here);
  return { left, unseen: unseen.filter(([origin]) => !left.includes(origin)) };
};
const ALL_FILES: FileRanges = [[1, Number.MAX_SAFE_INTEGER]];

/**
 * Origins of files that are held here and belong to other clusters, by the policies as this node has them. Needed where
 * an asking node of an earlier version does not say which.
 */
export const foreignHere = (
  topology: Pick<Topology, 'clusters' | 'operators'>,
  { operating }: Pick<QueryPorts, 'operating'>,
): readonly string[] => {
  const own = operating();
  return own === undefined ? [] : foreignTo(topology, own.operator, own.held().keys());
};

/**
 * By target, the origins whose rows its last answer left out. Where those count, another cluster has to be asked for
 * them, which may hold the table by no policy yet.
 */
export class LeftOut {
  readonly #origins = new Map<string, readonly string[]>();

  of(target: Target): readonly string[] {
    return this.#origins.get(keyOf(target)) ?? [];
  }

  note(target: Target, origins: readonly string[]): void {
    if (origins.length > 0) this.#origins.set(keyOf(target), origins);
    else this.#origins.delete(keyOf(target));
  }
}

const keyOf = ({ cluster, dbms, table }: Target): string => `${cluster?.id ?? ''} ${dbms}.${table}`;
