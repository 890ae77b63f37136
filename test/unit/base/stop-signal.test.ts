import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { stopSignal } from '../../../src/base/stop-signal.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const told = (launched = false) => {
  const clock = createVirtualClock();
  const statuses: number[] = [];
  const signals = Object.assign(new EventEmitter(), { exit: (status: number) => void statuses.push(status) });
  return { clock, signals, statuses, stop: stopSignal(signals, clock, launched) };
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

test('a launcher may pass a stop on late, once; another one ends the process', async () => {
  const { clock, signals, statuses } = told(true);
  signals.emit('SIGTERM');
  await clock.advance(4_000);
  signals.emit('SIGTERM');
  expect(statuses).toEqual([]);
  signals.emit('SIGTERM');
  expect(statuses).toEqual([143]);
});

test('what a launcher has passed on in time is no reason to wait longer, nor is a signal of another kind', async () => {
  const inTime = told(true);
  inTime.signals.emit('SIGINT');
  inTime.signals.emit('SIGINT');
  await inTime.clock.advance(1_000);
  inTime.signals.emit('SIGINT');
  expect(inTime.statuses).toEqual([130]);
  const other = told(true);
  other.signals.emit('SIGINT');
  await other.clock.advance(1_000);
  other.signals.emit('SIGTERM');
  expect(other.statuses).toEqual([143]);
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
