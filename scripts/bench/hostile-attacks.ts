/**
 * A hostile peer as a process of its own, until it is ended: `node hostile-attacks.ts ATTACK HOST:PORT NETWORK`. Cut
 * off it comes back under another key at once. Says a line when it has connected for the first time.
 */
import { randomBytes } from 'node:crypto';
import { makeEntry } from '../../src/entry/make.ts';
import type { RawEntry } from '../../src/entry/entry.ts';
import { encodeControl, encodeEntries, LEDGER_SYNC_ID, ledgerTopic } from '../../src/ledger/sync/messages.ts';
import { PING_PROTOCOL } from '../../src/network/liveness.ts';
import { framed, HostilePeer } from '../../test/support/hostile-peer.ts';

type Attack = (peer: HostilePeer, network: string) => Promise<unknown>;

/** A well-made entry of the peer with another's signature. */
const forged = (peer: HostilePeer, net: string): RawEntry => {
  const { raw } = makeEntry(peer.key, {
    ...{ net, seq: 1, prev: null, parents: [net], time: Date.now() * 1_000, cap: net, op: 'insert', type: 'site' },
    ...{ id: randomBytes(16).toString('hex'), replaces: null, content: { site: { name: 'x'.repeat(500) } } },
    salt: randomBytes(16),
  });
  return { ...raw, signature: randomBytes(64) };
};

/** What is sent without end, by name. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  'forged entries by gossip': (peer, network) =>
    peer.forever(() => peer.gossip(ledgerTopic(network), encodeEntries([forged(peer, network)]))),
  'rubbish as gossip': (peer, network) => peer.forever(() => peer.gossip(ledgerTopic(network), randomBytes(2_000))),
  'frames of rubbish for sync': async (peer) =>
    peer.pour(await peer.stream(LEDGER_SYNC_ID), framed(randomBytes(60_000))),
  'the whole ledger asked for, again and again': async (peer, network) => {
    const want = encodeControl({ kind: 'want', ranges: [[network, 1, 100_000]], proofs: [], hashes: [] });
    await peer.pour(await peer.stream(LEDGER_SYNC_ID), framed(want));
  },
  'subscriptions without end': (peer) => {
    let from = 0;
    return peer.forever(() =>
      peer.rpc({
        subscriptions: Array.from({ length: 60 }, () => ({ topic: `/t/${(from += 1)}`, subscribe: true })),
      }),
    );
  },
  'channels opened and dropped': (peer) =>
    peer.forever(async () => {
      const streams = await Promise.allSettled(Array.from({ length: 100 }, () => peer.stream(PING_PROTOCOL)));
      for (const each of streams) if (each.status === 'fulfilled') each.value.abort(new Error('dropped'));
    }),
  'connections made and dropped': async () => {},
};

export const attackNames = Object.keys(ATTACKS);

/** How often new connections are tried: who is kept out waits, so that this process leaves the machine to the nodes. */
const PAUSE_MS = 20;

const [name = '', address = '', network = ''] = process.argv.slice(2);
const attack = ATTACKS[name];
if (import.meta.main && attack !== undefined)
  for (let told = false; ;) {
    try {
      const peer = await HostilePeer.connect(address);
      if (!told) process.stdout.write('connected\n');
      told = true;
      await attack(peer, network).catch(() => {});
      await peer.close();
    } catch {
      // Refused: it tries on.
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
