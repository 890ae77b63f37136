import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { CHANNELS_PER_PEER_MAX } from '../../src/base/limits.ts';
import { COMMAND_PROTOCOL } from '../../src/command/remote/messages.ts';
import { encodeControl, LEDGER_SYNC_ID } from '../../src/ledger/sync/messages.ts';
import { PING_PROTOCOL } from '../../src/network/liveness.ts';
import { QUERY_PROTOCOL } from '../../src/query/remote/messages.ts';
import { framed, lengthPrefix } from '../support/hostile-peer.ts';
import { BORNE, cutOff, HostileWorld, type Kind } from '../support/hostile-world.ts';

const topics = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `/t/${from + at}`);

const KINDS: readonly Kind[] = [
  {
    name: 'gossip that is no message',
    verdict: cutOff(/NETWORK_GOSSIP_MALFORMED/),
    attack: (peer) => peer.gossipBytes(Buffer.concat([Buffer.of(100), Buffer.alloc(100, 0xff)])),
  },
  {
    name: 'a gossip message longer than any',
    verdict: cutOff(/NETWORK_GOSSIP_OVERSIZE/),
    attack: (peer) => peer.gossipBytes(Buffer.of(0xff, 0xff, 0xff, 0x7f)),
  },
  {
    name: 'a length of gossip that never ends',
    verdict: cutOff(/NETWORK_GOSSIP_OVERSIZE/),
    attack: (peer) => peer.gossipBytes(Buffer.alloc(64, 0xff)),
  },
  {
    name: 'gossip of more bytes than an entry has',
    verdict: cutOff(/NETWORK_GOSSIP_OVERSIZE|LEDGER_SYNC_MALFORMED/),
    attack: (peer, { topic }) => peer.gossip(topic, randomBytes(140_000)),
  },
  {
    name: 'gossip that names another sender',
    verdict: cutOff(/NETWORK_GOSSIP_MALFORMED/),
    attack: (peer, { topic }) =>
      peer.rpc({
        messages: [{ topic, data: randomBytes(10), from: randomBytes(38), seqno: randomBytes(8) }],
      }),
  },
  {
    name: 'a flood of subscriptions',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: async (peer) => {
      let from = 0;
      await peer.forever(() =>
        peer.rpc({ subscriptions: topics(60, (from += 60)).map((topic) => ({ topic, subscribe: true })) }),
      );
    },
  },
  {
    name: 'one topic joined and left without end',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: (peer, { topic }) => {
      let subscribe = false;
      return peer.forever(() => peer.rpc({ subscriptions: [{ topic, subscribe: (subscribe = !subscribe) }] }));
    },
  },
  {
    name: 'more subscriptions in one message than it may hold',
    verdict: cutOff(/NETWORK_GOSSIP_MALFORMED/),
    attack: (peer) => peer.rpc({ subscriptions: topics(10_000).map((topic) => ({ topic, subscribe: true })) }),
  },
  {
    name: 'gossip about topics that nobody has joined',
    verdict: cutOff(/NETWORK_GOSSIP_MALFORMED/),
    attack: (peer) => peer.gossip('/t/0', randomBytes(8)),
  },
  {
    name: 'promises of messages without end',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: (peer, { topic }) =>
      peer.forever(async () => {
        for (let count = 0; count < 200; count += 1)
          await peer.rpc({
            control: {
              ihave: [{ topicID: topic, messageIDs: [randomBytes(32)] }],
              ...{ iwant: [], graft: [], prune: [], idontwant: [] },
            },
          });
      }),
  },
  {
    name: 'requests for messages that never were',
    verdict: cutOff(/NETWORK_GOSSIP_MALFORMED/),
    attack: (peer) =>
      peer.rpc({
        control: {
          iwant: [{ messageIDs: Array.from({ length: 6_000 }, () => randomBytes(20)) }],
          ...{ ihave: [], graft: [], prune: [], idontwant: [] },
        },
      }),
  },
  {
    name: 'channels opened and dropped without end',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: (peer) =>
      peer.forever(async () => {
        const streams = await Promise.allSettled(Array.from({ length: 100 }, () => peer.stream(PING_PROTOCOL)));
        for (const each of streams) if (each.status === 'fulfilled') each.value.abort(new Error('dropped'));
      }),
  },
  {
    name: 'more channels than a peer may have',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: async (peer) =>
      Promise.allSettled(
        Array.from({ length: 4 * CHANNELS_PER_PEER_MAX }, () => peer.frames(PING_PROTOCOL, Buffer.of(1))),
      ),
  },
  {
    name: 'channels on which nothing is asked',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: (peer) => Promise.allSettled(Array.from({ length: 40 }, () => peer.stream(QUERY_PROTOCOL))),
  },
  {
    name: 'channels that bring a byte now and then',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: async (peer) => {
      const streams = await Promise.all(Array.from({ length: 40 }, () => peer.stream(COMMAND_PROTOCOL)));
      for (const stream of streams) stream.send(lengthPrefix(1_000));
      await peer.forever(async () => {
        for (const stream of streams) stream.send(Buffer.of(32));
        await new Promise((resolve) => setTimeout(resolve, 100));
      });
    },
  },
  {
    name: 'one slow channel',
    verdict: BORNE,
    attack: async (peer) => void (await peer.stream(QUERY_PROTOCOL)).send(lengthPrefix(1_000)),
  },
  {
    name: 'protocols that nobody speaks',
    verdict: BORNE,
    attack: (peer) => Promise.allSettled(topics(100).map((name) => peer.stream(`/holdfast${name}`))),
  },
  {
    name: 'everything asked for, and nothing read',
    verdict: BORNE,
    attack: async (peer, world) => {
      const ranges: [string, number, number][] = [[world.bystander.facts.peer, 1, 100_000]];
      const want = encodeControl({ kind: 'want', ranges, proofs: [], hashes: [] });
      const stream = await peer.stream(LEDGER_SYNC_ID);
      stream.pause();
      for (let count = 0; count < 100; count += 1) stream.send(framed(want));
    },
  },
];

describe('a node among peers that send without end', () => {
  let world: HostileWorld | undefined;
  beforeAll(async () => (world = await HostileWorld.start()), 60_000);
  afterAll(() => world?.close());

  test.each(KINDS.map((kind) => [kind.name, kind] as const))('%s', (_, kind) => world?.endure(kind));
  // Twice as much as elsewhere: the process that floods is the one that measures.
});
