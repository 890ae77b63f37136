import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it.each([0, 1, 24, 25, 50, 400])('a timer of %i days fires once, after that time and no sooner', (days) => {
  const fired = vi.fn();
  systemClock.after(days * DAY_MS + 5, fired);
  vi.advanceTimersByTime(days * DAY_MS + 4);
  expect(fired).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(fired).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(100 * DAY_MS);
  expect(fired).toHaveBeenCalledTimes(1);
});

it('a long timer can be taken back at any time; one of the past fires soon', () => {
  const fired = vi.fn();
  const cancel = systemClock.after(60 * DAY_MS, fired);
  vi.advanceTimersByTime(30 * DAY_MS);
  cancel();
  vi.advanceTimersByTime(100 * DAY_MS);
  expect(fired).not.toHaveBeenCalled();
  systemClock.after(-1, fired);
  vi.advanceTimersByTime(1);
  expect(fired).toHaveBeenCalledTimes(1);
});
