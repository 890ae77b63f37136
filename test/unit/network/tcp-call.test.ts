import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { callByTcp } from '../../../src/network/tcp-call.ts';

test('a call is answered where something listens, whatever it says, and is over then', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const taken = once(server, 'connection') as Promise<[NodeJS.EventEmitter]>;
  await callByTcp(`127.0.0.1:${port}`);
  const [socket] = await taken;
  await once(socket, 'close');
  server.close();
  await once(server, 'close');
  await expect(callByTcp(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'NETWORK_UNREACHABLE' });
});
