import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { CHANNELS_PER_PEER_MAX, DIAL_TIMEOUT_MS, FRAME_BYTES_MAX } from '../../src/base/limits.ts';
import { splitAddress } from '../../src/base/host.ts';
import { multiaddrText } from '../../src/network/addresses.ts';
import { type Libp2pNode, startLibp2pNode } from '../../src/network/libp2p-node.ts';
import type { Network } from '../../src/network/network.ts';
import { SelfCalls } from '../../src/network/self-calls.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';
import { waitFor } from '../support/wait.ts';

const ECHO = '/holdfast/echo/1';

describe('a node among hostile peers', () => {
  let victim: Network;
  let friend: Network;
  let ends: string[];
  const sockets: Socket[] = [];
  const stops: (() => Promise<void> | void)[] = [];

  beforeEach(async () => {
    ends = [];
    [victim, friend] = [await startTestNetwork(), await startTestNetwork()];
    victim.handle(ECHO, async (channel) => {
      try {
        for await (const frame of channel) await channel.send(frame);
        ends.push('end');
      } catch (caught) {
        ends.push((caught as { code: string }).code);
        throw caught;
      }
    });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const stop of stops.splice(0)) await stop();
    await Promise.all([victim.close(), friend.close()]);
  });

  const rawSocket = async (): Promise<Socket> => {
    const socket = connect(splitAddress(victim.address));
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };

  /** A peer that speaks libp2p well and our protocols badly. */
  const attacker = async (): Promise<Libp2pNode> => {
    const node = await startLibp2pNode({
      seed: randomBytes(32),
      listen: '127.0.0.1:0',
      onSecured: () => {},
      selfCalls: new SelfCalls(systemClock),
      isMember: () => true,
      isExpelled: () => false,
      onGossip: () => {},
    });
    stops.push(() => node.stop());
    await node.dial(multiaddr(multiaddrText(victim.address)));
    return node;
  };

  const stillServes = async (): Promise<void> => {
    await friend.dial({ address: victim.address, key: victim.self });
    expect(Buffer.from(await friend.request(victim.self, ECHO, Buffer.from('well'))).toString()).toBe('well');
  };

  test('garbage instead of a handshake closes that socket and nothing else', async () => {
    const closed = Array.from({ length: 30 }, async (_, count) => {
      const socket = await rawSocket();
      socket.resume();
      socket.write(count % 2 === 0 ? randomBytes(10_000) : Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      await new Promise((resolve) => socket.once('close', resolve));
    });
    await Promise.all(closed);
    expect(victim.peers()).toEqual([]);
    await stillServes();
  });

  test('connections that say nothing do not keep others out and are closed after a while', async () => {
    const silent = await Promise.all(Array.from({ length: 60 }, rawSocket));
    for (const socket of silent) socket.resume();
    await stillServes();
    await waitFor(() => silent.every((socket) => socket.closed), { timeoutMs: DIAL_TIMEOUT_MS + 3_000 });
  });

  test.each([
    ['an announced frame of 4 GiB', Buffer.from('ffffffff', 'hex'), 'NETWORK_FRAME_OVERSIZE'],
    ['one byte more than the limit', lengthPrefix(FRAME_BYTES_MAX + 1), 'NETWORK_FRAME_OVERSIZE'],
    ['random bytes', Buffer.concat([Buffer.from('99', 'hex'), randomBytes(5_000)]), 'NETWORK_FRAME_OVERSIZE'],
    ['an end in the middle of a frame', Buffer.concat([lengthPrefix(100), randomBytes(10)]), 'NETWORK_FRAME_TRUNCATED'],
    ['an end in the middle of a length', Buffer.from('0000', 'hex'), 'NETWORK_FRAME_TRUNCATED'],
  ])('%s ends the channel with a typed error', async (_, bytes, code) => {
    const node = await attacker();
    const stream = await streamOf(node, ECHO);
    stream.send(bytes);
    await stream.close().catch(() => {});
    await waitFor(() => ends.length === 1);
    expect(ends).toEqual([code]);
    await stillServes();
  });

  test('a reset in the middle of a frame ends the channel', async () => {
    const node = await attacker();
    const stream = await streamOf(node, ECHO);
    stream.send(lengthPrefix(100));
    stream.abort(new Error('gone'));
    await waitFor(() => ends.length === 1);
    expect(ends[0]).toMatch(/^NETWORK_CHANNEL_/);
  });

  test('streams beyond the limit are refused; those below it and other peers go on', async () => {
    const node = await attacker();
    const connection = node.getConnections()[0]!;
    const opened = await Promise.allSettled(
      Array.from({ length: 3 * CHANNELS_PER_PEER_MAX }, () =>
        connection.newStream(ECHO, { maxOutboundStreams: 10_000 }),
      ),
    );
    await waitFor(() => connection.streams.filter((each) => each.protocol === ECHO).length <= CHANNELS_PER_PEER_MAX);
    expect(opened.some((each) => each.status === 'fulfilled')).toBe(true);
    await stillServes();
  });

  test('a flood of pings and oversize pings costs only the ping channel', async () => {
    const node = await attacker();
    const stream = await streamOf(node, '/holdfast/ping/1');
    stream.send(Buffer.concat([lengthPrefix(5_000), randomBytes(5_000)]));
    await waitFor(() => stream.status === 'reset' || stream.status === 'closed');
    await stillServes();
  });

  test('a peer whose key is not Ed25519 is refused', async () => {
    const node = await createLibp2p({
      privateKey: await generateKeyPair('secp256k1'),
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    stops.push(() => node.stop());
    await node.dial(multiaddr(multiaddrText(victim.address))).catch(() => {});
    await waitFor(() => node.getConnections().length === 0);
    expect(victim.peers()).toEqual([]);
    await stillServes();
  });
});

test('gossip passes among many nodes behind one address', async () => {
  const centre = await startTestNetwork();
  const leaves = await Promise.all(Array.from({ length: 13 }, () => startTestNetwork()));
  try {
    const heard = leaves.map(() => 0);
    centre.subscribe('t', async () => 'accept');
    for (const [at, leaf] of leaves.entries()) {
      leaf.subscribe('t', async () => {
        heard[at] = (heard[at] ?? 0) + 1;
        return 'accept';
      });
    }
    await Promise.all(leaves.map((leaf) => leaf.dial({ address: centre.address })));
    let count = 0;
    await waitFor(
      async () => {
        await leaves[0]?.publish('t', Buffer.from(`${(count += 1)}`));
        return heard.slice(1).every((each) => each > 0);
      },
      { everyMs: 100 },
    );
  } finally {
    await Promise.all([centre, ...leaves].map((node) => node.close()));
  }
});

const streamOf = (node: Libp2pNode, protocol: string): Promise<Stream> => node.getConnections()[0]!.newStream(protocol);

function lengthPrefix(bytes: number): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes);
  return prefix;
}
