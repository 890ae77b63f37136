import type { Topology } from '../topology/topology.ts';
import { shortKey } from './commands/common.ts';

/** Key → name of the nodes that have a policy. */
export const nodeNames = ({ nodes }: Pick<Topology, 'nodes'>): ReadonlyMap<string, string> =>
  new Map(nodes.flatMap(({ peer, name }) => (peer === undefined ? [] : [[peer, name] as const])));

/** How people know a node: by its name, or by the beginning of its key where no policy names it. */
export const nodeNamer = (topology: Pick<Topology, 'nodes'> | undefined): ((key: string) => string) => {
  const names = nodeNames(topology ?? { nodes: [] });
  return (key) => names.get(key) ?? shortKey(key);
};
