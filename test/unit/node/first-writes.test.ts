import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { DialState } from '../../../src/network/network.ts';
import { writesKnown } from '../../../src/node/first-writes.ts';

const SEED: DialState = {
  ...{
    address: '10.0.0.1:1',
    connected: false,
    own: false,
    twin: false,
    attempts: 0,
    lastError: undefined,
    lost: false,
  },
};

const world = (dialled: readonly DialState[]) => {
  const notices = new EventEmitter();
  const asked: AbortSignal[] = [];
  const ledger = { network: undefined as string | undefined, notices, status: () => ({ mayAppend: false }) };
  const sync = { ownLogKnown: async (signal?: AbortSignal) => void asked.push(signal as AbortSignal) };
  const stop = new AbortController();
  const work = writesKnown(ledger as never, sync, { dialStates: () => dialled }, () => stop.signal);
  return { ledger, notices, asked, stop, work };
};

describe('a write right after the start', () => {
  it('waits for the network that the seeds lead to, and then for the own log', async () => {
    const { ledger, notices, asked, work } = world([SEED]);
    let done = false;
    void work.then(() => (done = true));
    notices.emit('ledger:appended');
    await new Promise((resolve) => setImmediate(resolve));
    expect({ done, asked: asked.length }).toEqual({ done: false, asked: 0 });
    ledger.network = 'n';
    notices.emit('ledger:appended');
    await work;
    expect({ asked: asked.length, left: notices.listenerCount('ledger:appended') }).toEqual({ asked: 1, left: 0 });
  });

  it('waits for a bounded time, and not where there is nobody to join', async () => {
    const { stop, work, asked } = world([SEED]);
    stop.abort();
    await work;
    await world([]).work;
    expect(asked).toHaveLength(0);
  });

  it('sets no time limit where nothing is waited for', async () => {
    const sync = { ownLogKnown: async () => {} };
    const alone = { notices: new EventEmitter(), network: undefined, status: () => ({ mayAppend: false }) };
    const running = { ...alone, network: 'n', status: () => ({ mayAppend: true }) };
    for (const ledger of [alone, running])
      await writesKnown(ledger as never, sync, { dialStates: () => [] }, () => expect.unreachable());
  });
});
