import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { HISTORY_ASK_MIN_MS } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { HistoryKeeper } from '../../../src/node/history-keeper.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

test('its end waits for a question whose place another took', async () => {
  const clock = createVirtualClock();
  const notices = new EventEmitter();
  let lacking = ['a'];
  let answer = (): void => {};
  const pruning = {
    need: () => fault('ENTRY_ARCHIVED', 'a body is lacking'),
    lacking: () => lacking,
    askForLeaves: () => new Promise<boolean>((resolve) => (answer = () => resolve(true))),
    fill: () => expect.unreachable(),
  };
  const keeper = new HistoryKeeper({ policies: { notices, pruning } as never, clock, log: silentLogger });
  await clock.advance(HISTORY_ASK_MIN_MS);
  lacking = ['b'];
  notices.emit('policy:changed');
  let ended = false;
  const closing = keeper.close().then(() => (ended = true));
  await clock.advance(1_000);
  expect(ended).toBe(false);
  answer();
  await closing;
});
