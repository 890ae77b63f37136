import { describe, expect, test } from 'vitest';
import type { Entry } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { vouch } from '../../../src/ledger/vouch.ts';
import { createAuthor, genesisOf, seedOf } from '../../support/ledger-authors.ts';

const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
const alice = createAuthor(1, genesis);
const log = Array.from({ length: 6 }, () => alice.next());

/** Which of the entries are authentic when the ones named are badly signed, and how many signatures that took. */
const judge = (
  entries: readonly Entry[],
  bad: readonly Entry[] = [],
): { authentic: number[]; own: number[]; forged: number[]; verified: number } => {
  let verified = 0;
  const holds = (entry: Entry): boolean => {
    verified += 1;
    return !bad.includes(entry);
  };
  const { authentic, forged } = vouch(entries, 'sender', holds);
  const seqs = (list: readonly Entry[]): number[] => list.map(({ header }) => header.seq).sort((a, b) => a - b);
  return {
    authentic: seqs(authentic.map(({ entry }) => entry)),
    own: seqs(authentic.filter(({ ownHolds }) => ownHolds).map(({ entry }) => entry)),
    forged: seqs(forged),
    verified,
  };
};

describe('vouching', () => {
  test('takes one signature for a log, in whatever order it comes', () => {
    for (const entries of [log, [...log].reverse()])
      expect(judge(entries)).toEqual({ authentic: [2, 3, 4, 5, 6, 7], own: [7], forged: [], verified: 1 });
  });

  test('a bad signature after the last good one is forged, one before it is not', () => {
    expect(judge(log, [log[1]!, log[4]!, log[5]!])).toEqual({
      authentic: [2, 3, 4, 5],
      own: [5],
      forged: [6, 7],
      verified: 3,
    });
  });

  test('does not reach over a gap', () => {
    expect(judge([log[0]!, log[1]!, log[4]!], [log[1]!])).toEqual({
      authentic: [2, 6],
      own: [2, 6],
      forged: [3],
      verified: 3,
    });
  });

  test('each branch of a fork needs its own signature', () => {
    const branch = alice.after(log[2]);
    expect(judge([...log, branch], [branch])).toMatchObject({ forged: [5], verified: 2 });
    expect(judge([...log, branch])).toMatchObject({ authentic: [2, 3, 4, 5, 5, 6, 7], verified: 2 });
  });

  test('stops after many forged signatures: they cost the sender nothing and us a lot', () => {
    const many = Array.from({ length: 100 }, () => alice.next());
    const { verified, forged, authentic } = judge(many, many);
    expect({ verified, forged: forged.length, authentic }).toEqual({ verified: 32, forged: 32, authentic: [] });
  });

  test('no run of bad signatures is longer than what nodes hand on', () => {
    const author = createAuthor(2, genesis);
    const run = Array.from({ length: 130 }, () => author.next());
    const hasBad = (good: readonly number[]) => run.filter((_, at) => !good.includes(at));
    expect(judge(run.slice(0, 65), hasBad([64])).authentic).toHaveLength(65);
    expect(judge(run.slice(0, 66), hasBad([65])).forged).toEqual([1]);
    // One in between that is signed well carries on from there, though its signature was not needed at first.
    expect(judge(run, hasBad([129, 95, 64])).authentic).toHaveLength(130);
    expect(judge(run).verified).toBeLessThan(5);
  });

  test('an entry that names the prev of another seq vouches for nothing', () => {
    const odd = alice.after(log[1], { seq: 9 });
    expect(judge([log[0]!, log[1]!, odd], [log[0]!, log[1]!])).toMatchObject({ authentic: [9], forged: [2, 3] });
  });
});
