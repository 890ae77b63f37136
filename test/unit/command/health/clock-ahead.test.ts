import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ENTRY_FUTURE_MS_MAX } from '../../../../src/base/limits.ts';
import { clockAhead, noteOnClock, type PeerClock } from '../../../../src/command/health/clock-ahead.ts';

const YEARS = 3_650 * 86_400_000;
const clocks = (...ahead: readonly (number | undefined)[]): readonly PeerClock[] =>
  ahead.map((clockAheadMs, at) => ({ name: `n${at}`, clockAheadMs }));

test('nothing is dated where all clocks that are known, of two nodes at least, are further behind than entries may be ahead', () => {
  const refusal = clockAhead(clocks(-YEARS, undefined, -YEARS - 1));
  expect(refusal).toMatchObject({
    code: 'LEDGER_CLOCK_AHEAD',
    hint: expect.stringMatching(/^set the clock/) as string,
  });
  expect(refusal?.message).toContain('(n0 by 3650 days, n2 by 3650 days)');
  expect(clockAhead(clocks(-ENTRY_FUTURE_MS_MAX - 1, -ENTRY_FUTURE_MS_MAX))).toBeUndefined();
  expect(clockAhead(clocks(-YEARS, undefined))).toBeUndefined();
  expect(clockAhead(clocks(YEARS, YEARS))).toBeUndefined();
  expect(clockAhead([])).toBeUndefined();
  expect(clockAhead(clocks(...Array.from({ length: 32 }, () => -YEARS)))?.message).toMatch(
    /n4 by 3650 days, 27 more\)/,
  );
});

test('whoever lies about his clock stops nobody whose clock one honest node shares', () => {
  const lies = fc.array(fc.double({ noNaN: true }), { maxLength: 31 });
  const honest = fc.double({ min: -ENTRY_FUTURE_MS_MAX, max: ENTRY_FUTURE_MS_MAX, noNaN: true });
  fc.assert(
    fc.property(lies, honest, fc.nat(31), (lied, true_, at) => {
      const all = [...lied.slice(0, at), true_, ...lied.slice(at)];
      expect(clockAhead(clocks(...all))).toBeUndefined();
    }),
  );
});

test('a write is warned of where most of the known clocks are behind, and a single one decides nothing more', () => {
  expect(noteOnClock(clocks(-YEARS))).toMatchObject({
    code: 'CLOCK_OFF',
    text: expect.stringContaining('n0 by 3650 days') as string,
  });
  expect(noteOnClock(clocks(-YEARS, -YEARS, 0))?.text).toContain('(n0 by 3650 days, n1 by 3650 days)');
  for (const known of [clocks(), clocks(undefined), clocks(-YEARS, 0), clocks(-ENTRY_FUTURE_MS_MAX), clocks(YEARS)])
    expect(noteOnClock(known)).toBeUndefined();
});
