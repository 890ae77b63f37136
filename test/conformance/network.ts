import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import { FRAME_BYTES_MAX, GOSSIP_BYTES_MAX } from '../../src/base/limits.ts';
import type { Network, PeerKey, Verdict } from '../../src/network/network.ts';
import { waitFor } from '../support/wait.ts';

/** Makes nodes that can reach each other; the suite closes them. */
export type NetworkFactory = () => Promise<Network>;

const ECHO = '/holdfast/echo/1';
const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (data: Uint8Array): string => Buffer.from(data).toString();

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (caught) {
    return (caught as { code?: string }).code ?? String(caught);
  }
  return 'no error';
};

const echo = (network: Network): void =>
  network.handle(ECHO, async (channel) => {
    for await (const frame of channel) await channel.send(frame);
  });

/** What every form of the port does. */
export const describeNetwork = (name: string, world: () => Promise<NetworkFactory>): void => {
  describe(`network: ${name}`, () => {
    let make: NetworkFactory;
    let nodes: Network[];
    const node = async (): Promise<Network> => {
      const made = await make();
      nodes.push(made);
      return made;
    };
    const pair = async (): Promise<[Network, Network]> => {
      const [a, b] = [await node(), await node()];
      await a.dial({ address: b.address });
      await waitFor(() => b.peers().length === 1);
      return [a, b];
    };
    beforeEach(async () => {
      nodes = [];
      make = await world();
    });
    afterEach(async () => {
      await Promise.all(nodes.map((each) => each.close()));
    });

    describe('connections', () => {
      test('both sides see the peer by its key, and hear when it goes', async () => {
        const [a, b] = [await node(), await node()];
        const seen: string[] = [];
        b.notices.on('peer:up', (peer) => seen.push(`up ${peer.key}`));
        b.notices.on('peer:down', (key) => seen.push(`down ${key}`));
        // What is left of a deadline, or was reckoned from a measured time, is no whole number.
        const peer = await a.dial({ address: b.address, key: b.self }, { timeoutMs: 4_321.25 });
        expect(peer).toMatchObject({ key: b.self, address: b.address, outbound: true });
        await waitFor(() => b.peers().length === 1);
        expect(b.peers()[0]).toMatchObject({ key: a.self, outbound: false });
        await a.disconnect(b.self);
        await waitFor(() => a.peers().length === 0 && b.peers().length === 0);
        expect(seen).toEqual([`up ${a.self}`, `down ${a.self}`]);
      });

      test('dialling a connected address gives the connection that is there', async () => {
        const [a, b] = await pair();
        await a.dial({ address: b.address });
        await a.dial({ address: b.address, key: b.self });
        expect(a.peers()).toHaveLength(1);
      });

      test('errors are typed: nobody there, another key, oneself, an address that is none', async () => {
        const [a, b] = [await node(), await node()];
        const gone = await make();
        await gone.close();
        expect(await codeOf(a.dial({ address: gone.address }))).toBe('NETWORK_UNREACHABLE');
        expect(
          await codeOf(
            a.dial({ address: b.address, key: a.self.replace(/^./, (digit) => (digit === 'f' ? '0' : 'f')) }),
          ),
        ).toMatch(/^NETWORK_(WRONG_PEER|KEY_INVALID)$/);
        expect(await codeOf(a.dial({ address: b.address, key: gone.self }))).toBe('NETWORK_WRONG_PEER');
        expect(await codeOf(a.dial({ address: a.address }))).toBe('NETWORK_SELF');
        expect(a.peers()).toEqual([]);
      });

      test('when both dial at once, channels work and the peer counts once', async () => {
        const [a, b] = [await node(), await node()];
        echo(a);
        echo(b);
        await Promise.all([a.dial({ address: b.address }), b.dial({ address: a.address })]);
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          expect(from.peers()).toHaveLength(1);
          expect(textOf(await from.request(to.self, ECHO, bytes('x')))).toBe('x');
        }
        expect(a.peers()).toHaveLength(1);
      });
    });

    describe('redialling', () => {
      test('a kept address is reached whenever its node appears, and reached again after a loss', async () => {
        const [a, late] = [await node(), await node()];
        a.keepDialled([{ address: late.address, key: late.self }]);
        await waitFor(() => a.peers().length === 1 && late.peers().length === 1);
        await late.disconnect(a.self);
        await waitFor(() => a.dialStates()[0]?.attempts === 2 && a.dialStates()[0]?.connected, {
          what: () => JSON.stringify([a.dialStates(), a.peers(), late.peers()]),
        });
      });

      test('the own address and a dead one do no harm; a target connected from the other side counts', async () => {
        const [a, b] = [await node(), await node()];
        const gone = await make();
        await gone.close();
        await b.dial({ address: a.address });
        await waitFor(() => a.peers().length === 1);
        a.keepDialled([{ address: a.address }, { address: gone.address }, { address: b.address, key: b.self }]);
        await waitFor(() => (a.dialStates()[1]?.attempts ?? 0) >= 2);
        const [own, dead, other] = a.dialStates();
        expect(own).toMatchObject({ connected: false });
        expect(own?.attempts).toBeLessThanOrEqual(1);
        expect(dead).toMatchObject({ connected: false, lastError: expect.stringContaining(gone.address) as string });
        expect(other).toMatchObject({ connected: true, attempts: 0 });
      });

      test('what is no longer kept is not dialled again', async () => {
        const [a, b] = [await node(), await node()];
        a.keepDialled([{ address: b.address }]);
        await waitFor(() => a.peers().length === 1);
        a.keepDialled([]);
        expect(a.dialStates()).toEqual([]);
        expect(a.peers()).toHaveLength(1);
      });
    });

    describe('channels', () => {
      test('frames arrive whole and in order, from empty to the largest, both ways', async () => {
        const [a, b] = await pair();
        echo(b);
        const channel = await a.open(b.self, ECHO);
        const frames = [0, 1, 3, 70_000, FRAME_BYTES_MAX, 5].map((size) => randomBytes(size));
        const back: Uint8Array[] = [];
        const reading = (async () => {
          for await (const frame of channel) back.push(frame);
        })();
        // Not awaited one by one: sends keep their order by themselves.
        await Promise.all(frames.map((frame) => channel.send(frame)));
        await channel.finish();
        await reading;
        expect(back.map((frame) => frame.byteLength)).toEqual(frames.map((frame) => frame.byteLength));
        expect(back.every((frame, at) => Buffer.compare(frame, frames[at] ?? bytes('')) === 0)).toBe(true);
      });

      test('a request gives one answer; concurrent requests do not mix', async () => {
        const [a, b] = await pair();
        echo(b);
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, count) => a.request(b.self, ECHO, bytes(`${count}`))),
        );
        expect(answers.map(textOf)).toEqual(Array.from({ length: 40 }, (_, count) => `${count}`));
      });

      test('a reader that takes nothing holds the sender back', async () => {
        const [a, b] = await pair();
        let go = (): void => {};
        const gate = new Promise<void>((resolve) => (go = resolve));
        let received = 0;
        b.handle('/holdfast/slow/1', async (channel) => {
          await gate;
          for await (const frame of channel) received += frame.byteLength;
        });
        const channel = await a.open(b.self, '/holdfast/slow/1');
        const [frame, count] = [randomBytes(FRAME_BYTES_MAX), 24];
        let sent = 0;
        const sending = (async () => {
          for (let at = 0; at < count; at += 1) {
            await channel.send(frame);
            sent += 1;
          }
          await channel.finish();
        })();
        // Held back for as long as two echoes over the same connection take, and more.
        echo(b);
        for (let round = 0; round < 20; round += 1) await a.request(b.self, ECHO, bytes('still there'));
        expect(sent).toBeLessThan(10);
        go();
        await sending;
        await waitFor(() => received === count * FRAME_BYTES_MAX);
      });

      test('errors are typed: not connected, unknown protocol, no answer in time, too large a frame', async () => {
        const [a, b] = await pair();
        const stranger: PeerKey = (await node()).self;
        const asked = Promise.withResolvers<undefined>();
        b.handle('/holdfast/mute/1', async (channel) => {
          for await (const _ of channel) continue;
          await asked.promise;
        });
        echo(b);
        expect(await codeOf(a.open(stranger, ECHO))).toBe('NETWORK_NOT_CONNECTED');
        expect(await codeOf(a.open(b.self, '/holdfast/none/1'))).toBe('NETWORK_PROTOCOL_UNSUPPORTED');
        expect(await codeOf(a.request(b.self, '/holdfast/mute/1', bytes('?'), { timeoutMs: 200 }))).toBe(
          'NETWORK_TIMEOUT',
        );
        asked.resolve(undefined);
        const channel = await a.open(b.self, ECHO);
        expect(await codeOf(channel.send(new Uint8Array(FRAME_BYTES_MAX + 1)))).toBe('NETWORK_FRAME_OVERSIZE');
        await channel.finish();
        expect(await codeOf(channel.send(bytes('late')))).toBe('NETWORK_CHANNEL_CLOSED');
      });

      test('a signal gives up an opening and a request', async () => {
        const [a, b] = await pair();
        const [asked, given] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
        b.handle('/holdfast/mute/1', async (channel) => {
          for await (const _ of channel) continue;
          asked.resolve(undefined);
          await given.promise;
        });
        const controller = new AbortController();
        const work = codeOf(a.request(b.self, '/holdfast/mute/1', bytes('?'), { signal: controller.signal }));
        await asked.promise;
        controller.abort();
        expect(await work).toBe('NETWORK_ABORTED');
        given.resolve(undefined);
      });

      test('a handler that throws ends its own channel and nothing else', async () => {
        const [a, b] = await pair();
        echo(b);
        const calm = await a.open(b.self, ECHO);
        b.handle('/holdfast/fails/1', async () => {
          throw new Error('a bug');
        });
        expect(await codeOf(a.request(b.self, '/holdfast/fails/1', bytes('?')))).toMatch(/^NETWORK_CHANNEL_/);
        await calm.send(bytes('fine'));
        expect(textOf((await calm[Symbol.asyncIterator]().next()).value as Uint8Array)).toBe('fine');
        expect(a.peers()).toHaveLength(1);
        calm.abort();
      });

      test('an abort reaches the other side, wakes its reader and its writer', async () => {
        const [a, b] = await pair();
        const ends: string[] = [];
        b.handle('/holdfast/long/1', async (channel) => {
          ends.push(
            await codeOf(
              (async () => {
                for await (const _ of channel) continue;
              })(),
            ),
          );
        });
        const channel = await a.open(b.self, '/holdfast/long/1');
        await channel.send(bytes('x'));
        channel.abort('enough');
        channel.abort('again');
        await waitFor(() => ends.length === 1);
        expect(ends[0]).toMatch(/^NETWORK_CHANNEL_/);
        expect(await codeOf(channel.send(bytes('y')))).toBe('NETWORK_CHANNEL_ABORTED');
        expect(await codeOf(channel[Symbol.asyncIterator]().next())).toBe('NETWORK_CHANNEL_ABORTED');
      });

      test('when the peer goes away the reader and the writer of its channels are told', async () => {
        const [a, b] = await pair();
        b.handle('/holdfast/long/1', async (channel) => {
          for await (const _ of channel) continue;
        });
        const channel = await a.open(b.self, '/holdfast/long/1');
        const reading = codeOf(channel[Symbol.asyncIterator]().next());
        await b.close();
        expect(await reading).toMatch(/^NETWORK_CHANNEL_/);
        expect(await codeOf(channel.send(bytes('y')))).toMatch(/^NETWORK_CHANNEL_/);
        expect(await codeOf(a.open(b.self, '/holdfast/long/1'))).toBe('NETWORK_NOT_CONNECTED');
      });

      test('what was sent before finish() arrives though the handler answers and leaves at once', async () => {
        const [a, b] = await pair();
        b.handle('/holdfast/many/1', async (channel) => {
          for (let count = 0; count < 50; count += 1) await channel.send(randomBytes(50_000));
        });
        const channel = await a.open(b.self, '/holdfast/many/1');
        let frames = 0;
        for await (const _ of channel) frames += 1;
        expect(frames).toBe(50);
        await channel.finish();
      });
    });

    describe('gossip', () => {
      const topic = '/holdfast/test';
      const collect = (network: Network, verdict: (text: string) => Verdict = () => 'accept'): string[] => {
        const heard: string[] = [];
        network.subscribe(topic, async (data, from) => {
          expect(from).toMatch(/^[0-9a-f]{64}$/);
          heard.push(textOf(data));
          return verdict(textOf(data));
        });
        return heard;
      };
      /** Publishes fresh texts until one is heard: a subscription takes a moment to be known. */
      const untilHeard = async (from: Network, heard: string[], prefix: string): Promise<void> => {
        let count = 0;
        await waitFor(
          async () => {
            if (heard.some((text) => text.startsWith(prefix))) return true;
            await from.publish(topic, bytes(`${prefix}${(count += 1)}`));
            return false;
          },
          { everyMs: 50 },
        );
      };

      test('a message reaches those who subscribed, not its publisher, and each once', async () => {
        const [a, b] = await pair();
        const [own, heard] = [collect(a), collect(b)];
        await untilHeard(a, heard, 'hello');
        expect(own).toEqual([]);
        expect(new Set(heard).size).toBe(heard.length);
      });

      test('only what is accepted is passed on', async () => {
        const [a, b, c] = [await node(), await node(), await node()];
        await a.dial({ address: b.address });
        await b.dial({ address: c.address });
        collect(a);
        const atB = collect(b, (text) =>
          text.startsWith('good') ? 'accept' : text.startsWith('bad') ? 'reject' : 'ignore',
        );
        const atC = collect(c);
        await untilHeard(a, atC, 'good');
        await untilHeard(a, atB, 'odd');
        await untilHeard(a, atC, 'good again');
        await untilHeard(a, atB, 'bad');
        expect(atC.every((text) => text.startsWith('good'))).toBe(true);
      });

      test('whose gossip is rejected is cut off and kept out, and nobody else', async () => {
        const [a, b, c] = [await node(), await node(), await node()];
        await a.dial({ address: b.address });
        await b.dial({ address: c.address });
        const atB = collect(b, (text) => (text.startsWith('bad') ? 'reject' : 'accept'));
        await untilHeard(a, atB, 'bad');
        await waitFor(() => b.peers().length === 1);
        expect(b.peers()).toMatchObject([{ key: c.self }]);
        expect(b.expelled()).toMatchObject([{ key: a.self, code: 'NETWORK_GOSSIP_REJECTED' }]);
        await waitFor(() => a.peers().length === 0);
        expect(await codeOf(b.dial({ address: a.address, key: a.self }))).toBe('NETWORK_EXPELLED');
        await a.dial({ address: b.address, key: b.self }).catch(() => {});
        await waitFor(() => a.peers().length === 0);
        expect(b.peers()).toHaveLength(1);
      });

      test('publishing to nobody is no error; too large a message is', async () => {
        const a = await node();
        await a.publish(topic, bytes('alone'));
        expect(await codeOf(a.publish(topic, new Uint8Array(GOSSIP_BYTES_MAX + 1)))).toBe('NETWORK_GOSSIP_OVERSIZE');
      });

      test('a receiver that throws harms nobody', async () => {
        const [a, b] = await pair();
        let calls = 0;
        b.subscribe(topic, async () => {
          calls += 1;
          throw new Error('a bug');
        });
        collect(a);
        await waitFor(
          async () => {
            await a.publish(topic, randomBytes(8));
            return calls >= 2;
          },
          { everyMs: 50 },
        );
        expect(a.peers()).toHaveLength(1);
      });
    });

    test('close ends everything, may be called twice, and what comes after is a typed error', async () => {
      const [a, b] = await pair();
      await a.close();
      await a.close();
      await waitFor(() => b.peers().length === 0);
      await expect(a.dial({ address: b.address })).rejects.toSatisfy((error) =>
        /^NETWORK_/.test((error as { code: string }).code),
      );
      expect(hasCode(await a.open(b.self, ECHO).catch((error: unknown) => error), 'NETWORK_NOT_CONNECTED')).toBe(true);
    });
  });
};
