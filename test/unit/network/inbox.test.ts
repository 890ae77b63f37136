import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startCollecting } from '../../../src/base/collection.ts';
import { CHANNEL_FRAME_OVERHEAD_BYTES, COLLECTION_LOOK_MS, COLLECTION_QUIET_MS } from '../../../src/base/limits.ts';
import { Inbox } from '../../../src/network/inbox.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

test('frames come in order, whatever is pushed and read in turns, and their bytes are counted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 150 }), { maxLength: 40 }), async (turns) => {
      const inbox = new Inbox(() => {});
      let [pushed, read] = [0, 0];
      for (const [turn, count] of turns.entries()) {
        if (turn % 2 === 0) for (let left = count; left > 0; left -= 1) inbox.push(Uint8Array.of((pushed += 1) % 251));
        else
          for (; read < pushed && inbox.frames > 150 - count;)
            expect((await inbox.next())?.[0]).toBe((read += 1) % 251);
        expect(inbox.frames).toBe(pushed - read);
        expect(inbox.bytes).toBe((pushed - read) * (1 + CHANNEL_FRAME_OVERHEAD_BYTES));
      }
    }),
  );
});

test('a frame that was read is let go, also where the reader never catches up', async () => {
  const clock = createVirtualClock();
  let busyMs = 0;
  const collecting = startCollecting({ clock, busyMs: () => busyMs });
  const inbox = new Inbox(() => {});
  const pushed = Array.from({ length: 300 }, () => {
    const frame = new Uint8Array(1_000);
    inbox.push(frame);
    return new WeakRef(frame);
  });
  for (let read = 0; read < 250; read += 1) await inbox.next();
  busyMs = 600;
  await clock.advance(COLLECTION_LOOK_MS + COLLECTION_QUIET_MS);
  expect(pushed.slice(0, 249).filter((frame) => frame.deref() !== undefined)).toHaveLength(0);
  expect(inbox.bytes).toBe(50 * (1_000 + CHANNEL_FRAME_OVERHEAD_BYTES));
  await collecting.close();
});
