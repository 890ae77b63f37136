import type { Topology } from './topology.ts';

/**
 * The cluster that the files of an origin belong to, wherever they lie: that of its operator's policy as it is now.
 * Undefined where there is no such policy, or its cluster is not there: then they belong to whoever holds them.
 */
export const homeOf = (
  { clusters, operators }: Pick<Topology, 'clusters' | 'operators'>,
  origin: string,
): string | undefined => {
  const cluster = operators.get(origin)?.cluster;
  return cluster !== undefined && clusters.has(cluster) ? cluster : undefined;
};

/**
 * Of some origins, those whose files belong to another cluster than the operator does; none where that is not known.
 */
export const foreignTo = (
  places: Pick<Topology, 'clusters' | 'operators'>,
  operator: string,
  origins: Iterable<string>,
): readonly string[] => {
  const own = homeOf(places, operator);
  return [...origins].filter((origin) => (homeOf(places, origin) ?? own) !== own && own !== undefined);
};
