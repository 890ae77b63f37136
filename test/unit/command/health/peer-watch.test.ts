import { expect, test } from 'vitest';
import { PEER_LOOK_MS } from '../../../../src/base/limits.ts';
import { PeerWatch } from '../../../../src/command/health/peer-watch.ts';
import { createVirtualClock } from '../../../support/virtual-clock.ts';

test('asks the connected nodes for their time and their processes, and forgets who is gone', async () => {
  const clock = createVirtualClock();
  let connected = ['a', 'b', 'new', 'old', 'dead'];
  const held = { files: 3, rows: 40 };
  const running = { operator: true, distributor: false, consumer: true };
  const watch = new PeerWatch({
    clock,
    connected: () => connected,
    async ask(peer) {
      if (peer === 'dead') throw new Error('no answer');
      // Half a second there, half a second back.
      await new Promise<void>((resolve) => clock.after(500, resolve));
      const time = clock.wallMs() + (peer === 'b' ? 90_000 : 0);
      await new Promise<void>((resolve) => clock.after(500, resolve));
      if (peer === 'old') return { status: 'running', time: 'noon', held: 3 };
      return { time, running, held, ...(peer === 'new' ? { starting: true } : {}) };
    },
  });
  await clock.advance(PEER_LOOK_MS + 1_000);
  expect(watch.views()).toEqual([
    { peer: 'a', clockAheadMs: 0, processes: running, held },
    { peer: 'b', clockAheadMs: 90_000, processes: running, held },
    { peer: 'new', clockAheadMs: 0, processes: undefined, held },
    { peer: 'old', clockAheadMs: undefined, processes: undefined, held: undefined },
  ]);
  connected = ['b'];
  expect(watch.views().map(({ peer }) => peer)).toEqual(['b']);
  await watch.close();
  await clock.advance(60_000);
  expect(clock.pending).toBe(0);
});

test('asked for it, it asks at once, after whatever it asked before, and then as ever', async () => {
  const clock = createVirtualClock();
  let [asked, told] = [0, 0];
  const watch = new PeerWatch({
    clock,
    connected: () => ['a'],
    async ask() {
      asked += 1;
      const time = clock.wallMs() + told;
      await new Promise<void>((resolve) => clock.after(500, resolve));
      return { time };
    },
  });
  const [view] = await clock.runWhile(
    watch.lookNow().then(() => watch.views()),
    1_000,
  );
  expect(view?.clockAheadMs).toBe(-250);
  await clock.advance(PEER_LOOK_MS + 10);
  expect(asked).toBe(2);
  told = 90_000;
  const both = Promise.all([watch.lookNow(), watch.lookNow()]);
  await clock.runWhile(both, 2_000);
  expect(asked).toBe(3);
  expect(watch.views()[0]?.clockAheadMs).toBe(89_750);
  await watch.close();
  await watch.lookNow();
  expect([asked, clock.pending]).toEqual([3, 0]);
});
