import { expect, test, vi } from 'vitest';
import { gatherWindowUpdates, WINDOW_UPDATE_BYTES_MIN } from '../../../src/network/window-updates.ts';

test('the window is opened again once something worth it was sent, by all of that', () => {
  const window = 262_144;
  const stream = { recvWindow: window, recvWindowCapacity: window, sendWindowUpdate: (): void => undefined };
  const updates = vi.fn(() => {
    stream.recvWindowCapacity = stream.recvWindow;
  });
  stream.sendWindowUpdate = updates;
  gatherWindowUpdates(stream);
  const came = (bytes: number): void => {
    stream.recvWindowCapacity -= bytes;
    stream.sendWindowUpdate();
  };
  came(1);
  came(WINDOW_UPDATE_BYTES_MIN - 2);
  expect(updates).not.toHaveBeenCalled();
  came(1);
  expect(updates).toHaveBeenCalledTimes(1);
  expect(stream.recvWindowCapacity).toBe(window);
  came(65_536);
  expect(updates).toHaveBeenCalledTimes(2);
});

test('a stream without a window goes on as it is', () => {
  const stream = { sendWindowUpdate: (): void => undefined };
  const { sendWindowUpdate } = stream;
  gatherWindowUpdates(stream);
  expect(stream.sendWindowUpdate).toBe(sendWindowUpdate);
});
