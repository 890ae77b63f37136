import { describe, expect, test } from 'vitest';
import { QUERY_LINE_IDLE_MS, QUERY_LINES_IDLE_MAX } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { createChannelPair } from '../../../src/network/memory-channel.ts';
import type { Channel } from '../../../src/network/network.ts';
import { askQuery } from '../../../src/query/remote/ask.ts';
import { Lines } from '../../../src/query/remote/lines.ts';
import { encodeControl, type QueryMessage } from '../../../src/query/remote/messages.ts';
import { type AnswerQuery, serveQueries } from '../../../src/query/remote/protocol.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const rowsOf = async function* (rows: number) {
  yield { rows, bytes: Buffer.from(`[${Array.from({ length: rows }, () => '[1]').join(',')}]`) };
};
const answering: AnswerQuery = ({ sql }) =>
  Promise.resolve({ behind: 0, chunks: rowsOf(Number(sql)), left: [], held: () => Promise.resolve(new Map()) });

/** One node that asks and one operator, with the channels between them, as the operator holds them. */
const world = (answer: AnswerQuery = answering) => {
  const clock = createVirtualClock(0);
  const served: Channel[] = [];
  const blamed: unknown[] = [];
  let handler = (_: Channel): Promise<void> => Promise.resolve();
  serveQueries({ network: { handle: (_, given) => void (handler = given) }, clock, log: silentLogger }, answer);
  const network = {
    open: async (): Promise<Channel> => {
      const carry = (_: string, __: string, deliver: () => void) => deliver();
      const [asking, serving] = createChannelPair(['asking', 'serving'], carry, (_, __, why) => blamed.push(why));
      served.push(serving);
      void handler(serving).catch(() => {});
      return asking;
    },
  };
  const lines = new Lines(network, clock);
  const chunk = (bytes: Uint8Array): number => (JSON.parse(Buffer.from(bytes).toString()) as unknown[]).length;
  const listener = { accepted: () => {}, chunk, ended: () => {} };
  const ask = (sql: string, signal = new AbortController().signal): Promise<number> => {
    const query: QueryMessage = {
      dbms: 'd',
      sql,
      timeoutMs: 1_000,
      needs: [],
      behind: 'refuse',
      cluster: 'c',
      elsewhere: [],
    };
    return askQuery(lines, 'serving', query, listener, signal);
  };
  return { clock, served, blamed, ask, serveBy: (own: typeof handler) => void (handler = own) };
};

describe('channels to operators', () => {
  test('carry one query after the other, refused ones too', async () => {
    const { ask, served } = world((query, asker) =>
      query.sql === 'no' ? Promise.reject(new Error('no')) : answering(query, asker),
    );
    for (const rows of [1, 3, 2]) expect(await ask(String(rows))).toBe(rows);
    await expect(ask('no')).rejects.toThrow('no');
    expect(await ask('5')).toBe(5);
    expect(served).toHaveLength(1);
  });

  test('are as many as queries at the same time, and those kept are bounded', async () => {
    const { ask, served } = world();
    const many = QUERY_LINES_IDLE_MAX + 3;
    const rows = () => Promise.all(Array.from({ length: many }, (_, at) => ask(String(at + 1))));
    const expected = Array.from({ length: many }, (_, at) => at + 1);
    expect(await rows()).toEqual(expected);
    expect(served).toHaveLength(many);
    expect(await rows()).toEqual(expected);
    expect(served).toHaveLength(many + 3);
  });

  test('that the operator has ended are replaced, noticed before or not', async () => {
    const { ask, served } = world();
    await ask('1');
    await served[0]?.finish();
    expect(await ask('2')).toBe(2);
    const asked = ask('3');
    served[1]?.abort('gone while the question is on its way');
    expect(await asked).toBe(3);
    expect(served).toHaveLength(3);
  });

  test('end after a while without a query, by the one or the other side', async () => {
    const { ask, served, clock } = world();
    await ask('1');
    await clock.advance(QUERY_LINE_IDLE_MS + 1);
    await expect(served[0]?.send(Buffer.of(1))).rejects.toThrow('finished');
    const left = world();
    left.serveBy(async (channel) => {
      for await (const _ of channel) await channel.send(encodeControl({ kind: 'behind', files: 1 }));
    });
    await expect(left.ask('1')).rejects.toThrow('lacks 1 file');
    expect(left.clock.pending).toBe(1);
  });

  test('are dropped with a query that is given up, and nothing of its answer reaches the next', async () => {
    const hanging = Promise.withResolvers<undefined>();
    const { ask, served } = world(async (query, asker) => {
      if (query.sql === '7') await hanging.promise;
      return answering(query, asker);
    });
    await ask('1');
    const gone = new AbortController();
    const asked = ask('7', gone.signal);
    gone.abort(new Error('given up'));
    await expect(asked).rejects.toThrow('given up');
    hanging.resolve(undefined);
    expect(await ask('2')).toBe(2);
    expect(served).toHaveLength(2);
  });

  test('on which something comes that nobody asked are dropped, and the operator is to blame', async () => {
    const { ask, served, blamed, clock } = world();
    await ask('1');
    await served[0]?.send(encodeControl({ kind: 'accepted', behind: 0 }));
    await clock.advance(0);
    expect(await ask('2')).toBe(2);
    expect(served).toHaveLength(2);
    expect(blamed).toEqual([expect.objectContaining({ code: 'QUERY_MESSAGE_MALFORMED' })]);
  });
});
