import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ARCHIVE_ADDRESSES_MS, ARCHIVE_CLAIMS_MAX } from '../../../../src/base/limits.ts';
import { silentLogger } from '../../../../src/base/log.ts';
import {
  ARCHIVE_ADDRESSES_PROTOCOL,
  decodeAddressesAnswer,
  decodeAddressesQuestion,
  encodeAddresses,
} from '../../../../src/ledger/archive/address-messages.ts';
import { ArchiveAddresses } from '../../../../src/ledger/archive/addresses.ts';
import { createMemoryHub } from '../../../../src/network/memory.ts';
import type { Address, Network, PeerKey } from '../../../../src/network/network.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createVirtualClock } from '../../../support/virtual-clock.ts';

const keyOf = (digit: string): PeerKey => digit.repeat(64);
const ATTIC = keyOf('a');

const world = () => {
  const clock = createVirtualClock();
  const hub = createMemoryHub({ clock, random: createSeededRandom(1, 'hub') });
  const start = (digit: string, at?: Address, known: ReadonlyMap<PeerKey, Address> = new Map()) => {
    const network = hub.node({ key: keyOf(digit), ...(at !== undefined && { address: at }) });
    let changes = 0;
    let kept: ReadonlyMap<PeerKey, Address> = new Map();
    const addresses = new ArchiveAddresses({
      ...{ network, clock, log: silentLogger, archives: () => [ATTIC], known },
      keep: (own) => (kept = own),
      onChanged: () => (changes += 1),
    });
    return { network, addresses, changes: () => changes, kept: () => kept };
  };
  /** Says of the archive what it likes. */
  const liar = (digit: string, address: () => Address): Network => {
    const network = hub.node({ key: keyOf(digit) });
    network.handle(ARCHIVE_ADDRESSES_PROTOCOL, async (channel) => {
      await channel[Symbol.asyncIterator]().next();
      await channel.send(encodeAddresses({ listen: '0.0.0.0:77', archives: [{ key: ATTIC, address: address() }] }));
      await channel.finish();
    });
    return network;
  };
  const meet = async (one: Network, other: Network): Promise<void> => {
    await clock.runWhile(one.dial({ address: other.address }), 1_000);
    await clock.advance(1_000);
  };
  return { clock, hub, start, liar, meet };
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
  expect(late.addresses.addressOf(ATTIC)).toBe(attic.network.address);
  expect(late.addresses.targets()).toEqual([
    { key: ATTIC, address: attic.network.address },
    { key: ATTIC, address: '10.9.9.9:1' },
  ]);
});

test('what others say of an archive is passed on to nobody', async () => {
  const { start, meet } = world();
  const [attic, root, late, far] = [start('a'), start('b'), start('c'), start('d')];
  await meet(attic.network, root.network);
  await meet(late.network, root.network);
  expect(late.addresses.addressOf(ATTIC)).toBe(attic.network.address);
  await meet(far.network, late.network);
  expect(far.addresses.addressOf(ATTIC)).toBeUndefined();
});

test('an archive that has moved is found where it is now, whoever still tells where it was', async () => {
  const { clock, start, meet } = world();
  const [attic, root, stale, other] = [start('a', 'old.memory:1'), start('b'), start('c'), start('d')];
  await meet(attic.network, stale.network);
  await meet(attic.network, root.network);
  await clock.runWhile(attic.network.close(), 1_000);
  const moved = start('a', 'new.memory:1');
  await meet(moved.network, other.network);
  await meet(other.network, root.network);
  await meet(stale.network, root.network);
  await clock.advance(3 * ARCHIVE_ADDRESSES_MS);
  const at = (address: string) => ({ address, key: ATTIC });
  // The old one was told last, and is tried as well.
  expect(root.addresses.targets()).toHaveLength(2);
  expect(root.addresses.targets()).toContainEqual(at('new.memory:1'));
  await meet(moved.network, root.network);
  await clock.advance(3 * ARCHIVE_ADDRESSES_MS);
  expect(root.addresses.targets()).toEqual([at('new.memory:1'), at('old.memory:1')]);
  await meet(moved.network, stale.network);
  await clock.advance(ARCHIVE_ADDRESSES_MS);
  expect(root.addresses.targets()).toEqual([at('new.memory:1')]);
});

test('a few addresses of an archive are held, those that were told last, and always its own', async () => {
  const { clock, start, liar, meet } = world();
  const [attic, late] = [start('a'), start('c')];
  await meet(attic.network, late.network);
  let round = 0;
  for (const digit of ['1', '2', '3', '4', '5', '6']) {
    await meet(
      liar(digit, () => `10.0.${digit}.${round}:1`),
      late.network,
    );
    await clock.advance(100);
  }
  for (round = 1; round < 4; round += 1) {
    await clock.advance(ARCHIVE_ADDRESSES_MS);
    const addresses = late.addresses.targets().map(({ address }) => address);
    expect(addresses).toHaveLength(ARCHIVE_CLAIMS_MAX + 1);
    expect(addresses).toContain(attic.network.address);
    expect(addresses.filter((address) => address.endsWith(`.${round}:1`))).toHaveLength(ARCHIVE_CLAIMS_MAX);
  }
});

test('peers that come and go do not put off the questions to the others', async () => {
  const { clock, hub, start, liar, meet } = world();
  const late = start('c');
  let address = '10.0.0.1:1';
  await meet(
    liar('1', () => address),
    late.network,
  );
  await clock.advance(5_000);
  address = '10.0.0.2:1';
  for (let times = 0; times < 15; times += 1) {
    const guest = hub.node({ key: keyOf('2') });
    await meet(guest, late.network);
    await clock.runWhile(guest.close(), 1_000);
  }
  expect(late.addresses.addressOf(ATTIC)).toBe(address);
});

test('what an archive said of itself is kept for the next start, and told there', async () => {
  const { clock, start, liar, meet } = world();
  const [attic, root] = [start('a'), start('b')];
  await meet(
    liar('1', () => '10.0.0.1:1'),
    root.network,
  );
  await meet(attic.network, root.network);
  expect([...root.kept()]).toEqual([[ATTIC, attic.network.address]]);
  await clock.runWhile(root.network.close(), 1_000);
  const [again, late] = [start('b', 'again.memory:1', root.kept()), start('c')];
  expect(again.addresses.targets()).toEqual([{ key: ATTIC, address: attic.network.address }]);
  await meet(late.network, again.network);
  expect(late.addresses.addressOf(ATTIC)).toBe(attic.network.address);
});

describe(`the golden vectors of ${ARCHIVE_ADDRESSES_PROTOCOL}`, () => {
  const linesOf = (name: string): readonly string[] =>
    readFileSync(new URL(`../../../../fixtures/wire/archive-addresses/1/${name}`, import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
  const codecOf = (line: string): { readonly frame: Buffer; readonly read: () => Uint8Array } => {
    const [from, encoded = ''] = line.split(' ');
    const frame = Buffer.from(encoded, 'base64');
    const decode = from === 'asks' ? decodeAddressesQuestion : decodeAddressesAnswer;
    return { frame, read: () => encodeAddresses(decode(frame)) };
  };

  test.each(linesOf('valid.txt'))('%s is read, and written again as it was', (line) => {
    const { frame, read } = codecOf(line);
    expect(Buffer.from(read())).toEqual(frame);
  });

  test.each(linesOf('invalid.txt'))('%s is refused', (line) => {
    expect(codecOf(line).read).toThrow(expect.objectContaining({ code: 'LEDGER_ARCHIVE_MALFORMED' }));
  });
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
