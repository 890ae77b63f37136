import { describe, expect, test } from 'vitest';
import {
  SYNC_KEEPER_FAILURES_MAX,
  SYNC_KEEPERS_FORGOTTEN_MS,
  SYNC_KEEPERS_WAIT_MS,
  SYNC_KEEPERS_WAIT_MS_AN_ENTRY,
} from '../../../../src/base/limits.ts';
import { Patience } from '../../../../src/ledger/sync/patience.ts';
import { createVirtualClock } from '../../../support/virtual-clock.ts';

const [KEEPER, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];
const world = () => {
  const clock = createVirtualClock();
  return { clock, patience: new Patience(clock) };
};

describe('who says that it has everything whole', () => {
  test('is waited for until it fails several times in a row; the others still are', () => {
    const { patience } = world();
    expect(patience.waitsFor([])).toBe(false);
    expect(patience.waitsFor([KEEPER])).toBe(true);
    for (let count = 1; count < SYNC_KEEPER_FAILURES_MAX; count += 1) patience.failed(KEEPER);
    expect(patience.waitsFor([KEEPER])).toBe(true);
    patience.gave(KEEPER, 1);
    patience.failed(KEEPER);
    expect(patience.waitsFor([KEEPER])).toBe(true);
    for (let count = 1; count < SYNC_KEEPER_FAILURES_MAX; count += 1) patience.failed(KEEPER);
    expect(patience.waitsFor([KEEPER])).toBe(false);
    expect(patience.waitsFor([KEEPER, OTHER])).toBe(true);
  });

  test('is waited for no longer than a while, whoever it is, and a little longer for each entry', async () => {
    const { clock, patience } = world();
    expect(patience.waitsFor([KEEPER])).toBe(true);
    await clock.advance(SYNC_KEEPERS_WAIT_MS - 1);
    expect(patience.waitsFor([KEEPER])).toBe(true);
    patience.gave(KEEPER, 1_000);
    await clock.advance(1);
    expect(patience.waitsFor([OTHER])).toBe(true);
    await clock.advance(1_000 * SYNC_KEEPERS_WAIT_MS_AN_ENTRY);
    expect(patience.waitsFor([OTHER])).toBe(false);
    await clock.advance(SYNC_KEEPERS_FORGOTTEN_MS);
    expect(patience.waitsFor([KEEPER])).toBe(false);
    // Nothing was waited for: another time is another matter.
    await clock.advance(SYNC_KEEPERS_FORGOTTEN_MS + 1);
    expect(patience.waitsFor([KEEPER])).toBe(true);
  });
});
