import { fault } from '../../base/errors.ts';
import { authorNames } from '../../policy/signed.ts';
import type { Checkpoint } from '../../receipt/checkpoint.ts';
import { originText } from '../../receipt/origin.ts';
import type { Named } from '../../receipt/receipts.ts';
import { anyText, optional, type OptionTable } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { cosignaturesJson, secondsDate, shortKey } from './common.ts';
import { splitViewCommands } from './split-views.ts';

const checkpointJson = (checkpoint: Checkpoint, names: ReadonlyMap<string, string>) => ({
  size: checkpoint.size,
  root: checkpoint.root.toString('base64'),
  checkpoint: checkpoint.note,
  cosignatures: cosignaturesJson(checkpoint, names),
});

const receipts = async ({ context }: Call<OptionTable>): Promise<Reply> => {
  const names = authorNames(context.policies.book);
  const status = await context.receipts.status();
  const nameOf = (key: string): string => names.get(key) ?? shortKey(key);
  const { checkpoint } = status;
  const above = [
    `Log: ${status.origin ?? 'none yet'}`,
    checkpoint === undefined
      ? 'Checkpoint: none yet'
      : `Checkpoint: ${checkpoint.size} entries, root ${checkpoint.root.toString('base64')}`,
    ...(status.failure === undefined ? [] : [`Failure: ${status.failure}`]),
  ].join('\n');
  const own = status.witnesses.map(({ witness, size, time, lastError }) => [
    'witnessed by',
    nameOf(witness),
    size,
    time === undefined ? '' : secondsDate(time),
    lastError ?? '',
  ]);
  const others = status.witnessed.map(({ origin, size, time, copied, failure }) => [
    'witness of',
    nameOf(origin.node),
    size,
    failure === undefined ? secondsDate(time) : '',
    failure ?? (copied === size ? '' : `${copied} entries copied`),
  ]);
  return givesTable({
    above,
    titles: ['Receipts', 'Node', 'Size', 'Cosigned', 'Note'],
    rows: [...own, ...others],
    json: {
      origin: status.origin ?? null,
      ...(checkpoint === undefined ? { size: 0 } : checkpointJson(checkpoint, names)),
      witnesses: status.witnesses.map((each) => ({
        ...each,
        name: names.get(each.witness) ?? null,
        time: each.time === undefined ? null : secondsDate(each.time),
        lastError: each.lastError ?? null,
      })),
      witnessed: status.witnessed.map(({ origin, size, time, copied, failure }) => ({
        origin: originText(origin),
        name: names.get(origin.node) ?? null,
        ...{ size, copied, time: failure === undefined ? secondsDate(time) : null },
        ...(failure === undefined ? {} : { failure }),
      })),
      failure: status.failure ?? null,
    },
  });
};

const settledOptions = {
  id: optional(anyText, 'id of a policy: its newest entry', ['policy_id']),
  entry: optional(anyText, 'hash of an entry'),
};

/** The entry that a user means. `COMMAND_OPTION_MISSING`, `POLICY_UNKNOWN`. */
const entryOf = ({ context, options }: Call<typeof settledOptions>): string => {
  if (options.entry !== undefined && /^[0-9a-f]{64}$/i.test(options.entry)) return options.entry.toLowerCase();
  if (options.id === undefined)
    throw fault('COMMAND_OPTION_MISSING', 'an id or the hash of an entry is needed', {
      hint: 'blockchain settled where id = ID, or where entry = HASH (64 hex digits, see blockchain log)',
    });
  const state = context.policies.book.get(options.id);
  const newest =
    state && context.policies.chronicle.facts().find(({ author, seq }) => author === state.author && seq === state.seq);
  if (newest !== undefined) return newest.hash;
  throw fault('POLICY_UNKNOWN', `there is no policy ${options.id.slice(0, 128)}`, { data: { id: options.id } });
};

/** Whether a majority of the registered nodes has the entry in its receipts, each proven. */
const settled = async (call: Call<typeof settledOptions>): Promise<Reply> => {
  const { context, signal } = call;
  await context.policies.caughtUp();
  const entry = entryOf(call);
  const names = authorNames(context.policies.book);
  const named = await context.receipts.named(entry, signal);
  const proven = named.filter((each): each is Exclude<Named, { error: string }> => 'checkpoint' in each);
  const isSettled = proven.length * 2 > named.length;
  return givesTable({
    above: `Entry ${entry}: ${isSettled ? 'settled' : 'open'}, ${proven.length} of ${named.length} registered nodes have it in their receipts`,
    titles: ['Node', 'Key', 'Number', 'Of', 'Cosigned By', 'Note'],
    rows: named.map((each) =>
      'checkpoint' in each
        ? [
            names.get(each.node) ?? '',
            shortKey(each.node),
            each.index,
            each.checkpoint.size,
            each.checkpoint.cosignatures.length,
            '',
          ]
        : [names.get(each.node) ?? '', shortKey(each.node), '', '', '', each.error],
    ),
    json: {
      entry,
      settled: isSettled,
      registered: named.length,
      named: proven.length,
      nodes: named.map((each) => ({
        node: each.node,
        name: names.get(each.node) ?? null,
        ...('checkpoint' in each
          ? { index: each.index, ...checkpointJson(each.checkpoint, names) }
          : { error: each.error }),
      })),
    },
  });
};

/** Who knew what, when. */
export const receiptCommands = (): readonly Command[] => [
  define({
    patterns: ['get receipts'],
    method: 'GET',
    explanation:
      'shows the log of what this node has accepted, in order of arrival: its last signed checkpoint, who cosigned it ' +
      'when, and the logs of other nodes that this one witnesses',
    examples: ['get receipts', 'get receipts where format = json'],
    run: receipts,
  }),
  define({
    patterns: ['blockchain settled'],
    method: 'GET',
    explanation:
      'asks the registered nodes whether their receipts name the newest entry of a policy, or an entry; it is settled ' +
      'when a majority proves it',
    examples: ['blockchain settled where id = 64999c0d', 'blockchain settled where id = 64999c0d and format = json'],
    options: settledOptions,
    run: settled,
  }),
  ...splitViewCommands(),
];
