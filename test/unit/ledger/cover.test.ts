import { describe, expect, test } from 'vitest';
import {
  SYNC_AUTHORS_MAX,
  SYNC_COVERED_FRAME_MAX,
  SYNC_COVERED_LOG_HASHES,
  SYNC_COVERED_MAX,
} from '../../../src/base/limits.ts';
import { atOnce } from '../../../src/base/slices.ts';
import { canonicalBytes } from '../../../src/codec/canonical.ts';
import { merkleLeaf, merkleRoot } from '../../../src/codec/merkle.ts';
import { CoveredLogs, fitsAnswer } from '../../../src/ledger/cover.ts';
import type { AnswerLedger } from '../../../src/ledger/sync/answer.ts';
import { answerFrames } from '../../../src/ledger/sync/answer.ts';
import { decodeMessage, type LogsMessage, type WantMessage } from '../../../src/ledger/sync/messages.ts';
import { received, type Round, ROUND_START, wanting } from '../../../src/ledger/sync/state.ts';

const authorOf = (number: number): string => number.toString(16).padStart(64, '0');
const hashesOf = (count: number, fill = 7): Buffer => Buffer.alloc(32 * count, fill);
const WANT: WantMessage = { kind: 'want', ranges: [[authorOf(1), 1, 1]], proofs: [], hashes: [], bare: true };
/** A proof came, and what it covers is due. */
const proven = (): Round => received(wanting(ROUND_START, WANT), { kind: 'proof', entries: [] });
const logsOf = (from: number, count: number): LogsMessage => {
  const hashes = hashesOf(1);
  return { kind: 'logs', logs: Array.from({ length: count }, (_, at) => ({ author: authorOf(from + at), hashes })) };
};

describe('the logs of a snapshot', () => {
  test('have the root of the format, however they came, and it is made in slices', () => {
    const logs = new CoveredLogs();
    const sizes = [1, 256, 257, 700, ...Array.from({ length: 600 }, () => 2)];
    for (const [at, size] of [...sizes.entries()].reverse())
      for (let done = 0; done < size; done += 100)
        logs.add(
          authorOf(at),
          Buffer.from(Array.from({ length: Math.min(100, size - done) * 32 }, (_, i) => done + i)),
        );
    const leaves = sizes.map((_, at) => {
      const log = logs.log(authorOf(at));
      const hashes = Array.from({ length: log.byteLength / 32 }, (_each, seq) => log.subarray(32 * seq, 32 * seq + 32));
      const root = merkleRoot(hashes.map(merkleLeaf)).toString('hex');
      return canonicalBytes({
        ...{ author: authorOf(at), hash: hashes.at(-1)?.toString('hex') ?? '', root },
        seq: sizes[at] ?? 0,
      });
    });
    expect(logs.authors()).toEqual(sizes.map((_, at) => authorOf(at)));
    expect([logs.size, logs.entries]).toEqual([sizes.length, sizes.reduce((sum, size) => sum + size)]);
    expect(atOnce(logs.root())).toBe(merkleRoot(leaves.map((leaf) => merkleLeaf(leaf))).toString('hex'));
    expect([...logs.root()].length).toBeGreaterThanOrEqual(4);
  });
});

describe('what a peer may name as covered', () => {
  test('is few hashes where there are many authors: each counts as more than its hashes', () => {
    let round = proven();
    for (const frame of [0, 1, 2, 3, 4]) round = received(round, logsOf(1 + frame * 10_000, 10_000));
    expect(SYNC_COVERED_MAX - round.coverBudget).toBe(50_000 * (1 + SYNC_COVERED_LOG_HASHES));
  });

  test(`is at most ${SYNC_AUTHORS_MAX} authors`, () => {
    const round = received(proven(), logsOf(1, SYNC_AUTHORS_MAX));
    expect(() => received(round, logsOf(SYNC_AUTHORS_MAX + 1, 1))).toThrow('more than');
  });

  test('comes in the order of the authors; the last log of a frame may go on in the next', () => {
    const round = received(proven(), logsOf(5, 2));
    expect(received(round, logsOf(6, 2)).coverLogs).toBe(3);
    for (const [from, what] of [
      [5, 'what came'],
      [4, 'what was left out'],
    ] as const)
      expect(() => received(round, logsOf(from, 1)), what).toThrow('order');
    const twice = [...logsOf(6, 1).logs, ...logsOf(6, 1).logs];
    expect(() => received(round, { kind: 'logs', logs: twice })).toThrow('order');
  });

  test('is never more than what an honest node gives', async () => {
    for (const [authors, each] of [
      [1, 3 * SYNC_COVERED_FRAME_MAX],
      [40, 1_637],
      [7, SYNC_COVERED_FRAME_MAX - SYNC_COVERED_LOG_HASHES],
      [9_000, 1],
    ] as const) {
      const logs = new CoveredLogs();
      for (let at = 0; at < authors; at += 1) logs.add(authorOf(at + 1), hashesOf(each));
      const charged = SYNC_COVERED_MAX - (await askedFor(logs)).coverBudget;
      // With so much beside it, it fits exactly where the whole is within the budget.
      const spare = SYNC_COVERED_MAX - charged;
      expect(fitsAnswer({ size: authors, entries: logs.entries + spare + 1 })).toBe(false);
    }
    expect(fitsAnswer({ size: SYNC_AUTHORS_MAX, entries: SYNC_AUTHORS_MAX })).toBe(true);
    expect(fitsAnswer({ size: SYNC_AUTHORS_MAX + 1, entries: SYNC_AUTHORS_MAX + 1 })).toBe(false);
    expect(fitsAnswer({ size: 50, entries: SYNC_COVERED_MAX })).toBe(false);
  });
});

/** How an exchange stands after an answer that names these logs. */
const askedFor = async (logs: CoveredLogs): Promise<Round> => {
  const header = Buffer.from(JSON.stringify({ author: authorOf(1), seq: 1 }));
  const ledger = {
    ...{ equivocations: () => [], erasedBy: () => undefined, log: async () => [], byHash: async () => undefined },
    logs: async () => [
      [
        {
          entry: {
            header: { author: authorOf(1), seq: 1, time: 0 },
            raw: { header, signature: Buffer.alloc(64), body: Buffer.alloc(0) },
          },
        },
      ],
    ],
  } as unknown as AnswerLedger;
  const named = { proof: [{ header, signature: Buffer.alloc(64), body: Buffer.alloc(1) }], logs };
  Object.assign(logs, { has: () => true });
  let round = wanting(ROUND_START, WANT);
  for await (const frame of answerFrames(ledger, WANT, async () => named))
    round = received(round, decodeMessage(frame));
  expect(round.coverLogs).toBe(logs.size);
  return round;
};
