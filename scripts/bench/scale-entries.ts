import { canonicalBytes } from '../../src/codec/canonical.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry, RawEntry } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed } from '../../src/entry/keys.ts';
import { type EntryDraft, makeEntry } from '../../src/entry/make.ts';

/** Of five entries one changes an earlier policy; how many authors back an entry names the heads of three others. */
const UPDATE_EVERY = 5;
const STEPS = [7, 14, 21];

const keyOf = (number: number): SigningKey => signingKeyFromSeed(new Uint8Array(32).fill(number + 1));

const contentOf = (number: number, isUpdate: boolean): JsonObject =>
  isUpdate
    ? { region: `region-${(number * 7) % 50}` }
    : { name: `site-${number}`, region: `region-${number % 50}`, note: 'x'.repeat(250) };

/**
 * What `authors` nodes of an open network have written in turns, each knowing of the others; signed, causes before
 * effects.
 */
export const entriesOf = (count: number, authors: number, startMicros: number): readonly Entry[] => {
  const keys = Array.from({ length: authors }, (_, number) => keyOf(number));
  const root = keyOf(0);
  const salt = new Uint8Array(16);
  const base = { salt, prev: null, parents: [], cap: null, type: null, id: null, replaces: null };
  const rules = { v: 1, name: 'bench', admission: 'open', roots: [root.author] };
  const genesis = makeEntry(root, { ...base, net: '', seq: 1, time: startMicros, op: 'genesis', content: rules });
  const entries = [genesis];
  const heads: (Entry | undefined)[] = [genesis];
  for (let number = 1; number < count; number += 1) {
    const author = number % authors;
    const before = heads[author];
    const isUpdate = number % UPDATE_EVERY === 0 && number > authors * 2;
    const changed = isUpdate ? entries[number - authors - 1] : undefined;
    const draft: EntryDraft = {
      ...{ net: genesis.hash, cap: genesis.hash, type: 'site', salt },
      seq: (before?.header.seq ?? 0) + 1,
      prev: before?.hash ?? null,
      parents: STEPS.flatMap((step) => heads[(author + step) % authors]?.hash ?? []),
      time: startMicros + number * 1_000,
      op: changed === undefined ? 'insert' : 'update',
      id: changed?.header.id ?? sha256Hex(String(number)).slice(0, 32),
      replaces: changed?.hash ?? null,
      content: contentOf(number, changed !== undefined),
    };
    const entry = makeEntry(keys[author] ?? root, draft);
    entries.push(entry);
    heads[author] = entry;
  }
  return entries;
};

/** The least that taking up entries costs: their bytes parsed, encoded again and hashed. */
export const rawTakeUp = (raws: readonly RawEntry[]): void => {
  for (const { header, body } of raws) {
    canonicalBytes(JSON.parse(Buffer.from(header).toString()) as never);
    canonicalBytes(JSON.parse(Buffer.from(body).toString()) as never);
    sha256Hex(header);
    sha256Hex(body);
  }
};
