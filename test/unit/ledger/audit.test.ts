import { describe, expect, test } from 'vitest';
import { parseEntry } from '../../../src/entry/check.ts';
import type { Entry, RawEntry } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { auditLedger } from '../../../src/ledger/audit/audit.ts';
import { createMemoryDisk, createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import {
  badlySigned,
  createAuthor,
  genesisOf,
  offerAll,
  seedOf,
  type TestAuthor,
} from '../../support/ledger-authors.ts';

const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));

/** Audits a disk that holds these entries, however they got there. */
const auditOf = async (entries: readonly (Entry | RawEntry)[]): Promise<Awaited<ReturnType<typeof auditLedger>>> => {
  const disk = createMemoryDisk();
  for (const [cursor, entry] of entries.entries()) {
    const parsed = 'raw' in entry ? entry : parseEntry(entry);
    disk.durable.push({ entry: parsed, cursor, receivedMs: 0 });
  }
  return auditLedger(await createMemoryLedger({ disk }));
};

describe('the audit', () => {
  test('of an empty ledger finds nothing wrong', async () => {
    expect(await auditOf([])).toMatchObject({ sound: true, network: undefined, checked: { entries: 0 }, faults: 0 });
  });

  test('says what was checked, and tells how far it is', async () => {
    const ledger = await createMemoryLedger();
    const [alice, bob] = [createAuthor(1, genesis), createAuthor(2, genesis)];
    await offerAll(ledger, [genesis, alice.next(), bob.next(), badlySigned(alice.next()), alice.next()]);
    const fork = [bob.next(), bob.after(bob.last)];
    await offerAll(ledger, [...fork, bob.after(fork[0])]);
    const progress: number[] = [];
    const report = await auditLedger(ledger, { onProgress: (done, all) => progress.push(done, all) });
    expect(report).toMatchObject({
      sound: true,
      network: genesis.hash,
      version: ledger.version,
      faults: 0,
      checked: {
        entries: ledger.size,
        authors: 2,
        signatures: ledger.size - 1,
        vouched: 1,
        equivocations: ledger.equivocations().length,
      },
    });
    expect(report.checked.links).toBeGreaterThan(4);
    expect(progress).toEqual([ledger.size, ledger.size]);
  });

  test('ends when it is aborted', async () => {
    const ledger = await createMemoryLedger();
    await offerAll(ledger, [genesis]);
    await expect(auditLedger(ledger, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });

  test.each<[string, (alice: TestAuthor, bob: TestAuthor) => readonly (Entry | RawEntry)[]]>([
    ['signature', (alice) => [genesis, badlySigned(alice.next())]],
    ['network', (alice) => [genesis, alice.next({ net: 'a'.repeat(64) })]],
    ['prev', (alice) => [genesis, alice.after(alice.next())]],
    ['prev', (alice, bob) => [genesis, alice.next(), bob.after(alice.last, { seq: 3 })]],
    ['parents', (alice) => [genesis, alice.next({ parents: ['b'.repeat(64)] })]],
    ['parents', (alice) => [genesis, alice.next({ parents: [genesis.hash] })]],
    ['time', (alice) => [genesis, alice.next({ time: genesis.header.time })]],
    ['time', (alice, bob) => [genesis, alice.next(), bob.next({ parents: [alice.last!.hash] })]],
  ])('finds the fault of rule %s in %#', async (rule, make) => {
    const [alice, bob] = [createAuthor(1, genesis), createAuthor(2, genesis)];
    const entries = make(alice, bob);
    const bad = entries.at(-1)!;
    const { header, hash } = 'raw' in bad ? bad : parseEntry(bad);
    const report = await auditOf(entries);
    expect(report.sound).toBe(false);
    expect(report.first).toMatchObject({ rule, author: header.author, seq: header.seq, hash });
  });

  test('finds bytes that changed on disk although the ledger remembers others', async () => {
    const disk = createMemoryDisk();
    const alice = createAuthor(1, genesis);
    for (const [cursor, entry] of [genesis, alice.next(), alice.next()].entries())
      disk.durable.push({ entry, cursor, receivedMs: 0 });
    const ledger = await createMemoryLedger({ disk });
    const held = disk.durable[1]!;
    disk.durable[1] = { ...held, entry: { ...held.entry, raw: { ...held.entry.raw, body: Buffer.from('{}') } } };
    expect(await auditLedger(ledger)).toMatchObject({
      sound: false,
      first: { rule: 'form', author: alice.author, seq: 2 },
    });
    disk.durable[1] = { ...held, entry: { ...held.entry, raw: alice.after(alice.last).raw } };
    expect(await auditLedger(ledger)).toMatchObject({
      sound: false,
      first: { rule: 'hash', author: alice.author, seq: 2 },
    });
  });

  test('finds a log that goes on after a gap', async () => {
    const alice = createAuthor(1, genesis);
    const [, third, fourth] = [alice.next(), alice.next(), alice.next()];
    const report = await auditOf([genesis, third, fourth]);
    expect(report.first).toMatchObject({ rule: 'prev', seq: 3 });
    expect(report.faults).toBe(2);
  });
});
