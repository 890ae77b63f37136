import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { fault, systemCode, type HoldfastError } from '../../base/errors.ts';
import type { OperatorOptions } from '../../operator/operator.ts';
import type { CommandContext, NodeFacts } from '../context.ts';
import { ownOperator } from '../facts.ts';
import { anyText, bool, date, integer, oneOf, ofAdmins, optional, texts, textToken, withDefault } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { SILENT, type Reply } from '../reply.ts';
import { notRunning } from './common.ts';

const alreadyRuns = (what: string): HoldfastError =>
  fault('COMMAND_RUNNING', `the ${what} runs already`, {
    hint: `to start it with other options: exit ${what}, then run it again`,
  });

const operatorOptions = {
  policy: optional(
    anyText,
    'id of the operator policy of this node; may be left out once the policy carries the key of this node',
  ),
  create_table: withDefault(bool, true, 'create tables from the data', ['craete_table']),
  update_tsd_info: withDefault(bool, true, 'keep the records that replication needs'),
  archive_json: withDefault(bool, true, 'keep accepted files, compressed', ['archive']),
  archive_sql: optional(bool, 'accepted: no SQL files are made'),
  compress_json: optional(bool, 'accepted: archived files are compressed'),
  compress_sql: optional(bool, 'accepted: no SQL files are made'),
  distributor: withDefault(bool, false, 'hand files to the distributor; a distributor that runs gets them in any case'),
  limit_tables: optional(texts, 'only these tables: (db.table, …)'),
  master_node: optional(anyText, 'accepted: there is no master', ['master']),
  blockchain: optional(anyText, 'accepted: there is no platform under the ledger'),
  company: optional(anyText, 'accepted: the policy says it'),
  threads: withDefault(integer(1, 10), 1, 'files that are taken up at a time'),
  watch_dir: ofAdmins(optional(anyText, 'where data files are dropped; in DIR only below data/watch')),
  err_dir: ofAdmins(optional(anyText, 'where files go that fail', ['error_dir'])),
  bkup_dir: optional(anyText, 'accepted: not used'),
  archive_dir: ofAdmins(optional(anyText, 'where accepted files are kept')),
  distr_dir: optional(anyText, 'accepted: replication needs no directory'),
  prep_dir: ofAdmins(optional(anyText, 'where files are prepared')),
  file_type: optional(texts, 'accepted: json and json.gz'),
  flush_streaming: optional(bool, 'accepted'),
};

/** The policy that this node runs, checked: it exists, it is an operator, it is not another node's. */
const operatorPolicy = async ({ context, options }: Call<typeof operatorOptions>): Promise<string> => {
  const id = options.policy ?? ownOperator(context)?.id;
  if (id === undefined)
    throw fault('POLICY_UNKNOWN', 'no operator policy stands for this node', {
      hint: 'insert one (blockchain insert …), then: run operator where policy = ID',
    });
  const state = context.policies.book.get(id);
  if (state?.type !== 'operator')
    throw fault('POLICY_UNKNOWN', `there is no operator policy with the id ${id}`, {
      data: { id },
      hint: 'see: blockchain get operator',
    });
  const { peer } = state.value;
  if (peer === context.network.self) return id;
  if (typeof peer === 'string')
    throw fault('COMMAND_POLICY_OF_OTHER', `the operator policy ${id} belongs to another node`, {
      data: { id, peer },
      hint: 'each operator runs its own policy; the key of this node: get node id',
    });
  await context.policies.update(id, { peer: context.network.self });
  return id;
};

const runOperator = async (call: Call<typeof operatorOptions>): Promise<Reply> => {
  const { context } = call;
  if (context.operator() !== undefined || starting.has(context)) throw alreadyRuns('operator');
  starting.add(context);
  try {
    await context.control.startOperator(await startOptions(call));
  } finally {
    starting.delete(context);
  }
  return SILENT;
};

/** Nodes whose operator is being started: a second command meanwhile is refused as well. */
const starting = new WeakSet<CommandContext>();

/** The path with its links followed, also where the end of it is not there yet. */
const realPath = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (caught) {
    const parent = dirname(path);
    if (systemCode(caught) !== 'ENOENT' || parent === path) throw caught;
    return join(await realPath(parent), basename(path));
  }
};

const isWithin = (path: string, dir: string): boolean => path === dir || path.startsWith(`${dir}${sep}`);

/**
 * What lies in a watch directory is taken up and gone, or moved to the errors: never what the node itself keeps, nor
 * what it took up before. `COMMAND_VALUE`.
 */
const checkWatchDir = async (
  { watchDir, ...others }: Pick<OperatorOptions, 'watchDir' | 'errDir' | 'archiveDir' | 'prepDir'>,
  { root, watch }: NodeFacts['directories'],
): Promise<void> => {
  const real = (path: string): Promise<string> => realPath(resolve(path));
  const [dir, ofNode, ofData] = await Promise.all([real(watchDir), real(root), real(watch)]);
  const used = await Promise.all([others.errDir, others.archiveDir, others.prepDir].map(real));
  if ((!isWithin(dir, ofNode) || isWithin(dir, ofData)) && !used.includes(dir)) return;
  throw fault('COMMAND_VALUE', `${watchDir} cannot be watched: what lies there is kept by the node`, {
    hint: `leave watch_dir out (${watch}), or name a directory of its own outside of ${root}`,
  });
};

const startOptions = async (call: Call<typeof operatorOptions>): Promise<OperatorOptions> => {
  const { options } = call;
  const { directories } = call.context.facts;
  const paths = {
    watchDir: options.watch_dir ?? directories.watch,
    errDir: options.err_dir ?? directories.error,
    archiveDir: options.archive_dir ?? directories.archive,
    prepDir: options.prep_dir ?? directories.prep,
  };
  await checkWatchDir(paths, directories);
  return {
    policy: await operatorPolicy(call),
    createTable: options.create_table,
    updateTsdInfo: options.update_tsd_info,
    archive: options.archive_json,
    distributor: options.distributor,
    threads: options.threads,
    limitTables: (options.limit_tables ?? []).map((name) => name.toLowerCase()),
    ...paths,
  };
};

const consumerOptions = {
  start_date: withDefault(anyText, '-30d', 'how far back to look for what is missing'),
  end_date: optional(date, 'up to when; now unless given'),
  mode: withDefault(oneOf('active', 'suspend'), 'active', 'suspend starts it without asking for data'),
  cluster_id: optional(anyText, 'accepted: the operator policy says it'),
};

const needsOperator = (context: CommandContext, what: string): void => {
  if (context.operator() === undefined)
    throw fault('COMMAND_NOT_RUNNING', `the ${what} needs the operator, which does not run`, {
      hint: 'first: run operator where policy = ID',
    });
};

const runConsumer = async ({ context, options, dictionary }: Call<typeof consumerOptions>): Promise<Reply> => {
  if (context.consumer() !== undefined) throw alreadyRuns('consumer');
  needsOperator(context, 'consumer');
  const start = date.read([textToken(options.start_date)], dictionary);
  const { end_date: end, mode } = options;
  await context.control.startConsumer({
    startMs: () => start(context.clock.wallMs()),
    endMs: () => end?.(context.clock.wallMs()),
    mode,
  });
  return SILENT;
};

const started = (): readonly Command[] => [
  define({
    patterns: ['run operator'],
    method: 'POST',
    explanation: 'starts taking up data into the local databases',
    examples: [
      'run operator where policy = !operator_policy_id and create_table = true and archive = true and distributor = true',
    ],
    options: operatorOptions,
    run: runOperator,
  }),
  define({
    patterns: ['run data distributor', 'run distributor'],
    method: 'POST',
    explanation: 'starts pushing new files to the other operators of the cluster',
    examples: ['run data distributor'],
    options: {
      cluster_id: optional(anyText, 'accepted: the operator policy says it'),
      distr_dir: optional(anyText, 'accepted: replication needs no directory'),
      archive_dir: optional(anyText, 'accepted: that of run operator is used'),
    },
    run: async ({ context }) => {
      if (context.distributor() !== undefined) throw alreadyRuns('distributor');
      needsOperator(context, 'distributor');
      await context.control.startDistributor();
      return SILENT;
    },
  }),
  define({
    patterns: ['run data consumer', 'run consumer'],
    method: 'POST',
    explanation: 'starts pulling what this operator lacks from the other operators of the cluster',
    examples: ['run data consumer where start_date = -30d'],
    options: consumerOptions,
    run: runConsumer,
  }),
];

const stop = (
  patterns: readonly [string, ...string[]],
  what: string,
  isRunning: (context: CommandContext) => boolean,
  end: (context: CommandContext) => Promise<void>,
): Command =>
  define({
    patterns,
    method: 'POST',
    explanation: `stops the ${what}`,
    examples: [patterns[0]],
    run: async ({ context }) => {
      if (!isRunning(context)) throw fault('COMMAND_NOT_RUNNING', `the ${what} does not run`);
      await end(context);
      return SILENT;
    },
  });

const changed = (): readonly Command[] => [
  stop(
    ['exit operator'],
    'operator',
    (context) => context.operator() !== undefined,
    ({ control }) => control.stopOperator(),
  ),
  stop(
    ['exit distributor', 'exit data distributor'],
    'distributor',
    (context) => context.distributor() !== undefined,
    ({ control }) => control.stopDistributor(),
  ),
  stop(
    ['exit consumer', 'exit data consumer'],
    'consumer',
    (context) => context.consumer() !== undefined,
    ({ control }) => control.stopConsumer(),
  ),
  define({
    patterns: ['set consumer mode = <mode>', 'set consumer mode <mode>'],
    method: 'POST',
    explanation: 'suspend stops asking peers for data, active goes on',
    examples: ['set consumer mode = suspend'],
    run: ({ context, args, dictionary }) => {
      const mode = oneOf('active', 'suspend').read(args.tokens('mode'), dictionary);
      const consumer = context.consumer();
      if (consumer === undefined) throw notRunning('consumer', 'run data consumer');
      consumer.setMode(mode);
      return SILENT;
    },
  }),
];

/** Starting, stopping and changing what takes up data and keeps it the same in the cluster. */
export const operatorCommands = (): readonly Command[] => [...started(), ...changed()];
