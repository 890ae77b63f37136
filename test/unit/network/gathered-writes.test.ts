import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { GATHERED_SEND_BYTES } from '../../../src/base/limits.ts';
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

/** A connection over a socket, as the TCP transport makes one. */
const over = (socket: Socket) => {
  const send = (data: { subarray(): Uint8Array }): boolean => socket.write(data.subarray());
  const connection = { socket, send };
  gatherWrites(connection);
  return connection;
};

test('what is sent in one turn waits for its end and goes out together, in order', async () => {
  const [client, served] = await pair();
  const connection = over(served);
  const writes = vi.spyOn(served, '_writev');
  for (const letter of 'ab') connection.send(Buffer.from(letter));
  // As of a frame that is answered when a promise has settled.
  await Promise.resolve();
  connection.send(Buffer.from('c'));
  expect(served.writableLength).toBe(3);
  expect(String((await once(client, 'data'))[0])).toBe('abc');
  expect(writes).toHaveBeenCalledTimes(1);
  expect(served.writableCorked).toBe(0);
  connection.send(Buffer.from('d'));
  expect(String((await once(client, 'data'))[0])).toBe('d');
});

test('what is large goes out at once, after what waited', async () => {
  const [client, served] = await pair();
  const connection = over(served);
  let came = '';
  client.setEncoding('utf8').on('data', (text: string) => (came += text));
  connection.send(Buffer.from('a'));
  connection.send(Buffer.alloc(GATHERED_SEND_BYTES, 'b'));
  expect(served.writableCorked).toBe(0);
  connection.send(Buffer.from('c'));
  while (came.length < GATHERED_SEND_BYTES + 2) await once(client, 'data');
  expect(came).toBe(`a${'b'.repeat(GATHERED_SEND_BYTES)}c`);
});

test('a connection without a socket goes on as it is', () => {
  const connection = { send: () => true };
  const { send } = connection;
  gatherWrites(connection);
  expect(connection.send).toBe(send);
});
