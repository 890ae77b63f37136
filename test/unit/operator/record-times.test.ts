import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { microsAfter } from '../../../src/operator/timestamps.ts';
import { openOperator } from '../../support/operator-fixture.ts';

test('a file is later than the one before, unless the clock was set back', () => {
  const now = 1_800_000_000_000_000;
  expect(microsAfter(0, now)).toBe(now);
  expect(microsAfter(now, now)).toBe(now + 1);
  expect(microsAfter(now + 900_000, now)).toBe(now + 900_001);
  expect(microsAfter(now + 2_000_000, now)).toBe(now);
});

test('a clock that was years ahead for one file leaves nothing in the times of those after it', async () => {
  let wallMs = Date.UTC(2026, 1, 1);
  const fixture = await openOperator({ ports: { clock: { ...systemClock, wallMs: () => wallMs } } });
  try {
    const times: string[] = [];
    for (const [at, ms] of [Date.UTC(2076, 1, 1), wallMs, wallMs].entries()) {
      wallMs = ms;
      times.push((await fixture.put(`{"v":${at}}\n`)).record.time);
    }
    expect(times).toEqual([
      '2076-02-01T00:00:00.000000Z',
      '2026-02-01T00:00:00.000000Z',
      '2026-02-01T00:00:00.000001Z',
    ]);
  } finally {
    await fixture.close();
  }
});
