import { expect, test } from 'vitest';
import { SYNC_REST_MS_MAX, SYNC_SERVED_PER_SECOND, SYNC_SERVED_SPARE } from '../../../../src/base/limits.ts';
import { answerCost, Serving } from '../../../../src/ledger/sync/serving.ts';
import { createVirtualClock } from '../../../support/virtual-clock.ts';

const [A, B] = ['a', 'b'].map((letter) => letter.repeat(64)) as [string, string];
const SIZE = 1_000;

const served = (size = SIZE) => {
  const clock = createVirtualClock();
  const ledger = { size };
  const serving = new Serving(clock, () => ledger.size);
  /** Milliseconds after which the peer is answered again. */
  const rest = async (peer: string, entries: number): Promise<number> => {
    const startMs = clock.monotonicMs();
    const done = serving.rest(peer, entries).then(() => clock.monotonicMs() - startMs);
    await clock.advance(SYNC_REST_MS_MAX + 1);
    return done;
  };
  return { clock, ledger, serving, rest };
};

test('a peer gets the ledger twice at once, and each new entry; what it wants again it waits for', async () => {
  const { ledger, rest } = served();
  expect(await rest(A, SIZE)).toBe(0);
  expect(await rest(A, SIZE)).toBe(0);
  ledger.size += 50_000;
  expect(await rest(A, 50_000)).toBe(0);
});

test('whoever wants it without end gets no more than so many entries a second, and holds up nobody else', async () => {
  const { clock, rest } = served();
  let got = 0;
  const startMs = clock.monotonicMs();
  for (let asked = 0; asked < 60; asked += 1) {
    await rest(A, SIZE);
    got += SIZE;
  }
  const seconds = (clock.monotonicMs() - startMs) / 1_000;
  expect(got).toBeLessThanOrEqual(2 * SIZE + SYNC_SERVED_SPARE + (seconds + 1) * SYNC_SERVED_PER_SECOND);
  expect(await rest(B, SIZE)).toBe(0);
});

test('a rest is never so long that an honest peer gives up, and what is owed is not forgotten', async () => {
  const { rest } = served(100_000);
  expect(await rest(A, 204_096 + 60_000)).toBe(SYNC_REST_MS_MAX);
  expect(await rest(A, 0)).toBe(SYNC_REST_MS_MAX);
});

test('an answer costs what is held of it', () => {
  const heads = new Map([[A, { seq: 10, hash: '' }]]);
  const want = (ranges: [string, number, number][], hashes: string[] = []) =>
    Math.floor(answerCost({ kind: 'want', ranges, proofs: [], hashes }, { heads }));
  expect(want([[A, 1, 100_000]])).toBe(11);
  expect(want([[A, 11, 100_000]])).toBe(1);
  expect(want([[B, 1, 100_000]], [A, B])).toBe(3);
});
