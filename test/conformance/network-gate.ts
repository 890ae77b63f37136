import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asFault } from '../../src/base/errors.ts';
import type { Gate, Network, PeerKey } from '../../src/network/network.ts';
import { waitFor } from '../support/wait.ts';
import type { NetworkFactory } from './network.ts';

const MEMBERS_ONLY = '/holdfast/echo/1';
const FOR_GUESTS = '/holdfast/door/1';

const gateOf = (members: ReadonlySet<PeerKey>): Gate => ({
  isMember: (key) => members.has(key),
  guestProtocols: new Set([FOR_GUESTS]),
});

const answering = (network: Network): void => {
  for (const protocol of [MEMBERS_ONLY, FOR_GUESTS])
    network.handle(protocol, async (channel) => {
      for await (const frame of channel) await channel.send(frame);
    });
};

const answers = async (asker: Network, peer: PeerKey, protocol: string): Promise<boolean> => {
  try {
    return (await asker.request(peer, protocol, Buffer.from('x'), { timeoutMs: 2_000 })).byteLength === 1;
  } catch {
    return false;
  }
};

/** What every form of the port does with peers that are no members. */
export const describeNetworkGate = (name: string, world: () => Promise<NetworkFactory>): void => {
  describe(`network gate: ${name}`, () => {
    let nodes: Network[];
    let members: Set<PeerKey>;
    let [guarded, other]: [Network, Network] = [undefined as never, undefined as never];
    beforeEach(async () => {
      const make = await world();
      nodes = [await make(), await make(), await make()];
      [guarded, other] = [nodes[0]!, nodes[1]!];
      for (const node of nodes) answering(node);
      members = new Set();
      guarded.setGate(gateOf(members));
    });
    afterEach(async () => {
      await Promise.all(nodes.map((node) => node.close()));
    });

    test('who is no member is no peer, may use the protocols for guests alone, and is dropped after a while', async () => {
      const seen: string[] = [];
      guarded.notices.on('peer:up', ({ key }) => seen.push(key));
      await other.dial({ address: guarded.address });
      expect(await answers(other, guarded.self, FOR_GUESTS)).toBe(true);
      expect(await answers(other, guarded.self, MEMBERS_ONLY)).toBe(false);
      expect(guarded.peers()).toEqual([]);
      await waitFor(() => other.peers().length === 0, { timeoutMs: 10_000 });
      expect(seen).toEqual([]);
    });

    test('of who has no grant nothing is asked but what a guest may be, though it would answer; connected or not', async () => {
      const codeOf = async (): Promise<unknown> =>
        guarded.open(other.self, MEMBERS_ONLY).catch((caught: unknown) => asFault(caught).code);
      expect(await codeOf()).toBe('NETWORK_NO_GRANT');
      await guarded.dial({ address: other.address });
      expect(await answers(guarded, other.self, FOR_GUESTS)).toBe(true);
      expect(await codeOf()).toBe('NETWORK_NO_GRANT');
    });

    test('a guest that this node has dialled is told of; one that has dialled it is not', async () => {
      const met: string[] = [];
      guarded.notices.on('guest:up', ({ key }) => met.push(key));
      await other.dial({ address: guarded.address });
      expect(await answers(other, guarded.self, FOR_GUESTS)).toBe(true);
      await guarded.dial({ address: nodes[2]!.address });
      await waitFor(() => met.length > 0);
      expect(met).toEqual([nodes[2]!.self]);
    });

    test('a guest that becomes a member is admitted on the connection that it has, and stays', async () => {
      await other.dial({ address: guarded.address });
      expect(await answers(other, guarded.self, MEMBERS_ONLY)).toBe(false);
      members.add(other.self);
      guarded.recheck();
      expect(guarded.peers().map(({ key }) => key)).toEqual([other.self]);
      expect(await answers(other, guarded.self, MEMBERS_ONLY)).toBe(true);
    });

    test('a member that is none any more is dropped at once', async () => {
      members.add(other.self);
      await other.dial({ address: guarded.address });
      await waitFor(() => guarded.peers().length === 1);
      const gone = new Promise((resolve) => guarded.notices.once('peer:down', resolve));
      members.delete(other.self);
      guarded.recheck();
      expect(await gone).toBe(other.self);
      expect(guarded.peers()).toEqual([]);
      await waitFor(() => other.peers().length === 0);
    });

    test('gossip neither reaches who is no member nor is heard from it', async () => {
      const third = nodes[2]!;
      members.add(third.self);
      const heard = new Map(nodes.map((node) => [node, [] as string[]]));
      for (const node of nodes)
        node.subscribe('topic', async (data) => {
          heard.get(node)?.push(Buffer.from(data).toString());
          return 'accept';
        });
      await third.dial({ address: guarded.address });
      await other.dial({ address: guarded.address });
      await waitFor(
        async () => {
          await guarded.publish('topic', Buffer.from(`member ${randomBytes(4).toString('hex')}`));
          await other.publish('topic', Buffer.from(`guest ${randomBytes(4).toString('hex')}`));
          return (heard.get(third)?.length ?? 0) > 3;
        },
        { everyMs: 50 },
      );
      expect(heard.get(other)).toEqual([]);
      expect([...heard.get(guarded)!, ...heard.get(third)!].filter((text) => text.startsWith('guest'))).toEqual([]);
    });
  });
};
