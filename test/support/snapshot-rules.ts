import { atOnce } from '../../src/base/slices.ts';
import { canonicalJson } from '../../src/codec/canonical.ts';
import { type Entry } from '../../src/entry/entry.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { forksOf } from '../../src/policy/closure.ts';
import { factOf } from '../../src/policy/facts.ts';
import { createFold } from '../../src/policy/fold.ts';
import { authorKey, entryOf } from './policy-entries.ts';

/**
 * The rules on snapshots as slowly and plainly as they can be told. What is settled is written again as inserts of the
 * values that policies have, and what follows is dated after them: then the plain fold, which knows of no snapshot, has
 * the answer.
 */
interface NaiveBook {
  /** How many snapshots are in force. */
  readonly chain: number;
  /** The policies in force, by id, without date. */
  readonly states: readonly { readonly id: string; readonly type: string; readonly value: JsonObject }[];
  /** Whether each entry about a policy that no snapshot covers is void. */
  readonly effects: readonly (readonly [string, boolean])[];
}

type Forks = ReadonlyMap<string, number>;

const forksIn = (entries: readonly Entry[]): Forks =>
  new Map([...atOnce(forksOf(entries.map((entry) => factOf(entry))))].map(([author, { seq }]) => [author, seq]));

const plainFold = (entries: readonly Entry[], forks: Forks) => {
  const fold = createFold();
  // Under another name they are unknown to it.
  fold.add(
    entries.map((entry) =>
      entry.header.op === 'snapshot' ? { ...entry, header: { ...entry.header, op: 'later' } } : entry,
    ),
  );
  for (const [author, seq] of forks) fold.voidAuthor(author, seq, 'proof');
  return fold;
};

interface Reached {
  readonly found: readonly Entry[];
  readonly forks: Forks;
}

/** Everything that some entries build on, themselves too; past the forks that these entries show, nothing. */
const reached = (entries: readonly Entry[], heads: readonly string[]): Reached | undefined => {
  const byHash = new Map(entries.map((entry) => [entry.hash, entry]));
  const forks = new Map<string, number>();
  for (;;) {
    const found = new Set<Entry>();
    const open = [...heads];
    for (let hash = open.pop(); hash !== undefined; hash = open.pop()) {
      const entry = byHash.get(hash);
      if (entry === undefined) return undefined;
      if (found.has(entry)) continue;
      found.add(entry);
      const { author, seq, prev, parents } = entry.header;
      if (seq < (forks.get(author) ?? Infinity)) open.push(...parents, ...(prev === null ? [] : [prev]));
    }
    const news = [...forksIn([...found])].filter(([author, seq]) => seq < (forks.get(author) ?? Infinity));
    if (news.length === 0) return { found: [...found], forks };
    for (const [author, seq] of news) forks.set(author, seq);
  }
};

interface Snapshot {
  readonly content: string;
  readonly covered: readonly Entry[];
  readonly forks: Forks;
}

const chainOf = (entries: readonly Entry[], lies: ReadonlySet<string>, forks: Forks): readonly Snapshot[] => {
  const genesis = entries.find(({ header }) => header.op === 'genesis')!;
  const roots = genesis.content['roots'] as readonly string[];
  const { authority } = plainFold(entries, forks);
  const groups = new Map<string, { readonly signers: Set<string>; readonly frontier: readonly string[] }>();
  for (const { hash, header, content } of entries) {
    if (header.op !== 'snapshot' || !roots.includes(header.author)) continue;
    const frontier = content['frontier'] as readonly string[];
    const around = reached(entries, [hash]);
    if (around === undefined || authority.reasonOf(factOf(entries.find((entry) => entry.hash === hash)!)) !== undefined)
      continue;
    if (!frontier.every((head) => around.found.some((entry) => entry.hash === head))) continue;
    const key = canonicalJson(content);
    const group = groups.get(key) ?? { signers: new Set(), frontier };
    groups.set(key, group);
    group.signers.add(header.author);
  }
  const chain: Snapshot[] = [];
  for (const [content, { signers, frontier }] of groups) {
    const named = signers.size * 2 > roots.length && !lies.has(content) ? reached(entries, frontier) : undefined;
    if (named === undefined) continue;
    const covered = entries.filter((entry) => named.found.includes(entry) || entry === genesis);
    const inside = chainOf(covered, lies, named.forks).map((each) => each.content);
    if (canonicalJson(inside) === canonicalJson(chain.map((each) => each.content)))
      chain.push({ content, covered, forks: named.forks });
  }
  return chain;
};

/** `entries` in the ledger's order. */
export const naiveBook = (
  entries: readonly Entry[],
  lies: ReadonlySet<string>,
  forks: Forks = forksIn(entries),
): NaiveBook => {
  const chain = chainOf(entries, lies, forks);
  const last = chain.at(-1);
  const covered = last?.covered ?? [];
  const { authority } = plainFold(entries, forks);
  const book = createFold();
  if (last !== undefined)
    for (const [at, { id, type, value }] of naiveBook(covered, lies, last.forks).states.entries()) {
      const { id: _id, ...content } = value;
      const author = typeof value['peer'] === 'string' ? value['peer'] : authorKey('f');
      book.add([entryOf({ op: 'insert', id, type, content, author, seq: 1_000_000 + at, time: at })]);
    }
  const rest = entries.filter(
    (entry) => !covered.includes(entry) && ['insert', 'update', 'delete'].includes(entry.header.op),
  );
  const effects: (readonly [string, boolean])[] = [];
  const good = rest.filter((entry) => authority.reasonOf(factOf(entry)) === undefined);
  book.add(good);
  for (const entry of rest)
    effects.push([entry.hash, !good.includes(entry) || typeof book.effectOf(entry.hash) === 'object']);
  const states = book.ofType().map(({ id, type, value: { date: _date, ...value } }) => ({ id, type, value }));
  return { chain: chain.length, states: states.sort((a, b) => (a.id < b.id ? -1 : 1)), effects };
};
