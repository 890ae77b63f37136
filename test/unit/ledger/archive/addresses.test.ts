import { expect, test } from 'vitest';
import { silentLogger } from '../../../../src/base/log.ts';
import { ARCHIVE_ADDRESSES_PROTOCOL, ArchiveAddresses } from '../../../../src/ledger/archive/addresses.ts';
import { createMemoryHub } from '../../../../src/network/memory.ts';
import type { PeerKey } from '../../../../src/network/network.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createVirtualClock } from '../../../support/virtual-clock.ts';

const keyOf = (digit: string): PeerKey => digit.repeat(64);
const ATTIC = keyOf('a');

const world = () => {
  const clock = createVirtualClock();
  const hub = createMemoryHub({ clock, random: createSeededRandom(1, 'hub') });
  const start = (digit: string, archives: readonly PeerKey[] = [ATTIC]) => {
    const network = hub.node({ key: keyOf(digit) });
    let changes = 0;
    const addresses = new ArchiveAddresses({
      ...{ network, clock, log: silentLogger, archives: () => archives },
      onChanged: () => (changes += 1),
    });
    return { network, addresses, changes: () => changes };
  };
  return { clock, hub, start };
};

test('who met an archive knows where it listens, and tells those who have not', async () => {
  const { clock, start } = world();
  const [attic, root, late] = [start('a'), start('b'), start('c')];
  await clock.runWhile(attic.network.dial({ address: root.network.address }), 1_000);
  await clock.advance(1_000);
  const there = [{ address: attic.network.address, key: ATTIC }];
  expect(root.addresses.targets()).toEqual(there);
  expect(attic.addresses.targets()).toEqual([]);
  await clock.runWhile(late.network.dial({ address: root.network.address }), 1_000);
  await clock.advance(1_000);
  expect(late.addresses.targets()).toEqual(there);
  expect(late.changes()).toBe(1);
  // It stays known when whoever told it is gone.
  await clock.runWhile(root.network.close(), 1_000);
  await clock.advance(120_000);
  expect(late.addresses.addressOf(ATTIC)).toBe(attic.network.address);
});

test('nobody but the ledger says who is an archive, and what an archive says of itself goes first', async () => {
  const { clock, hub, start } = world();
  const [late, attic] = [start('c'), start('a')];
  const liar = hub.node({ key: keyOf('e') });
  const archives = [
    { key: ATTIC, address: '10.9.9.9:1' },
    { key: keyOf('d'), address: '10.9.9.8:1' },
    { key: keyOf('f'), address: 'no address' },
  ];
  liar.handle(ARCHIVE_ADDRESSES_PROTOCOL, async (channel) => {
    await channel[Symbol.asyncIterator]().next();
    await channel.send(Buffer.from(JSON.stringify({ listen: '0.0.0.0:77', archives })));
    await channel.finish();
  });
  await clock.runWhile(liar.dial({ address: late.network.address }), 1_000);
  await clock.advance(1_000);
  expect(late.addresses.targets()).toEqual([{ key: ATTIC, address: '10.9.9.9:1' }]);
  const [peer] = late.network.peers();
  const host = peer?.address.replace(/:\d+$/, '');
  expect(late.addresses.addressOf(liar.self)).toBe(`${host}:77`);
  await clock.runWhile(attic.network.dial({ address: late.network.address }), 1_000);
  await clock.advance(1_000);
  expect(late.addresses.targets()).toEqual([{ key: ATTIC, address: attic.network.address }]);
});

test('an answer that is none is the sender’s fault; one who does not know the question is no fault', async () => {
  const { clock, hub, start } = world();
  const late = start('c');
  const old = hub.node({ key: keyOf('d') });
  await clock.runWhile(old.dial({ address: late.network.address }), 1_000);
  const rogue = hub.node({ key: keyOf('e') });
  rogue.handle(ARCHIVE_ADDRESSES_PROTOCOL, async (channel) => {
    await channel[Symbol.asyncIterator]().next();
    const address = `${'x'.repeat(301)}:1`;
    await channel.send(Buffer.from(JSON.stringify({ listen: address, archives: [] })));
    await channel.finish();
  });
  await clock.runWhile(rogue.dial({ address: late.network.address }), 1_000);
  await clock.advance(2_000);
  expect(late.network.expelled().map(({ key }) => key)).toEqual([rogue.self]);
  expect(late.network.peers().map(({ key }) => key)).toEqual([old.self]);
});
