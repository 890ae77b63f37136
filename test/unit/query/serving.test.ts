import { expect, test } from 'vitest';
import { QUERIES_SERVED_MAX } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { createChannelPair } from '../../../src/network/memory-channel.ts';
import type { Channel } from '../../../src/network/network.ts';
import { decodeControl, encodeQuery } from '../../../src/query/remote/messages.ts';
import { serveQueries } from '../../../src/query/remote/protocol.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

test('an operator answers a bounded number of queries at a time; one more is told so', async () => {
  const clock = createVirtualClock(0);
  const ended = Promise.withResolvers<undefined>();
  let handler = async (_: Channel): Promise<void> => {};
  const network = { handle: (_: string, given: typeof handler) => void (handler = given) };
  const chunks = async function* () {
    await ended.promise;
    yield { rows: 0, bytes: Buffer.from('[]') };
  };
  const held = () => Promise.resolve(new Map());
  serveQueries({ network, clock, log: silentLogger }, async () => ({ behind: 0, chunks: chunks(), held, left: [] }));
  const ask = async (): Promise<Channel> => {
    const [asking, serving] = createChannelPair(['asking', 'serving'], (_, __, deliver) => deliver());
    void handler(serving);
    const need = { needs: [], behind: 'refuse' as const, cluster: 'c', elsewhere: [] };
    await asking.send(encodeQuery({ dbms: 'd', sql: 'select 1', timeoutMs: 1_000, ...need }));
    return asking;
  };
  const first = async (channel: Channel): Promise<unknown> => {
    for await (const frame of channel) return decodeControl(frame.subarray(1));
    return 'ended';
  };
  const served = await Promise.all(Array.from({ length: QUERIES_SERVED_MAX }, ask));
  for (const channel of served) expect(await first(channel)).toEqual({ kind: 'accepted', behind: 0 });
  expect(await first(await ask())).toMatchObject({ kind: 'error', code: 'QUERY_BUSY' });
  ended.resolve(undefined);
});
