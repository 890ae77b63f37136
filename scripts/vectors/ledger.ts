import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { makeEntry } from '../../src/entry/make.ts';
import { createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';

/**
 * Writes a ledger directory as this version does, to be kept and opened by all later ones:
 * `node scripts/vectors/ledger.ts DIRECTORY`. Never overwrite one that was released: make a new directory.
 */
const dir = process.argv[2] ?? fileURLToPath(new URL('../../fixtures/ledger/new-data', import.meta.url));

/** 2026-01-01, one millisecond later each time that it is asked. */
let nowMs = 1_767_225_600_000;
const clock: Clock = { ...systemClock, wallMs: () => (nowMs += 1) };
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
let salt = 0;
const random = { fraction: () => 0, bytes: (count: number) => new Uint8Array(count).fill((salt += 1)) };

rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });
const ledger = await openLedger({ dir, seed: seed(1), clock, random, journalFileBytesMax: 8_000 });
const genesis = await ledger.createNetwork('fixture', 'open');
for (let number = 1; number <= 12; number += 1)
  await ledger.append({
    op: 'insert',
    type: 'table',
    id: number % 2 === 0 ? String(number).padStart(32, '0') : `table ${number}`,
    replaces: null,
    content: { table: { name: `t${number}`, dbms: 'plant', unit: '°C' } },
  });

const other = await createMemoryLedger({ seed: seed(2), clock, random });
await other.offer(
  (await ledger.follow(0, 5)).map(({ entry }) => entry.raw),
  ledger.author,
);
other.allowAppend();
const insert = await other.append({
  op: 'insert',
  type: 'cluster',
  id: null,
  replaces: null,
  content: { cluster: { name: 'c' } },
});
await other.append({ op: 'delete', type: 'cluster', id: 'c', replaces: insert.entry.hash, content: {} });
await ledger.offer(
  (await other.log(other.author, 1, 100_000)).map(({ entry }) => entry.raw),
  other.author,
);

// A third author equivocates with its second entry.
const key = signingKeyFromSeed(seed(3));
const fields = {
  net: genesis.entry.hash,
  cap: genesis.entry.hash,
  op: 'later-op',
  type: null,
  id: null,
  replaces: null,
  salt: seed(9).subarray(0, 16),
};
const first = makeEntry(key, {
  ...fields,
  seq: 1,
  prev: null,
  parents: [genesis.entry.hash],
  time: genesis.entry.header.time + 1,
  content: {},
});
const branch = (name: string) =>
  makeEntry(key, { ...fields, seq: 2, prev: first.hash, parents: [], time: first.header.time + 1, content: { name } });
await ledger.offer(
  [first, branch('left'), branch('right')].map(({ raw }) => raw),
  key.author,
);
await ledger.append({
  op: 'update',
  type: 'table',
  id: 'table 1',
  replaces: genesis.entry.hash,
  content: { table: { name: 't' } },
});
await ledger.signaturesChecked();
const { network, version, size } = ledger;
await ledger.close();
await other.close();
writeFileSync(`${dir}/expected.json`, `${JSON.stringify({ network, version, size }, null, 2)}\n`);
