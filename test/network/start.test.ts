import { execFileSync } from 'node:child_process';
import { createPublicKey, createPrivateKey, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { startTestNetwork } from '../support/libp2p-network.ts';

test('the identity is the public key of the seed; port 0 becomes the bound one', async () => {
  const seed = randomBytes(32);
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const { x } = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })).export({
    format: 'jwk',
  });
  const network = await startTestNetwork({ seed });
  expect(network.self).toBe(Buffer.from(x ?? '', 'base64url').toString('hex'));
  expect(network.address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
  await network.close();
});

test('a name to listen on is kept as it was written', async () => {
  const network = await startTestNetwork({ listen: 'localhost:0' });
  expect(network.address).toMatch(/^localhost:[1-9]\d+$/);
  await network.close();
});

test('a taken port names the address and what to do; a closed node gives it back', async () => {
  const first = await startTestNetwork();
  await expect(startTestNetwork({ listen: first.address })).rejects.toMatchObject({
    code: 'NETWORK_PORT_TAKEN',
    message: expect.stringContaining(first.address) as string,
    hint: expect.stringContaining('--listen') as string,
  });
  await first.close();
  await (await startTestNetwork({ listen: first.address })).close();
});

test.each([
  ['203.0.113.7:0', 'NETWORK_LISTEN_FAILED'],
  ['203.0.113.7:4001', 'NETWORK_LISTEN_FAILED'],
  ['no-such-host.invalid:4001', 'NETWORK_LISTEN_FAILED'],
  ['4001', 'NETWORK_ADDRESS_INVALID'],
  ['127.0.0.1:99999', 'NETWORK_ADDRESS_INVALID'],
])('listening on %s fails with %s', async (listen, code) => {
  await expect(startTestNetwork({ listen })).rejects.toMatchObject({ code });
});

test('a seed of the wrong size is refused', async () => {
  await expect(startTestNetwork({ seed: randomBytes(31) })).rejects.toMatchObject({ code: 'NETWORK_KEY_INVALID' });
});

test('the port can be imported without loading libp2p', () => {
  const script = `
    await import(${JSON.stringify(new URL('../../src/network/libp2p.ts', import.meta.url).href)});
    const { registerHooks } = await import('node:module');
    registerHooks({ resolve: (name, context, next) => { if (name === 'libp2p') { console.log('loaded'); } return next(name, context); } });
    await import(${JSON.stringify(new URL('../../src/network/libp2p.ts', import.meta.url).href)} + '?again');
    console.log('done');`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(out.trim()).toBe('done');
});
