import { expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { EXPEL_GRACE_MS, EXPELLED_MIN_MS, STRIKE_WINDOW_MS, STRIKES_MAX } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Gatekeeper } from '../../../src/network/gate.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const KEY = 'a'.repeat(64);
const broken = fault('LEDGER_SYNC_MALFORMED', 'rubbish');

const createGate = () => {
  const clock = createVirtualClock();
  const dropped: string[] = [];
  const gate = new Gatekeeper({
    ...{ clock, log: silentLogger, connected: () => [KEY], announce: () => {} },
    drop: (key) => dropped.push(key),
  });
  gate.set({ isMember: () => true, guestProtocols: new Set(['/join']) });
  return { clock, dropped, gate };
};

test('who breaks a protocol is nobody at once, loses its connections, and may come back later', async () => {
  const { clock, dropped, gate } = createGate();
  gate.blame(KEY, broken);
  expect([gate.isMember(KEY), gate.mayUse(KEY, '/query'), gate.mayUse(KEY, '/join')]).toEqual([false, false, false]);
  expect(gate.expelled()).toMatchObject([{ key: KEY, code: 'LEDGER_SYNC_MALFORMED', text: 'rubbish' }]);
  expect(dropped).toEqual([]);
  await clock.advance(EXPEL_GRACE_MS);
  expect(dropped).toEqual([KEY]);
  await clock.advance(EXPELLED_MIN_MS - EXPEL_GRACE_MS - 1);
  expect(gate.isMember(KEY)).toBe(false);
  await clock.advance(1);
  expect([gate.isMember(KEY), gate.expelled()]).toEqual([true, []]);
});

test('the next time takes twice as long; what comes while it is out changes nothing', async () => {
  const { clock, gate } = createGate();
  gate.blame(KEY, broken);
  await clock.advance(EXPELLED_MIN_MS - 1);
  gate.blame(KEY, broken);
  await clock.advance(1);
  expect(gate.isMember(KEY)).toBe(true);
  gate.blame(KEY, broken);
  await clock.advance(2 * EXPELLED_MIN_MS - 1);
  expect(gate.isMember(KEY)).toBe(false);
  await clock.advance(1);
  expect(gate.isMember(KEY)).toBe(true);
});

test('who floods on after it was cut off loses its connections at once', async () => {
  const { clock, dropped, gate } = createGate();
  for (let time = 0; time < STRIKES_MAX; time += 1) gate.strike(KEY, 'it drops channels');
  gate.strike(KEY, 'it drops channels');
  expect([gate.isMember(KEY), dropped]).toEqual([false, []]);
  gate.strike(KEY, 'it drops channels');
  expect(dropped).toEqual([KEY]);
  await clock.advance(EXPEL_GRACE_MS);
  expect(gate.expelled()).toHaveLength(1);
});

test('what happens to an honest node now and then is no violation, all the time it is one', async () => {
  const { clock, gate } = createGate();
  const strike = (times: number): void => {
    for (let time = 0; time < times; time += 1) gate.strike(KEY, 'it drops channels');
  };
  strike(STRIKES_MAX);
  await clock.advance(STRIKE_WINDOW_MS + 1);
  strike(STRIKES_MAX);
  expect(gate.isMember(KEY)).toBe(true);
  strike(1);
  expect(gate.expelled()).toMatchObject([{ code: 'NETWORK_FLOOD' }]);
});
