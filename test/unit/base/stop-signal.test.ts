import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { stopSignal } from '../../../src/base/stop-signal.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const told = () => {
  const clock = createVirtualClock();
  const statuses: number[] = [];
  const signals = Object.assign(new EventEmitter(), { exit: (status: number) => void statuses.push(status) });
  return { clock, signals, statuses, stop: stopSignal(signals, clock) };
};

test('the same stop, told by the terminal and by who started the process, is one', async () => {
  const { clock, signals, statuses, stop } = told();
  signals.emit('SIGINT');
  await clock.advance(20);
  signals.emit('SIGINT');
  signals.emit('SIGTERM');
  expect(await stop).toBe('SIGINT');
  expect(statuses).toEqual([]);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])('a later %s ends the process at once', async (signal, status) => {
  const { clock, signals, statuses, stop } = told();
  signals.emit('SIGTERM');
  await clock.advance(2_000);
  signals.emit(signal);
  expect(await stop).toBe('SIGTERM');
  expect(statuses).toEqual([status]);
});
