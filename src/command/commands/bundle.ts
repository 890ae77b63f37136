import { fault } from '../../base/errors.ts';
import { BUNDLE_EXPORTS_MAX } from '../../base/limits.ts';
import { inSlices } from '../../base/slices.ts';
import { exportBundle } from '../../bundle/export.ts';
import type { ReceiptSource } from '../../bundle/gather-receipts.ts';
import type { Question } from '../../bundle/question.ts';
import { frontierOf } from '../../policy/closure.ts';
import type { Fact } from '../../policy/facts.ts';
import type { CommandContext } from '../context.ts';
import { anyText, optional } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import type { Reply } from '../reply.ts';
import { askKnown, type KnownQuestion } from './known-at.ts';
import { readMoment } from './moment.ts';

const options = {
  id: optional(anyText, 'the policy that is asked for; default: all'),
  as_of: optional(anyText, 'date, frontier or hash of an entry; default: everything that the node holds'),
  known_at: optional(
    anyText,
    'instead of that a date: what a node knew then, proven by its receipts, which go into the file',
  ),
  on: optional(anyText, 'the node that known_at is about, by name or key; default: this one'),
};

/**
 * Exports whose answer is being computed or read, by node: each holds what was borrowed for it in memory until its end.
 */
const running = new WeakMap<CommandContext, number>();

const nothingHeld = (): Error =>
  fault('POLICY_NO_NETWORK', 'this node belongs to no network yet: there is nothing to export');

const momentOf = async (
  facts: readonly Fact[],
  known: KnownQuestion | undefined,
  { context, options: { as_of: asOf }, signal }: Call<typeof options>,
): Promise<Question['moment']> => {
  if (known !== undefined) return { kind: 'known', node: known.node, micros: Math.floor(known.ms) * 1_000 };
  if (asOf !== undefined) return readMoment(asOf, context.clock.wallMs());
  return { kind: 'frontier', heads: await inSlices(frontierOf(facts), signal) };
};

/** What a node knew, where that is asked for. `COMMAND_OPTION`, and what {@link askKnown} throws. */
const knownOf = async (call: Call<typeof options>): Promise<KnownQuestion | undefined> => {
  const { as_of: asOf, known_at: time, on: node } = call.options;
  if (time === undefined ? node !== undefined : asOf !== undefined)
    throw fault('COMMAND_OPTION', 'known_at names a date, on its node, and as_of another moment', {
      hint: 'for example: known_at = "2026-11-25 18:00:00" and on = operator-b, or as_of = -1d',
    });
  return time === undefined ? undefined : askKnown(call, { time, node });
};

const bundle = async (call: Call<typeof options>): Promise<AsyncIterable<Uint8Array>> => {
  const { context, options: asked, signal } = call;
  const { ledger, policies, clock } = context;
  const { evidence } = context.receipts;
  const known = await knownOf(call);
  // A node that has just started has not read yet what it signed before.
  await context.receipts.firstSigned();
  // Before the facts: so all that it names is among them.
  const checkpoint = evidence.witnessed() ?? evidence.newest();
  await policies.caughtUp();
  const { network } = ledger;
  if (network === undefined) throw nothingHeld();
  const facts = policies.chronicle.facts();
  if (asked.id !== undefined && policies.book.factsOf(asked.id).length === 0)
    throw fault('POLICY_UNKNOWN', `no entry names a policy ${asked.id}`, {
      hint: 'find its id: blockchain get * bring.table [*][id] [*][name]',
    });
  const question: Question = {
    by: ledger.author,
    id: asked.id ?? null,
    made: Math.floor(clock.wallMs() * 1_000),
    moment: await momentOf(facts, known, call),
    network,
  };
  const receipts: ReceiptSource | undefined =
    checkpoint === undefined
      ? undefined
      : {
          checkpoint,
          entries: (from, to) => evidence.entries(from, to),
          witnessedFrom: (size) => evidence.witnessedFrom(size),
        };
  return exportBundle(
    {
      ...{ ledger, facts, receipts, known: known?.known, archive: policies.pruning?.archive },
      sign: (manifest) => context.signManifest(manifest),
    },
    question,
    signal,
  );
};

const run = async (call: Call<typeof options>): Promise<Reply> => {
  const { context, session } = call;
  if (session.caller !== 'rest')
    throw fault('COMMAND_REMOTE_REFUSED', 'the answer is a file: it is given by REST alone', {
      hint: 'holdfast audit export --node HOST:PORT --out FILE.tar',
    });
  const before = running.get(context) ?? 0;
  if (before >= BUNDLE_EXPORTS_MAX)
    throw fault('BUNDLE_BUSY', `${before} bundles are being made`, { hint: 'ask again in a moment' });
  const count = (): (() => void) => {
    running.set(context, (running.get(context) ?? 0) + 1);
    return () => running.set(context, (running.get(context) ?? 1) - 1);
  };
  const computed = count();
  try {
    return { text: '', json: undefined, file: whileRead(await bundle(call), count) };
  } finally {
    computed();
  }
};

/** Calls `begin` when the pieces begin to be read, and what it returns when that ends, whole or not. */
const whileRead = (pieces: AsyncIterable<Uint8Array>, begin: () => () => void): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]() {
    const inner = pieces[Symbol.asyncIterator]();
    let end = begin();
    const ended = (): void => {
      end();
      end = () => {};
    };
    return {
      async next() {
        try {
          const next = await inner.next();
          if (next.done === true) ended();
          return next;
        } catch (caught) {
          ended();
          throw caught;
        }
      },
      // Also for one of which nothing was read: a generator that has not begun would not come to its `finally`.
      async return() {
        ended();
        await inner.return?.();
        return { done: true, value: undefined };
      },
    };
  },
});

/** The portable proof; `holdfast audit export` uses it. */
export const bundleCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain export'],
    method: 'GET',
    remote: 'never',
    explanation:
      'gives the whole ledger with the policies in force at a moment as one file (tar) that anybody can check without a node; by REST',
    examples: [
      'blockchain export',
      'blockchain export where id = 5f0b2c and as_of = "2026-11-25 18:00:00"',
      'blockchain export where known_at = "2026-11-25 18:00:00" and on = operator-b',
    ],
    options,
    run,
  }),
];
