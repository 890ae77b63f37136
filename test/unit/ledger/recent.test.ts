import { expect, test } from 'vitest';
import { LEDGER_CACHE_ENTRIES_MAX } from '../../../src/base/limits.ts';
import { parseEntry } from '../../../src/entry/check.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import type { HeldEntry } from '../../../src/ledger/ledger.ts';
import { rawBytes } from '../../../src/ledger/own-bytes.ts';
import { RecentEntries } from '../../../src/ledger/recent.ts';
import { proposal } from '../../support/sync-world.ts';

test('a remembered entry keeps no more memory than its own bytes', async () => {
  const ledger = await createMemoryLedger({});
  await ledger.createNetwork('n', 'open');
  ledger.allowAppend();
  const held = await ledger.append(proposal(1));
  const { raw, hash } = held.entry;
  // As it comes from the network or the pool: cut from something large.
  const large = Buffer.alloc(1_000_000);
  let at = 500;
  const cut = (bytes: Uint8Array): Uint8Array => {
    large.set(bytes, at);
    at += bytes.byteLength;
    return large.subarray(at - bytes.byteLength, at);
  };
  const entry = { ...held.entry, raw: { header: cut(raw.header), signature: cut(raw.signature), body: cut(raw.body) } };
  const recent = new RecentEntries();
  recent.add({ ...held, entry });
  const kept = recent.get(held.cursor)?.entry.raw;
  expect(parseEntry(kept!).hash).toBe(hash);
  for (const bytes of [kept!.header, kept!.signature, kept!.body]) expect(bytes.buffer.byteLength).toBe(rawBytes(raw));
  await ledger.close();
});

/** Entries that come one after another, each with a body of so many bytes. */
const comingWith = async (bodyBytes: number): Promise<(cursor: number) => HeldEntry> => {
  const ledger = await createMemoryLedger({});
  await ledger.createNetwork('n', 'open');
  ledger.allowAppend();
  const { entry } = await ledger.append(proposal(1));
  await ledger.close();
  const raw = { ...entry.raw, body: Buffer.alloc(bodyBytes) };
  return (cursor) => ({ cursor, entry: { ...entry, raw }, receivedMs: 0 });
};
const heldOf = (recent: RecentEntries, upTo: number): readonly number[] =>
  Array.from({ length: upTo }, (_, at) => at).filter((cursor) => recent.get(cursor) !== undefined);

test('of more entries than are remembered the first are forgotten', async () => {
  const at = await comingWith(1);
  const recent = new RecentEntries();
  for (let cursor = 0; cursor < LEDGER_CACHE_ENTRIES_MAX + 3; cursor += 1) recent.add(at(cursor));
  const held = heldOf(recent, LEDGER_CACHE_ENTRIES_MAX + 10);
  expect([held[0], held.length]).toEqual([3, LEDGER_CACHE_ENTRIES_MAX]);
});

test('of more bytes than are remembered the first are forgotten, also after some were taken out', async () => {
  const at = await comingWith(1_048_576);
  const recent = new RecentEntries();
  for (let cursor = 5; cursor < 25; cursor += 1) recent.add(at(cursor));
  // 16 MiB hold 15 of a little more than 1 MiB each.
  expect(heldOf(recent, 40)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
  for (const cursor of [10, 12, 12, 3]) recent.remove(cursor);
  for (const cursor of [25, 26]) recent.add(at(cursor));
  expect(heldOf(recent, 40)).toEqual([11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26]);
  recent.add(at(27));
  expect(heldOf(recent, 40)).toEqual([13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27]);
});

test('one that alone is larger than all that is remembered is not remembered', async () => {
  const [small, huge] = [await comingWith(1), await comingWith(17 * 1_048_576)];
  const recent = new RecentEntries();
  recent.add(small(0));
  recent.add(huge(1));
  expect(heldOf(recent, 9)).toEqual([]);
  recent.add(small(2));
  expect(heldOf(recent, 9)).toEqual([2]);
});
