import { fault, hasCode } from '../../base/errors.ts';
import { writing } from '../../operator/store/write-procedures.ts';
import { tableName } from '../../operator/names.ts';
import { reading } from '../../operator/store/read-procedures.ts';
import type { PolicyState } from '../../policy/book.ts';
import { authorised } from '../../policy/decide.ts';
import { isJsonObject, type JsonObject } from '../../codec/json.ts';
import { policyDate } from '../../entry/time.ts';
import { homeOf } from '../../topology/home.ts';
import type { ClusterInfo } from '../../topology/topology.ts';
import type { CommandContext } from '../context.ts';
import { ownOperator } from '../facts.ts';
import { localTables, seeTables } from '../local-tables.ts';
import { nodeNames } from '../node-names.ts';
import { anyText, nameText, optional, required } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { says, SILENT, type Reply } from '../reply.ts';
import { sleepUnless } from '../wait.ts';
import { notRunning, operatorStatus, shortKey } from './common.ts';

/**
 * How long the reply waits for those that are up to hear of it: who was heard to know it takes new data as of a new
 * table.
 */
const HEARD_WAIT_MS = 5_000;
const LOOK_MS = 20;
/** Policies that name a table for a cluster: one, or some that were written at the same time. */
const TURNS_MAX = 64;

const dropOptions = {
  dbms: required(nameText, 'database'),
  cluster: optional(anyText, 'id or name of the cluster whose operators drop it; that of this node unless given'),
};

interface TableName {
  readonly dbms: string;
  readonly table: string;
}

const holds = (context: CommandContext, { dbms, table }: TableName, cluster: string): boolean =>
  context
    .topology()
    .clustersOf(dbms, table)
    .some(({ id }) => id === cluster);

const named = ({ id, name }: Pick<ClusterInfo, 'id' | 'name'>): string => `${name} (${id})`;

const clusterNamed = (context: CommandContext, wanted: string): ClusterInfo => {
  const clusters = [...context.topology().clusters.values()];
  const found = clusters.filter(({ id, name }) => id === wanted || name === wanted);
  const [cluster] = found;
  if (cluster !== undefined && found.length === 1) return cluster;
  throw fault('POLICY_CLUSTER_UNKNOWN', `${found.length} clusters have the id or name ${wanted}`, {
    hint: 'name its id: blockchain get cluster bring [*][id] " " [*][name] separator = \\n',
  });
};

interface Meant {
  /** undefined: the node is no operator, and the command names none. */
  readonly cluster: ClusterInfo | undefined;
  readonly isOwn: boolean;
  /** It has the table: by its policies, or, where these are gone, the own operator has files of it. */
  readonly isHeld: boolean;
}

const meantBy = async ({ context, options }: Call<typeof dropOptions>, name: TableName): Promise<Meant> => {
  const own = context.topology().clusters.get(ownOperator(context)?.cluster ?? '');
  const cluster = options.cluster === undefined ? own : clusterNamed(context, options.cluster);
  const isOwn = cluster?.id === own?.id;
  const isKept = async (): Promise<boolean> =>
    (await context.sqlite.read(reading, 'kept', name.dbms, name.table)) !== undefined;
  const isHeld = cluster !== undefined && (holds(context, name, cluster.id) || (isOwn && (await isKept())));
  return { cluster, isOwn, isHeld };
};

const unknownTable = async (
  context: CommandContext,
  { dbms, table }: TableName,
  { cluster, isOwn }: Meant,
): Promise<Error> => {
  if (cluster !== undefined && !isOwn)
    return fault('COMMAND_TABLE_UNKNOWN', `the cluster ${named(cluster)} has no table ${dbms}.${table}`, {
      hint: `see: get data nodes; where its policies are gone and operators have its files, give the command on one of them`,
    });
  const elsewhere = context.topology().clustersOf(dbms, table);
  return fault('COMMAND_TABLE_UNKNOWN', `there is no table ${dbms}.${table} on this node`, {
    hint:
      elsewhere.length === 0
        ? await seeTables(context, dbms)
        : `to drop it where it is: drop table ${table} where dbms = ${dbms} and cluster = ${elsewhere.map(({ id }) => id).join(', or ')}`,
  });
};

/** The last drop of a cluster's table. */
const lastDrop = (context: CommandContext, name: TableName, cluster: string): PolicyState | undefined => {
  const { dbms, table } = tableName(name.dbms, name.table);
  const drop = context
    .topology()
    .dropsOf(cluster)
    .findLast((each) => each.dbms === dbms && each.table === table);
  return drop && context.policies.book.get(drop.id);
};

/** Whoever drops the same at the same time may have been first. */
const unlessGone = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work;
  } catch (caught) {
    if (!hasCode(caught, 'POLICY_UNKNOWN')) throw caught;
  }
};

/** The cluster serves the table no longer; data that comes later declares it anew, with columns of its own. */
const endPolicies = async (context: CommandContext, { dbms, table }: TableName, cluster: string) => {
  const isIt = (entry: { readonly dbms: string; readonly table: string }): boolean =>
    entry.dbms === dbms && entry.table === table;
  for (let turns = 0; turns < TURNS_MAX; turns += 1) {
    const entry = context.topology().clusters.get(cluster)?.tables.find(isIt);
    if (entry === undefined) break;
    const list = context.policies.book.get(entry.policy)?.value['table'];
    const left = (Array.isArray(list) ? list : []).filter(
      (each) => !(isJsonObject(each) && each['dbms'] === dbms && each['name'] === table),
    );
    const isChild = entry.policy !== cluster && left.length === 0;
    await unlessGone(
      isChild ? context.policies.delete(entry.policy) : context.policies.update(entry.policy, { table: left }),
    );
    await context.policies.caughtUp();
  }
  const declared = context.topology().table(dbms, table);
  if (declared !== undefined && context.topology().clustersOf(dbms, table).length === 0)
    await unlessGone(context.policies.delete(declared.id));
};

const insertDrop = async ({ policies }: CommandContext, drop: JsonObject): Promise<PolicyState | undefined> => {
  try {
    return await policies.insert({ drop });
  } catch (caught) {
    // The same was said before, of the same files.
    if (hasCode(caught, 'POLICY_ID_TAKEN')) return undefined;
    throw caught;
  }
};

/** The operators that have not heard of a policy yet. */
const unheard = (context: CommandContext, state: PolicyState | undefined, cluster: string) => {
  const operators = context.topology().clusters.get(cluster)?.operators ?? [];
  if (state === undefined) return [];
  const holders = context.ledgerSync.holders(state.author, state.seq);
  return operators.filter(({ peer }) => peer === undefined || !holders.has(peer));
};

/** Why the own operator has not done it yet; undefined: it has, or has nothing to do with it. */
const undone = (context: CommandContext, state: PolicyState | undefined, cluster: string): string | undefined => {
  const drops = context.operator()?.drops;
  if (ownOperator(context)?.cluster !== cluster || state === undefined || drops === undefined) return undefined;
  return drops.isApplied(state.id) ? undefined : (drops.failure ?? 'it goes on');
};

/**
 * Those that are up hear of it within a moment, and this operator does it; the reply waits for that, and for nobody
 * else.
 */
const settled = async (call: Call<typeof dropOptions>, state: PolicyState | undefined, cluster: string) => {
  const { context, signal } = call;
  const ends = context.clock.monotonicMs() + HEARD_WAIT_MS;
  const isWaitedFor = (): boolean =>
    unheard(context, state, cluster).some((operator) => operatorStatus(context, operator) === 'active') ||
    undone(context, state, cluster) !== undefined;
  while (isWaitedFor() && context.clock.monotonicMs() < ends) await sleepUnless(context.clock, LOOK_MS, signal);
};

/** What is held here of an operator that was moved away counts in its cluster: it would lose it when it is moved back. */
const isOf = (context: CommandContext, { id }: ClusterInfo, origin: string): boolean =>
  (homeOf(context.topology(), origin) ?? id) === id;

/**
 * Drops a table on all operators of a cluster: its policies end first, then the drop is said, so that whoever hears of
 * it has heard that the table is served no longer.
 */
const dropIn = async (call: Call<typeof dropOptions>, name: TableName, cluster: ClusterInfo): Promise<Reply> => {
  const { context, signal } = call;
  const { dbms, table } = tableName(name.dbms, name.table);
  if (ownOperator(context)?.cluster === cluster.id) {
    const operator = context.operator();
    if (operator === undefined) throw notRunning('operator', 'run operator');
    await operator.flush(dbms, table);
  }
  const known = await context.knownFiles(cluster.id, signal);
  const files = Object.fromEntries(
    [...known].flatMap(([origin, ranges]) =>
      isOf(context, cluster, origin) ? ranges.slice(-1).map((last) => [origin, last[1]]) : [],
    ),
  );
  const drop = { company: cluster.company, cluster: cluster.id, dbms, table, files };
  const change = { author: context.ledger.author, type: 'drop', id: '', before: undefined, after: drop };
  authorised(context.policies.book, change);
  await endPolicies(context, name, cluster.id);
  const state = (await insertDrop(context, drop)) ?? lastDrop(context, name, cluster.id);
  await settled(call, state, cluster.id);
  return replyOf(context, name, cluster, state, 'is');
};

/** It is not there, or going; undefined: nobody dropped it, or it came again since. */
const droppedBefore = async (
  call: Call<typeof dropOptions>,
  name: TableName,
  { cluster }: Meant,
  isHere: boolean,
): Promise<Reply | undefined> => {
  if (cluster === undefined) return undefined;
  const { context } = call;
  const state = lastDrop(context, name, cluster.id);
  // What is here may be going, and must not be taken from those who are to have its rows.
  if (state === undefined || (isHere && undone(context, state, cluster.id) === undefined)) return undefined;
  await settled(call, state, cluster.id);
  return replyOf(context, name, cluster, state, 'was');
};

const writerOf = (context: CommandContext, { author }: PolicyState): string =>
  nodeNames(context.topology()).get(author) ?? `node ${shortKey(author)}`;

const replyOf = (
  context: CommandContext,
  { dbms, table }: TableName,
  cluster: ClusterInfo,
  state: PolicyState | undefined,
  when: 'is' | 'was',
): Reply => {
  const waiting = unheard(context, state, cluster.id).map(({ name }) => name);
  const others = context
    .topology()
    .clustersOf(dbms, table)
    .filter(({ id }) => id !== cluster.id);
  const undoneHere = undone(context, state, cluster.id);
  const where = `on all operators of the cluster ${named(cluster)}`;
  const before = state === undefined ? '' : `, by ${writerOf(context, state)} on ${policyDate(state.time)}`;
  const lines = [
    when === 'was'
      ? `${dbms}.${table} was dropped already ${where}${before}`
      : `${dbms}.${table} is ${undoneHere === undefined ? '' : 'being '}dropped ${where}`,
  ];
  if (undoneHere !== undefined) lines.push(`not done here yet: ${undoneHere}`);
  if (waiting.length > 0) lines.push(`not heard of it yet, and dropping it when they do: ${waiting.join(', ')}`);
  if (others.length > 0)
    lines.push(
      `these clusters hold it still, so its columns stay as they are: ${others.map(named).join(', ')}; there: drop table ${table} where dbms = ${dbms} and cluster = ID`,
    );
  return says(lines.join('\n'), {
    dropped: `${dbms}.${table}`,
    cluster: cluster.id,
    policy: state?.id,
    waiting,
    undone: undoneHere,
    others: others.map(({ id }) => id),
  });
};

const tableOf = (call: Call<typeof dropOptions>): TableName => ({
  dbms: call.options.dbms,
  table: nameText.read(call.args.tokens('table'), call.dictionary),
});

/** `drop table`. */
export const dropTableCommand = (): Command =>
  define({
    patterns: ['drop table <table>'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation:
      'drops a table on all operators of the cluster of this node, or of the one that is named, also on those that are away when they are back; one that no cluster holds on this node',
    examples: [
      'drop table old where dbms = lsl_demo',
      'drop table old where dbms = lsl_demo and cluster = lsl-cluster2',
    ],
    options: dropOptions,
    run: async (call) => {
      const name = tableOf(call);
      const meant = await meantBy(call, name);
      if (meant.cluster !== undefined && meant.isHeld) return dropIn(call, name, meant.cluster);
      const isHere = meant.isOwn && (await localTables(call.context, name.dbms)).includes(name.table);
      const before = await droppedBefore(call, name, meant, isHere);
      if (before !== undefined) return before;
      if (!isHere) throw await unknownTable(call.context, name, meant);
      await call.context.sqlite.write(writing, 'dropTable', name.dbms, name.table);
      return SILENT;
    },
  });
