import { describe, expect, test } from 'vitest';
import {
  SYNC_KEEPER_FAILURES_MAX,
  SYNC_KEEPERS_FORGOTTEN_MS,
  SYNC_KEEPERS_WAIT_MS,
  SYNC_KEEPERS_WAIT_MS_AN_ENTRY,
} from '../../../../src/base/limits.ts';
import { Patience } from '../../../../src/ledger/sync/patience.ts';
import { createVirtualClock } from '../../../support/virtual-clock.ts';

const [KEEPER, OTHER, PRUNED] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)];
const world = () => {
  const clock = createVirtualClock();
  return { clock, patience: new Patience(clock) };
};

describe('who says that it has everything whole', () => {
  test('is waited for until it fails several times in a row; the others still are', () => {
    const { patience } = world();
    expect(patience.waitsFor([], PRUNED, 1_000)).toBe(false);
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(true);
    for (let count = 1; count < SYNC_KEEPER_FAILURES_MAX; count += 1) patience.failed(KEEPER);
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(true);
    patience.gave(KEEPER, 1);
    patience.failed(KEEPER);
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(true);
    for (let count = 1; count < SYNC_KEEPER_FAILURES_MAX; count += 1) patience.failed(KEEPER);
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(false);
    expect(patience.waitsFor([KEEPER, OTHER], PRUNED, 1_000)).toBe(true);
  });

  test('is waited for no longer than a while, whoever it is, and a little longer for each entry', async () => {
    const { clock, patience } = world();
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(true);
    await clock.advance(SYNC_KEEPERS_WAIT_MS - 1);
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(true);
    patience.gave(KEEPER, 1_000);
    await clock.advance(1);
    expect(patience.waitsFor([OTHER], PRUNED, 1_000)).toBe(true);
    await clock.advance(1_000 * SYNC_KEEPERS_WAIT_MS_AN_ENTRY);
    expect(patience.waitsFor([OTHER], PRUNED, 1_000)).toBe(false);
    await clock.advance(SYNC_KEEPERS_FORGOTTEN_MS);
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(false);
    // Nothing was waited for: another time is another matter.
    await clock.advance(SYNC_KEEPERS_FORGOTTEN_MS + 1);
    expect(patience.waitsFor([KEEPER], PRUNED, 1_000)).toBe(true);
  });

  test('earns no more time than what was lacking at first would take, whatever it goes on to give', async () => {
    const { clock, patience } = world();
    expect(patience.waitsFor([KEEPER], PRUNED, 10)).toBe(true);
    patience.gave(KEEPER, 1_000_000);
    expect(patience.waitsFor([KEEPER], PRUNED, 2_000)).toBe(true);
    await clock.advance(SYNC_KEEPERS_WAIT_MS + 10 * SYNC_KEEPERS_WAIT_MS_AN_ENTRY);
    expect(patience.waitsFor([KEEPER], PRUNED, 2_000)).toBe(false);
  });

  test('earns as much as any pruned peer had that this node lacked when it met that one', async () => {
    const { clock, patience } = world();
    expect(patience.waitsFor([KEEPER], PRUNED, 10)).toBe(true);
    expect(patience.waitsFor([KEEPER], OTHER, 1_000)).toBe(true);
    expect(patience.waitsFor([KEEPER], OTHER, 100_000)).toBe(true);
    patience.gave(KEEPER, 1_000_000);
    await clock.advance(SYNC_KEEPERS_WAIT_MS + 1_000 * SYNC_KEEPERS_WAIT_MS_AN_ENTRY - 1);
    expect(patience.waitsFor([KEEPER], OTHER, 100_000)).toBe(true);
    await clock.advance(1);
    expect(patience.waitsFor([KEEPER], PRUNED, 10)).toBe(false);
  });
});
