import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RestNode, startRestNode } from '../../support/rest-node.ts';
import { waitFor } from '../../support/wait.ts';

const PIECE = 'x'.repeat(65_536);
const PIECES = 500;

describe('a long answer', () => {
  let node: RestNode;
  let [pieces, made, ended] = [0, 0, 0];
  const get = (command: string): Promise<Response> =>
    fetch(node.url, { headers: { command, 'User-Agent': 'AnyLog/1.23' } });

  beforeAll(async () => {
    node = await startRestNode({
      *pieces() {
        try {
          yield '{';
          for (made = 0; made < pieces; made += 1) yield PIECE;
        } finally {
          ended += 1;
        }
      },
    });
  });
  afterAll(() => node.close());

  test('goes out as it is made, and others are served meanwhile', async () => {
    pieces = PIECES;
    const reply = await get('get long');
    expect(reply.headers.get('content-length')).toBeNull();
    expect(reply.headers.get('content-type')).toContain('json');
    expect(await (await get('get status')).text()).toBe('answer to get status');
    expect(made).toBeLessThan(PIECES);
    expect((await reply.text()).length).toBe(1 + PIECES * PIECE.length);
  });

  test('whose client leaves is let go of', async () => {
    pieces = PIECES;
    const before = ended;
    const reply = await get('get long');
    await reply.body?.cancel();
    await waitFor(() => ended > before, { what: 'the answer is let go of' });
    expect(made).toBeLessThan(PIECES);
  });

  test('that is not so long goes out whole, with its length', async () => {
    pieces = 2;
    const reply = await get('get long');
    expect(Number(reply.headers.get('content-length'))).toBe(1 + 2 * PIECE.length);
    expect((await reply.text()).length).toBe(1 + 2 * PIECE.length);
  });
});
