import { HoldfastError } from '../../src/base/errors.ts';
import type { CommandNode, CommandNodes } from './command-node.ts';

export const COMPANY = 'Lit San Leandro';
const TABLE = 'CREATE TABLE ping_sensor (device_name varchar, value float)';

/** A node whose operator policy (member 206), a second operator, their cluster and one table are in the ledger. */
export const addOperatorNode = async (nodes: CommandNodes): Promise<CommandNode> => {
  const node = await nodes.add({ address: '24.23.250.144:7848', environment: { HOME: '/root' } });
  const insert = (policy: string): Promise<unknown> =>
    node.run(`blockchain insert where policy = ${policy} and local = true`);
  await insert(`{"cluster": {"company": "${COMPANY}", "name": "lsl-cluster2"}}`);
  await node.run('cid = blockchain get cluster bring.first [*][id]');
  const operator = `"company": "${COMPANY}", "ip": "24.23.250.144", "cluster": !cid`;
  await insert(`{"operator": {${operator}, "name": "op1", "port": 7848, "main": true, "member": 206}}`);
  await insert(`{"operator": {${operator}, "name": "op2", "port": 7858, "member": 8}}`);
  await insert(`{"table": {"name": "ping_sensor", "dbms": "litsanleandro", "create": "${TABLE}"}}`);
  await insert(
    `{"cluster": {"parent": !cid, "company": "${COMPANY}", "name": "lsl-cluster2", "table": [{"dbms": "litsanleandro", "name": "ping_sensor"}]}}`,
  );
  return node;
};

/** The error that a command ends with. */
export const faultOf = async (node: CommandNode, text: string): Promise<HoldfastError> => {
  try {
    await node.run(text);
  } catch (caught) {
    if (caught instanceof HoldfastError) return caught;
    throw caught;
  }
  throw new Error(`${text} was accepted`);
};
