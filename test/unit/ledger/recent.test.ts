import { expect, test } from 'vitest';
import { parseEntry } from '../../../src/entry/check.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { RecentEntries, rawBytes } from '../../../src/ledger/recent.ts';
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
