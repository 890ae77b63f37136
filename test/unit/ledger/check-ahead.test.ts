import { describe, expect, test } from 'vitest';
import { parseEntry } from '../../../src/entry/check.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { ed25519 } from '../../../src/entry/signatures.ts';
import { checkAhead, lastOfEach, withLastChecked } from '../../../src/ledger/check-ahead.ts';
import type { Candidate } from '../../../src/ledger/vouch.ts';
import { badlySigned, createAuthor, genesisOf, seedOf } from '../../support/ledger-authors.ts';

const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
/** Two entries of each of five authors. */
const authors = Array.from({ length: 5 }, (_, at) => createAuthor(at + 2, genesis));
const ahead = checkAhead(ed25519);
const first = authors.map((author) => author.next());
const second = authors.map((author) => author.next());
const spoiled = second.map((entry, at) => (at === 2 ? parseEntry(badlySigned(entry)) : entry));

const candidate = (entry: Candidate['entry']): Candidate => ({
  ...{ entry, from: 'f'.repeat(64) },
  ...{ ownHolds: false, voucher: 'held' },
});

describe('signatures checked before they are asked for', () => {
  test('the last of each author, in whatever order they come', () => {
    expect(new Set(lastOfEach([...second, ...first]))).toEqual(new Set(second));
  });

  test('say which hold; a few are left to whoever asks', async () => {
    const checked = await ahead(spoiled);
    expect(spoiled.map((entry) => checked.get(entry))).toEqual([true, true, false, true, true]);
    expect((await ahead(spoiled.slice(0, 3))).size).toBe(0);
  });

  test('prove the last of each log in a group, where they hold', async () => {
    const group = await withLastChecked([...first, ...spoiled].map(candidate), ahead);
    expect(group.map(({ entry }) => entry)).toEqual([...first, ...spoiled]);
    expect(group.slice(0, 5).some(({ ownHolds }) => ownHolds)).toBe(false);
    expect(group.slice(5).map(({ ownHolds }) => ownHolds)).toEqual([true, true, false, true, true]);
  });
});
