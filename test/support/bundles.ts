import { exportBundle } from '../../src/bundle/export.ts';
import { atOnce } from '../../src/base/slices.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import { type Entry, compareEntries } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { makeEntry } from '../../src/entry/make.ts';
import { frontierOf } from '../../src/policy/closure.ts';
import { factOf } from '../../src/policy/facts.ts';
import type { StatedMoment } from '../../src/policy/moment.ts';
import { type HistoryWorld, hostileHistory, INVITE_KEYS, NEXT_KEYS } from './authority-histories.ts';
import { authorKey, type EntrySketch } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';

/** The pair of keys that a letter stands for. */
const keyOf = (letter: string): SigningKey => signingKeyFromSeed(Buffer.alloc(32, `holdfast ${letter}`));

const LETTERS = ['0', 'a', 'b', 'c', 'd', 'e'];
const ROOT = keyOf('0');
/** Exports bundles, and writes nothing. */
const EXPORTER = keyOf('exporter');

/** Makes and signs entries, each linked to its author's one before. */
class Scribe {
  readonly keys: ReadonlyMap<string, SigningKey>;
  readonly #last = new Map<string, Entry>();
  #made = 0;

  constructor(keys: readonly SigningKey[]) {
    this.keys = new Map(keys.map((key) => [key.author, key]));
  }

  write(sketch: EntrySketch & { readonly author: string }): Entry {
    const key = this.keys.get(sketch.author)!;
    const before = sketch.prev === undefined ? (this.#last.get(key.author)?.hash ?? null) : sketch.prev;
    this.#made += 1;
    const { seq = 1, time = 0, content = {}, parents = [], net = '', cap = null, op = 'insert' } = sketch;
    const { type = null, id = null, replaces = null } = sketch;
    const salt = Buffer.alloc(16, this.#made);
    const entry = makeEntry(key, { seq, time, content, parents, net, cap, op, type, id, replaces, salt, prev: before });
    this.#last.set(key.author, entry);
    return entry;
  }
}

/** A history of `authority-histories.ts` with real keys, signatures and logs. */
export const signedHostileHistory = (random: SeededRandom, steps: number): readonly Entry[] => {
  const keys = [...LETTERS.map(keyOf), ...NEXT_KEYS];
  const scribe = new Scribe([...keys, ...INVITE_KEYS]);
  const world: HistoryWorld = {
    keys: keys.map(({ author }) => author),
    make: (sketch) => scribe.write(sketch),
    step: 1,
  };
  return hostileHistory(random, steps, world);
};

const renamed = (value: JsonValue, names: ReadonlyMap<string, string>): JsonValue => {
  if (typeof value === 'string') return names.get(value) ?? value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => renamed(item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, renamed(item, names)]));
};

/**
 * Unsigned entries of `policy-entries.ts`, in the ledger's order, written again with real keys below a genesis entry: whoever stands for `a` is now the key of
 * that letter, and what named an entry names the one that took its place.
 */
export const signedAgain = (entries: readonly Entry[], admission: 'open' | 'invite' = 'open'): readonly Entry[] => {
  const scribe = new Scribe(LETTERS.map(keyOf));
  const names = new Map(LETTERS.map((letter) => [authorKey(letter), keyOf(letter).author]));
  const genesis = scribe.write({
    author: ROOT.author,
    op: 'genesis',
    time: 1_500_000_000_000_000,
    content: { v: 1, name: 'bundles', admission, roots: [ROOT.author] },
  });
  const map = (hash: string): string => names.get(hash) ?? hash;
  const written = [...entries]
    .sort((a, b) => compareEntries(a.header, b.header))
    .map(({ hash, header, content }) => {
      const { author, seq, prev, parents, time, op, type, id, replaces } = header;
      const entry = scribe.write({
        ...{ seq, time, op, type, id },
        author: map(author),
        net: genesis.hash,
        cap: genesis.hash,
        prev: prev === null ? null : map(prev),
        parents: parents.map(map),
        replaces: replaces === null ? null : typeof replaces === 'string' ? map(replaces) : replaces.map(map),
        content: renamed(content, names) as JsonObject,
      });
      names.set(hash, entry.hash);
      return entry;
    });
  return [genesis, ...written];
};

export interface BundleWish {
  readonly id?: string;
  /** Default: everything. */
  readonly moment?: StatedMoment;
  readonly by?: SigningKey;
}

/** A bundle of entries in their order of arrival, as a node that holds them would export it. */
export const bundleOf = async (entries: readonly Entry[], wish: BundleWish = {}): Promise<Buffer> => {
  const by = wish.by ?? EXPORTER;
  const facts = entries.map((entry) => factOf(entry));
  const pieces = await exportBundle(
    {
      facts,
      ledger: {
        follow: async (cursor) =>
          entries.slice(cursor, cursor + 7).map((entry, at) => ({ entry, cursor: cursor + at, receivedMs: 0 })),
      },
      sign: (manifest) => signWith(by, manifest),
    },
    {
      by: by.author,
      id: wish.id ?? null,
      made: 1_767_225_600_000_000,
      moment: wish.moment ?? { kind: 'frontier', heads: atOnce(frontierOf(facts)) },
      network: entries.find(({ header }) => header.op === 'genesis')!.hash,
    },
  );
  const chunks: Uint8Array[] = [];
  for await (const piece of pieces) chunks.push(piece);
  return Buffer.concat(chunks);
};

export const ROOT_KEY: string = ROOT.author;
