import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { startLibp2pNetwork } from '../../src/network/libp2p.ts';
import type { Network } from '../../src/network/network.ts';
import type { QueryService } from '../../src/query/query.ts';
import { createQueryService } from '../../src/query/service.ts';
import { startSqliteThreads } from '../../src/sqlite/threads.ts';
import type { ClusterInfo, OperatorInfo, Topology } from '../../src/topology/topology.ts';
import { benchRows } from './query-rows.ts';

const COLUMNS = [
  { name: 'timestamp', type: 'timestamp' },
  { name: 'device', type: 'varchar' },
  { name: 'value', type: 'float' },
];
const TABLE = { id: 'readings', dbms: 'bench', name: 'readings', columns: COLUMNS, create: '', unread: undefined };

/** A topology of the one table, all of whose clusters hold it. */
export const benchTopology = (clusters: readonly ClusterInfo[]): Topology => ({
  clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])),
  operators: new Map(clusters.flatMap(({ operators }) => operators).map((operator) => [operator.id, operator])),
  nodes: [],
  table: () => TABLE,
  tables: () => [TABLE],
  clustersOf: () => clusters,
  dropsOf: () => [],
  operatorByPeer: () => undefined,
});

export const benchOperator = (id: string, cluster: string, peer: string, main: boolean): OperatorInfo => ({
  ...{ id, name: id, company: 'bench', cluster, member: 1, ip: '127.0.0.1', port: 1, main, peer },
  ...{ localIp: undefined, restPort: undefined },
});

export const benchCluster = (id: string, operators: readonly OperatorInfo[]): ClusterInfo => ({
  ...{ id, name: id, company: 'bench', status: 'active', operators },
  tables: [{ dbms: 'bench', table: 'readings', status: 'active', policy: id }],
});

export interface BenchNode {
  readonly network: Network;
  readonly query: QueryService;
  fill(rows: number): Promise<void>;
}

/** A real network and real threads; `topology` is asked at each query. */
export const startBenchNode = async (
  dir: string,
  operator: string | undefined,
  topology: () => Topology,
): Promise<BenchNode> => {
  const network = await startLibp2pNetwork({
    ...{ privateKeySeed: systemRandom.bytes(32), listen: '127.0.0.1:0' },
    ...{ clock: systemClock, random: systemRandom, log: silentLogger },
  });
  const sqlite = startSqliteThreads({ dir, log: silentLogger });
  const query = createQueryService({
    ...{ network, sqlite, clock: systemClock, log: silentLogger, topology },
    isUp: ({ peer }) => network.peers().some(({ key }) => key === peer),
    operating: () =>
      operator === undefined
        ? undefined
        : {
            ...{
              operator,
              cluster: topology().operators.get(operator)?.cluster,
              filled: true,
              heard: true,
              held: () => new Map(),
            },
            drops: { isApplied: () => true, isDropping: () => false },
            shortfall: () => ({ lacking: 0, overdue: 0 }),
          },
    committedRanges: () => Promise.resolve(new Map()),
  });
  return { network, query, fill: (rows) => sqlite.write(benchRows, 'fill', rows) };
};

// As a program: an operator with so many rows, until it is killed.
const [, program, dir, operator, rows] = process.argv;
if (program !== undefined && import.meta.filename === program && dir !== undefined && operator !== undefined) {
  const node = await startBenchNode(dir, operator, () => benchTopology([]));
  if (Number(rows) > 0) await node.fill(Number(rows));
  process.send?.({ key: node.network.self, address: node.network.address });
}
