import { expect, test } from 'vitest';
import {
  COMMANDS_FROM_PEER_MAX,
  COMMANDS_PEER_BURST_MS,
  COMMANDS_PEER_MS_PER_SECOND,
} from '../../../src/base/limits.ts';
import { sleep } from '../../../src/base/clock.ts';
import { CommandBudget } from '../../../src/command/remote/budget.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const [A, B] = ['a', 'b'].map((letter) => letter.repeat(64)) as [string, string];

const world = () => {
  const clock = createVirtualClock();
  const budget = new CommandBudget(clock, 'n');
  /** A command of a peer that takes so long; resolves to when it was done. */
  const run = (peer: string, ms: number): Promise<number> =>
    budget.run(peer, async () => {
      await sleep(clock, ms);
      return clock.monotonicMs();
    });
  return { clock, run };
};

test('one that asks without end gets a share of the time, others go on at once', async () => {
  const { clock, run } = world();
  let done = 0;
  const forever = (async () => {
    for (;;) {
      await run(A, 10);
      done += 1;
    }
  })();
  forever.catch(() => {});
  await clock.advance(60_000);
  expect(done * 10).toBeLessThanOrEqual(COMMANDS_PEER_BURST_MS + 61 * COMMANDS_PEER_MS_PER_SECOND);
  expect(done * 10).toBeGreaterThan(30 * COMMANDS_PEER_MS_PER_SECOND);
  const startMs = clock.monotonicMs();
  expect(await clock.runWhile(run(B, 10), 1_000)).toBe(startMs + 10);
});

test('one that waits costs little, and one peer does not take all places', async () => {
  const { clock, run } = world();
  const waiting = Array.from({ length: COMMANDS_FROM_PEER_MAX }, () => run(A, 20_000));
  await expect(run(A, 1)).rejects.toMatchObject({ code: 'COMMAND_REMOTE_BUSY' });
  const startMs = clock.monotonicMs();
  expect(await clock.runWhile(run(B, 1), 1_000)).toBe(startMs + 1);
  await clock.runWhile(Promise.all(waiting), 30_000);
  const laterMs = clock.monotonicMs();
  expect(await clock.runWhile(run(A, 1), 1_000)).toBe(laterMs + 1);
});

test('a few commands a second never wait', async () => {
  const { clock, run } = world();
  for (let second = 0; second < 100; second += 1) {
    const startMs = clock.monotonicMs();
    for (let count = 0; count < 5; count += 1) await clock.runWhile(run(A, 50), 1_000);
    expect(clock.monotonicMs() - startMs).toBe(250);
    await clock.advance(750);
  }
});
