import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeProcess } from './node-process.ts';

/** The commands that make a node an operator, as the documentation of high availability has them. */
const operatorCommands = (policyId: string): readonly string[] => [
  `run operator where policy = ${policyId} and create_table = true and update_tsd_info = true and archive = true and distributor = true`,
  'run data distributor',
  'run data consumer where start_date = -30d',
];

/** A policy as users see it. */
export interface PolicyDocument {
  readonly id: string;
  readonly date: string;
  readonly ledger: string;
  readonly [attribute: string]: unknown;
}

/** Inserts a policy on a node and reads it back as the network has it. */
export const insertPolicy = async (
  node: NodeProcess,
  type: string,
  attributes: Readonly<Record<string, unknown>>,
): Promise<PolicyDocument> => {
  await node.run(`blockchain insert where policy = ${JSON.stringify({ [type]: attributes })}`);
  const found = (await node.json(`blockchain get ${type} where name = "${String(attributes['name'])}"`)) as Record<
    string,
    PolicyDocument
  >[];
  const policy = found[0]?.[type];
  if (policy === undefined) throw new Error(`the ${type} policy ${String(attributes['name'])} is not in the ledger`);
  return policy;
};

const ipAndPort = (address: string): { ip: string; port: number } => {
  const cut = address.lastIndexOf(':');
  return { ip: address.slice(0, cut), port: Number(address.slice(cut + 1)) };
};

/** The policy that a node inserts for itself. */
export const nodePolicy = (node: NodeProcess, company: string): Record<string, unknown> => ({
  company,
  name: node.facts.name,
  ...ipAndPort(node.facts.listen),
  rest_port: ipAndPort(node.facts.rest).port,
});

/** Inserts an operator's own policy and starts its three processes; a script does the same at each later start. */
export const becomeOperator = async (
  node: NodeProcess,
  company: string,
  cluster: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<PolicyDocument> => {
  const policy = await insertPolicy(node, 'operator', { ...nodePolicy(node, company), cluster, ...changes });
  const commands = operatorCommands(policy.id);
  await writeFile(operatorScript(node), `${commands.join('\n')}\n`);
  for (const command of commands) await node.run(command);
  return policy;
};

/** The script that an operator runs at each start. */
const operatorScript = (node: NodeProcess): string => join(node.options.dir, 'operator.al');

/** Starts an ended operator again, in its directory and on its addresses. */
export const restartOperator = (node: NodeProcess, seed: string | undefined): Promise<NodeProcess> =>
  node.restart(['--script', operatorScript(node), ...(seed === undefined ? [] : ['--seed', seed])]);

/** Starts nodes: the first creates an open network, the others join it by its address only. */
export const startNodes = async (
  dir: string,
  names: readonly string[],
  started: (node: NodeProcess) => void = () => {},
): Promise<readonly NodeProcess[]> => {
  const nodes: NodeProcess[] = [];
  for (const name of names) {
    const seed = nodes[0]?.facts.listen;
    const args = seed === undefined ? ['--network', 'demo', '--admission', 'open'] : ['--seed', seed];
    const node = await NodeProcess.start({ dir: join(dir, name), name, args });
    nodes.push(node);
    started(node);
  }
  return nodes;
};

/** What `test cluster data where format = json` says. */
export interface ClusterComparison {
  readonly equal: boolean;
  readonly tables: Readonly<
    Record<string, { readonly nodes: Readonly<Record<string, { readonly files: number; readonly rows: number }>> }>
  >;
}

/** Compares files, rows and content of every table on all operators of a node's cluster. */
export const compareCluster = async (node: NodeProcess): Promise<ClusterComparison> =>
  (await node.json('test cluster data where format = json')) as ClusterComparison;
