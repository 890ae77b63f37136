import { fault, hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Policies } from '../policy/policies.ts';
import { createStatement } from '../topology/create-statement.ts';
import type { Column, ClusterInfo, TableInfo, Topology } from '../topology/topology.ts';
import type { TableRegistry } from './operator.ts';

/** Where the tables of the network are read from and declared. */
export interface TableRegistryPorts {
  readonly policies: Policies;
  /** Derived from the policies in force. */
  topology(): Topology;
  /** Own operator policy id. */
  readonly operator: string;
  readonly log: Logger;
}

/** Another node declared the same at the same time: what is in force now is as good. */
const isTaken = (caught: unknown): boolean =>
  ['POLICY_DUPLICATE', 'POLICY_ID_TAKEN', 'POLICY_NOT_UNIQUE', 'POLICY_VOID'].some((code) => hasCode(caught, code));

/** The tables of the network as policies: read from the topology, published to the ledger. */
export const createTableRegistry = (ports: TableRegistryPorts): TableRegistry => {
  const tableOf = (dbms: string, table: string): TableInfo | undefined => ports.topology().table(dbms, table);

  const publishTable = async (dbms: string, table: string, columns: readonly Column[]): Promise<readonly Column[]> => {
    const held = tableOf(dbms, table);
    if (held !== undefined) return held.columns;
    try {
      await ports.policies.insert({ table: { dbms, name: table, create: createStatement(dbms, table, columns) } });
    } catch (caught) {
      if (!isTaken(caught)) throw caught;
      await ports.policies.caughtUp();
    }
    return tableOf(dbms, table)?.columns ?? columns;
  };

  const holds = (dbms: string, table: string): boolean => {
    const own = ports.topology().operators.get(ports.operator)?.cluster;
    return ports
      .topology()
      .clustersOf(dbms, table)
      .some(({ id }) => id === own);
  };

  const publishChild = async (dbms: string, table: string): Promise<void> => {
    const { id: parent, company, name } = ownCluster(ports);
    if (holds(dbms, table)) return;
    try {
      await ports.policies.insert({
        cluster: { parent, company, name, table: [{ dbms, name: table, status: 'active' }] },
      });
    } catch (caught) {
      if (!isTaken(caught)) throw caught;
      await ports.policies.caughtUp();
    }
    if (!holds(dbms, table))
      throw fault(
        'OPERATOR_TABLE_NOT_HELD',
        `the policy that says that the cluster ${name} holds ${dbms}.${table} is not in force`,
        {
          hint: 'its data would be missing in answers; see: blockchain get cluster',
        },
      );
    ports.log.info(`the cluster ${name} holds ${dbms}.${table}`);
  };

  return {
    columns: (dbms, table) => tableOf(dbms, table)?.columns,
    isHeld: (dbms, table) => tableOf(dbms, table) !== undefined && holds(dbms, table),
    async declare(dbms, table, columns) {
      const inForce = await publishTable(dbms, table, columns);
      await publishChild(dbms, table);
      return inForce;
    },
  };
};

const ownCluster = (ports: TableRegistryPorts): ClusterInfo => {
  const { operator } = ports;
  const { operators, clusters } = ports.topology();
  const cluster = clusters.get(operators.get(operator)?.cluster ?? '');
  if (cluster !== undefined) return cluster;
  throw fault('OPERATOR_NO_CLUSTER', `the operator ${operator} belongs to no cluster that is known here`, {
    hint: 'see: blockchain test cluster; the policies may still be on their way',
  });
};
