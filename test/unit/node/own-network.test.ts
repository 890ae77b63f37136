import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { settleNetwork } from '../../../src/node/own-network.ts';

let ledger: MemoryLedger;
beforeEach(async () => {
  ledger = await createMemoryLedger();
});
afterEach(() => ledger.close());

type Told = Parameters<typeof settleNetwork>[1];
const settle = (told: Partial<Told>, mayCreate = (): Promise<void> => Promise.resolve()): Promise<void> =>
  settleNetwork(ledger, { network: undefined, admission: undefined, seeds: [], dir: '/d', ...told }, mayCreate);
const genesis = async (): Promise<unknown> => (await ledger.byHash(ledger.network ?? ''))?.entry.content;

test('a network is created where one is named, and who joins needs an invite unless said otherwise', async () => {
  await settle({});
  expect(ledger.network).toBeUndefined();
  await settle({ network: 'acme' });
  expect(await genesis()).toMatchObject({ name: 'acme', admission: 'invite' });
});

test('none is created by a start that ends by something else', async () => {
  const taken = settle({ network: 'acme' }, () => Promise.reject(new Error('the port is taken')));
  await expect(taken).rejects.toThrow('the port is taken');
  expect(ledger.network).toBeUndefined();
});

test.each([
  [{ network: 'acme', seeds: ['127.0.0.1:1'] }, /--seed 127\.0\.0\.1:1 joins one/],
  [{ admission: 'open' as const }, /--admission open is for a network that is created/],
])('%j is refused where there is none', async (told, text) => {
  await expect(settle(told)).rejects.toMatchObject({
    code: 'CONFIG_VALUE',
    message: expect.stringMatching(text) as string,
  });
  expect(ledger.network).toBeUndefined();
});

test('a genesis entry whose line is damaged keeps no node from its start', async () => {
  await settle({ network: 'acme' });
  const { network } = ledger;
  const unread = {
    network,
    byHash: () => Promise.resolve(undefined),
    createNetwork: () => Promise.reject(new Error('it is there')),
  };
  const told = { network: 'acme', admission: 'invite' as const, seeds: [], dir: '/d' };
  await expect(settleNetwork(unread, told, () => Promise.reject(new Error('it is there')))).resolves.toBeUndefined();
});

test('one that is there is kept, and what was said of another is refused', async () => {
  await settle({ network: 'acme', admission: 'open' });
  const { network } = ledger;
  for (const told of [{}, { network: 'acme' }, { admission: 'open' as const }, { seeds: ['127.0.0.1:1'] }])
    await settle(told, () => Promise.reject(new Error('nothing is created')));
  await expect(settle({ network: 'other' })).rejects.toMatchObject({ code: 'NODE_OTHER_NETWORK' });
  await expect(settle({ network: 'acme', admission: 'invite' })).rejects.toMatchObject({
    code: 'CONFIG_VALUE',
    message: expect.stringMatching(/--admission invite: the network "acme" has --admission open/) as string,
  });
  expect(ledger.network).toBe(network);
});
