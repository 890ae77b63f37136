import { foreignTo } from '../topology/home.ts';
import type { Topology } from '../topology/topology.ts';
import type { QueryPorts } from './ports.ts';
import { queryReads } from './procedures.ts';
import type { TableName, Target } from './targets.ts';

/** Those of some origins whose rows an answer leaves out here, since it has any. */
export const leftOut = async (
  { sqlite, operating }: Pick<QueryPorts, 'sqlite' | 'operating'>,
  { dbms, table }: TableName,
  origins: readonly string[],
): Promise<readonly string[]> => {
  const held = origins.length === 0 ? undefined : operating()?.held();
  const here = origins.filter((origin) => held?.has(origin));
  return here.length === 0 ? here : sqlite.read(queryReads, 'withRows', dbms, table, here);
};

/** Origins of files here that belong to other clusters, as this node has the policies: for an asking node that does not say which. */
export const foreignHere = (
  topology: Pick<Topology, 'clusters' | 'operators'>,
  { operating }: Pick<QueryPorts, 'operating'>,
): readonly string[] => {
  const own = operating();
  return own === undefined ? [] : foreignTo(topology, own.operator, own.held().keys());
};

/** Whose rows of a table answers of a cluster left out: those are to be asked for where they count. */
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
