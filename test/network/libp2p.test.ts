import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { asFault } from '../../src/base/errors.ts';
import type { Network } from '../../src/network/network.ts';
import { describeNetwork } from '../conformance/network.ts';
import { describeNetworkGate } from '../conformance/network-gate.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

describeNetwork('libp2p over TCP', async () => () => startTestNetwork());
describeNetworkGate('libp2p over TCP', async () => () => startTestNetwork());

describe('the own key at another address', () => {
  const nodes: Network[] = [];
  afterEach(() => Promise.all(nodes.splice(0).map((node) => node.close())));
  const start = async (seed?: Uint8Array): Promise<Network> => {
    const node = await startTestNetwork(seed === undefined ? {} : { seed });
    nodes.push(node);
    return node;
  };

  const codeOf = (end: PromiseSettledResult<unknown> | undefined): string =>
    end?.status === 'rejected' ? asFault(end.reason).code : 'none';

  test('behind a forwarded port it is this node itself, also while others call', async () => {
    const [node, other] = [await start(), await start()];
    const forward = await startTcpProxy(node.address);
    try {
      const dials = [node.dial({ address: forward.address }), other.dial({ address: node.address })];
      const [own, foreign] = await Promise.allSettled(dials);
      expect(codeOf(own)).toBe('NETWORK_SELF');
      expect(foreign?.status).toBe('fulfilled');
    } finally {
      await forward.close();
    }
  });

  test('of another process it is a twin, also while others call', async () => {
    const seed = randomBytes(32);
    const [node, twin, other] = [await start(seed), await start(seed), await start()];
    const dials = [node.dial({ address: twin.address }), other.dial({ address: node.address })];
    const [own, foreign] = await Promise.allSettled(dials);
    expect(codeOf(own)).toBe('NETWORK_TWIN');
    expect(foreign?.status).toBe('fulfilled');
  });
});
