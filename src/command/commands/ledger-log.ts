import { fault } from '../../base/errors.ts';
import { LOG_ENTRIES_DEFAULT, LOG_ENTRIES_MAX } from '../../base/limits.ts';
import { inSlices } from '../../base/slices.ts';
import type { Fact } from '../../policy/facts.ts';
import { logOf } from '../../policy/log.ts';
import type { Chronicle } from '../../policy/past.ts';
import { authorNames, signedBy } from '../../policy/signed.ts';
import { anyText, date, integer, optional, withDefault } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { SIGNED_TITLES, signedCells } from './history.ts';

const logOptions = {
  author: optional(anyText, 'only entries of the node with this name, or of keys that begin so (8 hex digits or more)'),
  type: optional(anyText, 'only entries about policies of this type'),
  id: optional(anyText, 'only entries about this policy', ['policy_id']),
  from: optional(date, 'only entries stated from then on'),
  to: optional(date, 'only entries stated before then'),
  limit: withDefault(integer(1, LOG_ENTRIES_MAX), LOG_ENTRIES_DEFAULT, 'how many to list'),
  cursor: optional(anyText, 'hash of the last entry of the page before'),
};

const KEY_PREFIX = /^[0-9a-f]{8,64}$/;

/** The keys that a name or the beginning of a key stands for. */
const authorsOf = (
  author: string | undefined,
  facts: readonly Fact[],
  names: ReadonlyMap<string, string>,
): ReadonlySet<string> | undefined => {
  if (author === undefined) return undefined;
  const prefix = author.toLowerCase();
  const isPrefix = KEY_PREFIX.test(prefix);
  const known = new Set(facts.map((fact) => fact.author));
  const authors = [...known].filter((key) => names.get(key) === author || (isPrefix && key.startsWith(prefix)));
  if (authors.length > 0) return new Set(authors);
  throw fault('COMMAND_VALUE', `no author of the ledger is called ${author.slice(0, 80)} or has a key that begins so`, {
    data: { author: author.slice(0, 200) },
    hint: 'names are those of node policies in force and of members (get members); keys are in: blockchain log where format = json',
  });
};

const factOf = (chronicle: Chronicle, hash: string | undefined): Fact | undefined => {
  if (hash === undefined) return undefined;
  const found = chronicle.fact(hash.toLowerCase());
  if (found !== undefined) return found;
  throw fault('COMMAND_VALUE', `the cursor ${hash.slice(0, 80)} is no entry that this node holds`, {
    hint: 'take the cursor that the page before printed, on the same node, or the hash of an entry',
  });
};

const effectText = (effect: ReturnType<Call<typeof logOptions>['context']['policies']['book']['effectOf']>): string =>
  typeof effect === 'object' ? `void (${effect.rule})` : (effect ?? '');

const log = async ({ context, options, signal }: Call<typeof logOptions>): Promise<Reply> => {
  const { policies, clock } = context;
  await policies.caughtUp();
  const { book, chronicle } = policies;
  const facts = chronicle.facts();
  const names = authorNames(book);
  const typeOf = (fact: Fact): string | undefined => fact.type ?? book.factsOf(fact.id ?? '')[0]?.type ?? undefined;
  const micros = (at: ((nowMs: number) => number) | undefined): number | undefined =>
    at === undefined ? undefined : Math.round(at(clock.wallMs()) * 1_000);
  const page = await inSlices(
    logOf(
      facts,
      {
        authors: authorsOf(options.author, facts, names),
        type: options.type,
        id: options.id,
        fromMicros: micros(options.from),
        toMicros: micros(options.to),
        before: factOf(chronicle, options.cursor),
        limit: options.limit,
      },
      typeOf,
    ),
    signal,
  );
  const lines = page.facts.map((fact) => ({
    ...signedBy(fact, chronicle, names),
    type: typeOf(fact),
    id: fact.id ?? undefined,
    effect: book.effectOf(fact.hash),
  }));
  const cursor = page.more ? lines.at(-1)?.entry : undefined;
  return givesTable({
    ...(cursor === undefined ? {} : { above: `older ones: add cursor = ${cursor}` }),
    titles: [...SIGNED_TITLES, 'Change', 'Type', 'Policy', 'Effect', 'Entry'],
    rows: lines.map((line) => [
      ...signedCells(line),
      line.op,
      line.type ?? '',
      line.id ?? '',
      effectText(line.effect),
      line.entry,
    ]),
    json: { entries: lines, cursor: cursor ?? null },
  });
};

/** The entries themselves. */
export const ledgerLogCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain log'],
    method: 'GET',
    explanation: 'lists the entries of the ledger, newest first',
    examples: [
      'blockchain log',
      'blockchain log where author = operator-a and type = cluster and from = -7d and limit = 20',
    ],
    options: logOptions,
    run: log,
  }),
];
