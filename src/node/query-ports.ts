import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Network } from '../network/network.ts';
import type { OwnOperator, QueryPorts } from '../query/ports.ts';
import { createCommitted, type KnownOf } from '../replication/committed/protocol.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import { homeOf } from '../topology/home.ts';
import type { OperatorInfo, Topology } from '../topology/topology.ts';
import type { Parts } from './parts.ts';

interface QueryFloors extends Pick<QueryPorts, 'checkAsker'> {
  readonly network: Network;
  readonly sqlite: Sqlite;
  readonly topology: () => Topology;
  readonly parts: Parts;
  readonly log: Logger;
}

/** What queries ask of the node; beside it, who says up to where files of a cluster are known. */
export const queryPorts = ({
  network,
  sqlite,
  topology,
  parts,
  log,
  ...rest
}: QueryFloors): { readonly ports: QueryPorts; readonly knownFiles: KnownOf } => {
  const isUp = ({ peer }: OperatorInfo): boolean =>
    peer === network.self || network.peers().some(({ key }) => key === peer);
  const common = { network, topology, isUp, clock: systemClock };
  const { committedOf, knownOf } = createCommitted({ ...common, operating: () => parts.sharing });
  const operating = (dbms?: string): OwnOperator | undefined => operatingOf(parts, topology, dbms);
  const ports = { ...rest, ...common, sqlite, log: log.child('query'), operating, committedRanges: committedOf };
  return { ports, knownFiles: knownOf };
};

const operatingOf = (
  { operator, replication }: Parts,
  topology: () => Topology,
  dbms: string | undefined,
): OwnOperator | undefined =>
  operator && {
    operator: operator.store.origin,
    cluster: homeOf(topology(), operator.store.origin),
    filled: (dbms === undefined ? replication?.filled : replication?.answersFrom(dbms)) === true,
    heard: replication?.heard === true,
    held: () => operator.store.holdings(),
    fileOf: (dbms) => operator.store.databaseFile(dbms),
    drops: operator.drops,
    shortfall: (needed) => replication?.shortfall(needed) ?? { lacking: 0, overdue: 0 },
  };
