import { canonicalBytes } from '../../src/codec/canonical.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseEntry } from '../../src/entry/check.ts';
import type { Entry, RawEntry } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { type EntryDraft, makeEntry } from '../../src/entry/make.ts';
import type { Acceptance, Ledger, Proposal } from '../../src/ledger/ledger.ts';

/** 2026-01-01, the virtual clock's start, in microseconds. */
export const START_MICROS = 1_767_225_600_000_000;

export const seedOf = (number: number): Uint8Array => {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, number);
  return seed;
};

/** A proposal that a test needs no more of than that it differs from others. */
export const proposal = (number: number, content: JsonObject = { table: { name: `t${number}` } }): Proposal => ({
  op: 'insert',
  type: 'table',
  id: `policy-${number}`,
  replaces: null,
  content,
});

export const genesisOf = (key: SigningKey, time = START_MICROS): Entry =>
  makeEntry(key, {
    net: '',
    seq: 1,
    prev: null,
    parents: [],
    time,
    cap: null,
    op: 'genesis',
    type: null,
    id: null,
    replaces: null,
    content: { v: 1, name: 'test', admission: 'open', roots: [key.author] },
    salt: new Uint8Array(16),
  });

/** Makes the entries of one author by hand, good or bad. */
export interface TestAuthor {
  readonly key: SigningKey;
  readonly author: string;
  /** The next entry of the log; it becomes `last`. */
  next(change?: Partial<EntryDraft>): Entry;
  /** An entry after `before` (or the first one) that is not kept as `last`. */
  after(before: Entry | undefined, change?: Partial<EntryDraft>): Entry;
  readonly last: Entry | undefined;
}

export const createAuthor = (number: number, genesis: Entry): TestAuthor => {
  const key = signingKeyFromSeed(seedOf(number));
  let last: Entry | undefined = genesis.header.author === key.author ? genesis : undefined;
  let made = 0;
  const after = (before: Entry | undefined, change: Partial<EntryDraft> = {}): Entry => {
    made += 1;
    return makeEntry(key, {
      net: genesis.hash,
      seq: (before?.header.seq ?? 0) + 1,
      prev: before?.hash ?? null,
      parents: before === undefined && genesis.header.author !== key.author ? [genesis.hash] : [],
      time: (before ?? genesis).header.time + 10,
      cap: genesis.hash,
      op: 'insert',
      type: 'table',
      id: `by-${number}-${made}`,
      replaces: null,
      content: { table: { name: `t${made}` } },
      salt: seedOf(made).subarray(0, 16),
      ...change,
    });
  };
  return {
    key,
    author: key.author,
    after,
    next(change) {
      last = after(last, change);
      return last;
    },
    get last() {
      return last;
    },
  };
};

/** The same entry with a signature that does not hold. */
export const badlySigned = ({ raw }: Entry): RawEntry => ({
  ...raw,
  signature: raw.signature.map((byte, at) => (at === 3 ? byte ^ 1 : byte)),
});

/** An entry whose header was changed at will and then signed; it need not be well-formed. */
export const resigned = (entry: Entry, key: SigningKey, change: JsonObject): RawEntry => {
  const header = canonicalBytes({ ...entry.header, ...change });
  return { header, signature: signWith(key, header), body: entry.raw.body };
};

/** Verdict and code in one word: `accept`, `reject LEDGER_OTHER_NETWORK`. */
export const verdictOf = ({ verdict, code }: Acceptance): string =>
  code === undefined ? verdict : `${verdict} ${code}`;

export const offerAll = async (
  ledger: Ledger,
  entries: readonly (Entry | RawEntry)[],
  from = 'f'.repeat(64),
): Promise<string[]> => {
  const raws = entries.map((entry) => ('raw' in entry ? entry.raw : entry));
  return (await ledger.offer(raws, from)).map(verdictOf);
};

/** Everything that one node holds, as another would send it. */
export const everythingOf = async (ledger: Ledger): Promise<RawEntry[]> => {
  const raws: RawEntry[] = [];
  for (let cursor = 0; ;) {
    const held = await ledger.follow(cursor, 1_000);
    const last = held.at(-1);
    if (last === undefined) return raws;
    raws.push(...held.map(({ entry }) => entry.raw));
    cursor = last.cursor + 1;
  }
};

/** What must be equal on all nodes that hold the same. */
export const convergentState = (ledger: Ledger): unknown => ({
  network: ledger.network,
  version: ledger.version,
  clock: [...ledger.clock()].sort(),
  heads: [...ledger.heads()].sort(),
  forks: ledger
    .equivocations()
    .map(({ author, seq, entries }) => ({ author, seq, pair: entries.slice(0, 2).map((raw) => parseEntry(raw).hash) }))
    .sort((a, b) => (a.author < b.author ? -1 : 1)),
});
