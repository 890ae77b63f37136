import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { gatherWrites } from '../../../src/network/gathered-writes.ts';

const open: { destroy(): void }[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});

const pair = async (): Promise<readonly [Socket, Socket]> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  server.close();
  open.push(client, accepted);
  return [client, accepted];
};

test('answers to what arrived wait for the end of the turn and go out together, in order', async () => {
  const [client, served] = await pair();
  gatherWrites({ socket: served });
  const held: number[] = [];
  served.on('data', () => {
    served.write('a');
    // As of a frame that is answered when a promise has settled.
    void Promise.resolve().then(() => {
      served.write('b');
      held.push(served.writableLength);
    });
  });
  let answers = '';
  client.setEncoding('utf8').on('data', (text: string) => (answers += text));
  for (const expected of ['ab', 'abab']) {
    client.write('?');
    while (answers.length < expected.length) await once(client, 'data');
    expect(answers).toBe(expected);
  }
  expect(held).toEqual([2, 2]);
  expect(served.writableCorked).toBe(0);
});

test('what is written without an occasion is not held', async () => {
  const [client, served] = await pair();
  gatherWrites({ socket: served });
  served.write('x');
  expect(served.writableCorked).toBe(0);
  expect(String((await once(client, 'data'))[0])).toBe('x');
});

test('a connection without a socket goes on as it is', () => {
  expect(() => gatherWrites({})).not.toThrow();
});
