import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../src/codec/hash.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import {
  badlySigned,
  createAuthor,
  everythingOf,
  genesisOf,
  offerAll,
  proposal,
  seedOf,
  START_MICROS,
} from '../../support/ledger-authors.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const HOUR_MICROS = 3_600_000_000;
const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));

const createWorld = () => {
  const clock = createVirtualClock(START_MICROS / 1_000 + 1_000);
  const create = async (number: number): Promise<MemoryLedger> => {
    const ledger = await createMemoryLedger({ seed: seedOf(number), clock });
    await offerAll(ledger, [genesis]);
    ledger.allowAppend();
    return ledger;
  };
  return { clock, create, author: createAuthor(66, genesis) };
};

describe('a badly signed entry', () => {
  test('is vouched for by one that waits already', async () => {
    const { create, author } = createWorld();
    const [a, b] = [await create(100), await create(101)];
    const [p, x] = [author.next(), author.next()];
    expect(await offerAll(a, [x])).toEqual(['ignore LEDGER_ENTRY_WAITS']);
    expect(await offerAll(b, [badlySigned(p), x])).toEqual(['accept', 'accept']);
    await b.append(proposal(1));
    await offerAll(a, await everythingOf(b));
    expect(a.version).toBe(b.version);
  });

  test('is vouched for by one that is held as part of a proof', async () => {
    const { create, author } = createWorld();
    const [a, b] = [await create(100), await create(101)];
    const p = author.next();
    const [x, y] = [author.after(p), author.after(p)];
    await offerAll(b, [badlySigned(p), x, y]);
    expect(await offerAll(a, [x, y])).toEqual(['accept', 'accept']);
    await offerAll(a, await everythingOf(b));
    expect([a.clock().get(author.author), a.version]).toEqual([1, b.version]);
  });

  test('does not hide the fork that two well-signed ones show, where what vouches for it came without its body', async () => {
    const { create, author } = createWorld();
    const a = await create(100);
    const p = author.next();
    const rivals = [author.after(p), author.after(p), author.after(p)].sort((one, other) =>
      one.hash < other.hash ? -1 : 1,
    );
    const [first, ...others] = rivals as [Entry, ...Entry[]];
    const voucher = { ...author.after(first).raw, body: new Uint8Array() };
    await offerAll(a, [badlySigned(first), voucher, ...others]);
    expect(a.equivocations().map(({ seq, entries }) => [seq, entries.map(({ header }) => sha256Hex(header))])).toEqual([
      [2, others.map(({ hash }) => hash)],
    ]);
  });

  test.each([
    ['waits for an entry that nobody has', { parents: ['a'.repeat(64)] }],
    ['is dated before its parent', { time: genesis.header.time + 1 }],
    ['is dated far ahead', { time: START_MICROS + HOUR_MICROS }],
  ])('is not accepted on the word of one that %s', async (_, change) => {
    const { create, author } = createWorld();
    const [a, c] = [await create(100), await create(101)];
    const [p, x] = [author.next(), author.next(change)];
    expect((await offerAll(a, [badlySigned(p), x]))[0]).toBe('ignore ENTRY_SIGNATURE_BAD');
    await a.append(proposal(1));
    await offerAll(c, await everythingOf(a));
    expect(c.version).toBe(a.version);
    expect(await offerAll(a, [p])).toEqual(['accept']);
  });

  test('does not keep a well-signed one from being accepted', async () => {
    const { create, author } = createWorld();
    const a = await create(100);
    const [p, q, x] = [author.next(), author.next(), author.next({ parents: ['a'.repeat(64)] })];
    expect(await offerAll(a, [p, badlySigned(q), x])).toEqual([
      'accept',
      'ignore ENTRY_SIGNATURE_BAD',
      'ignore LEDGER_ENTRY_WAITS',
    ]);
  });

  test('is accepted once the one that vouches may be', async () => {
    const { clock, create, author } = createWorld();
    const a = await create(100);
    const [p, x] = [author.next(), author.next({ time: START_MICROS + HOUR_MICROS })];
    await offerAll(a, [badlySigned(p), x]);
    expect(a.clock().get(author.author)).toBeUndefined();
    await clock.advance(HOUR_MICROS / 1_000);
    await offerAll(a, [badlySigned(p)]);
    expect(a.clock().get(author.author)).toBe(2);
  });

  test('is accepted when what the vouching one waited for comes', async () => {
    const { create, author } = createWorld();
    const a = await create(100);
    const other = createAuthor(67, genesis);
    const [q0, q] = [other.next(), other.next()];
    const p = author.next({ parents: [genesis.hash, q0.hash], time: q0.header.time + 1 });
    const x = author.next({ parents: [q.hash], time: q.header.time + 1 });
    await offerAll(a, [badlySigned(p), x]);
    await offerAll(a, [q0, q]);
    await offerAll(a, [badlySigned(p)]);
    expect(a.clock().get(author.author)).toBe(2);
  });
});
