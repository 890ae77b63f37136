import { describe, expect, test } from 'vitest';
import { PING_INTERVAL_MS, PING_TIMEOUT_MS } from '../../../src/base/limits.ts';
import { answerPings, Liveness } from '../../../src/network/liveness.ts';
import { createChannelPair } from '../../../src/network/memory-channel.ts';
import type { Channel } from '../../../src/network/network.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const setUp = (options: { delayMs?: number } = {}) => {
  const clock = createVirtualClock();
  const liveness = new Liveness(clock);
  let answers = true;
  const silentAt: number[] = [];
  const openPing = async (): Promise<Channel> => {
    const [mine, theirs] = createChannelPair(['a', 'b'], (_from, _to, deliver) => {
      clock.after(options.delayMs ?? 10, () => {
        if (answers) deliver();
      });
    });
    void answerPings(theirs).catch(() => {});
    return mine;
  };
  const watch = liveness.watch({ openPing, silent: () => silentAt.push(clock.monotonicMs()) });
  return { clock, liveness, watch, silentAt, setAnswers: (value: boolean) => (answers = value) };
};

describe('liveness', () => {
  test('a peer that answers stays, with its round trip measured', async () => {
    const { clock, watch, silentAt } = setUp({ delayMs: 30 });
    await clock.advance(60_000);
    expect(silentAt).toEqual([]);
    expect(watch.rttMs).toBe(60);
  });

  test('a peer that falls silent is found within the ping time-out, once', async () => {
    const { clock, silentAt, setAnswers } = setUp();
    await clock.advance(10_000);
    setAnswers(false);
    await clock.advance(PING_TIMEOUT_MS);
    expect(silentAt).toHaveLength(1);
    await clock.advance(60_000);
    expect(silentAt).toHaveLength(1);
    expect(clock.pending).toBeLessThanOrEqual(1);
  });

  test('any byte counts as life though no ping comes back', async () => {
    const { clock, watch, silentAt, setAnswers } = setUp();
    setAnswers(false);
    for (let second = 0; second < 30; second += 1) {
      await clock.advance(1_000);
      watch.heard();
    }
    expect(silentAt).toEqual([]);
  });

  test('a round trip just below the time-out is no silence', async () => {
    const { clock, silentAt } = setUp({ delayMs: (PING_TIMEOUT_MS - PING_INTERVAL_MS - 300) / 2 });
    await clock.advance(60_000);
    expect(silentAt).toEqual([]);
  });

  test('closing stops everything', async () => {
    const { clock, liveness, silentAt, setAnswers } = setUp();
    setAnswers(false);
    liveness.close();
    await clock.advance(60_000);
    expect(silentAt).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
