import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { auditLedger } from '../../../src/ledger/audit/audit.ts';
import { type JournalFiles, systemJournalFiles } from '../../../src/ledger/journal-files.ts';
import type { HeldEntry } from '../../../src/ledger/ledger.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import type { StoredLedger } from '../../../src/ledger/stored-ledger.ts';
import { createFailingJournalFiles } from '../../support/failing-journal-files.ts';
import { proposal, seedOf } from '../../support/ledger-authors.ts';
import { waitFor } from '../../support/wait.ts';

const FILLER = 'x'.repeat(600);

let root: string;
let opened: StoredLedger[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-archived-'));
  opened = [];
});
afterEach(async () => {
  for (const ledger of opened) await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

const open = async (name: string, journalFiles: JournalFiles = systemJournalFiles): Promise<StoredLedger> => {
  const ledger = await openLedger({
    dir: join(root, name),
    seed: seedOf(1),
    log: silentLogger,
    journalFiles,
    journalFileBytesMax: 8_192,
  });
  opened.push(ledger);
  ledger.allowAppend();
  return ledger;
};

/** A network and 30 policies, in several files. */
const fill = async (
  ledger: Pick<StoredLedger, 'createNetwork' | 'append' | 'follow'>,
): Promise<readonly HeldEntry[]> => {
  await ledger.createNetwork('archived', 'open');
  for (let number = 0; number < 30; number += 1) await ledger.append(proposal(number, { text: `${FILLER}${number}` }));
  return ledger.follow(0, 1_000);
};

const hashesOf = (held: readonly HeldEntry[]): string[] => held.map(({ entry }) => entry.hash);

/** Every second insert. */
const chosenOf = (held: readonly HeldEntry[]): string[] =>
  hashesOf(held.filter(({ entry }, at) => entry.header.op === 'insert' && at % 2 === 0));

/** Of lines; behind the last one there may be zeros. */
const bytesOf = (name: string): number => {
  const dir = join(root, name, 'journal');
  return readdirSync(dir).reduce((sum, file) => sum + readFileSync(join(dir, file)).lastIndexOf('\n') + 1, 0);
};

/** Each entry is the same as before, but for those whose body is archived; none is damaged. */
const expectSound = async (
  ledger: StoredLedger,
  before: readonly HeldEntry[],
  archived: readonly string[] | 'some',
) => {
  const held = await ledger.follow(0, 1_000, 'stored');
  expect(hashesOf(held)).toEqual(hashesOf(before));
  expect(held.map(({ receivedMs }) => receivedMs)).toEqual(before.map(({ receivedMs }) => receivedMs));
  for (const [at, { entry }] of held.entries()) {
    expect(Buffer.from(entry.raw.signature).equals(before[at]!.entry.raw.signature)).toBe(true);
    if (entry.archived !== true) expect(entry.content).toEqual(before[at]!.entry.content);
  }
  const gone = held.filter(({ entry }) => entry.archived === true);
  if (archived !== 'some') expect(hashesOf(gone)).toEqual(archived);
  expect(ledger.status().damaged).toEqual([]);
  expect(await auditLedger(ledger)).toMatchObject({ sound: true, checked: { archived: gone.length, erased: 0 } });
};

test('bodies go from the disk and come back; headers, signatures, arrival and the index stay', async () => {
  let ledger = await open('a');
  const before = await fill(ledger);
  const chosen = chosenOf(before);
  const full = bytesOf('a');
  const freed = await ledger.bodies.archive(chosen);
  expect(freed).toBe(full - bytesOf('a'));
  expect(freed).toBeGreaterThan(chosen.length * FILLER.length);
  await expectSound(ledger, before, chosen);
  const [later] = [await ledger.append(proposal(99))];
  expect((await ledger.byHash(later.entry.hash))?.entry.content).toEqual(later.entry.content);
  await ledger.close();
  ledger = await open('a');
  await expectSound(ledger, [...before, later], chosen);
  const bodies = before.flatMap(({ entry: { hash, raw } }) =>
    chosen.includes(hash) ? [{ hash, body: raw.body }] : [],
  );
  const wrong = { hash: chosen[0]!, body: Buffer.from('{"content":{},"salt":"00000000000000000000000000000000"}') };
  expect(await ledger.bodies.restore([wrong])).toEqual([]);
  expect(await ledger.bodies.restore(bodies)).toEqual(chosen);
  await expectSound(ledger, [...before, later], []);
  await ledger.close();
  await expectSound(await open('a'), [...before, later], []);
});

test('reads and appends go on while files are rewritten', async () => {
  const ledger = await open('a');
  const before = await fill(ledger);
  const work = ledger.bodies.archive(chosenOf(before));
  const state = { done: false };
  void work.finally(() => (state.done = true));
  let appended = 0;
  while (!state.done) {
    const held = await ledger.follow(0, 1_000, 'stored');
    expect(hashesOf(held).slice(0, before.length)).toEqual(hashesOf(before));
    await ledger.append(proposal(100 + appended));
    appended += 1;
  }
  await work;
  expect(ledger.size).toBe(before.length + appended);
  await ledger.close();
  const again = await open('a');
  expect(again.size).toBe(before.length + appended);
  expect(again.status().damaged).toEqual([]);
});

test('a crash after any step on the disk loses nothing', async () => {
  const first = await open('origin');
  const before = await fill(first);
  await first.close();
  let steps = 0;
  for (let last = 0; ; last += 1) {
    cpSync(join(root, 'origin'), join(root, 'a'), { recursive: true });
    steps = 0;
    const step = <T>(work: () => Promise<T>): Promise<T> => {
      steps += 1;
      return steps > last ? Promise.reject(new Error('the process is no more')) : work();
    };
    const dying: JournalFiles = {
      ...systemJournalFiles,
      write: (handle, bytes, at) => step(() => systemJournalFiles.write(handle, bytes, at)),
      remove: (path) => step(() => systemJournalFiles.remove(path)),
      rename: (from, to) => step(() => systemJournalFiles.rename(from, to)),
      syncDirectory: (dir) => step(() => systemJournalFiles.syncDirectory(dir)),
    };
    const ledger = await open('a', dying);
    const ended = await ledger.bodies.archive(chosenOf(before)).then(
      () => true,
      () => false,
    );
    // What a crash leaves is what is on the disk now.
    cpSync(join(root, 'a'), join(root, 'b'), { recursive: true });
    await ledger.close();
    const again = await open('b');
    await expectSound(again, before, ended ? chosenOf(before) : 'some');
    expect(readdirSync(join(root, 'b', 'journal')).filter((name) => !name.endsWith('.journal'))).toEqual([]);
    await again.close();
    for (const name of ['a', 'b']) rmSync(join(root, name), { recursive: true });
    if (ended) break;
  }
  expect(steps).toBeGreaterThan(10);
});

test('a damaged line is found while files are written anew: its entry is asked for again at once', async () => {
  let [goOn, isRewriting] = [() => {}, false];
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  const files: JournalFiles = {
    ...systemJournalFiles,
    async rename(from, to) {
      isRewriting = true;
      await gate;
      await systemJournalFiles.rename(from, to);
    },
  };
  const ledger = await open('a', files);
  const before = await fill(ledger);
  const journal = join(root, 'a', 'journal', readdirSync(join(root, 'a', 'journal')).sort()[0] ?? '');
  const lines = readFileSync(journal);
  lines.write('X', lines.indexOf(`${FILLER}2`));
  const archiving = ledger.bodies.archive(chosenOf(before).slice(-1));
  await waitFor(() => isRewriting);
  writeFileSync(journal, lines);
  await ledger.follow(0, 1_000, 'stored');
  expect(ledger.status().damaged).toHaveLength(1);
  goOn();
  await archiving;
});

test('a disk that fails keeps the bodies, and later lets them go', async () => {
  const files = createFailingJournalFiles();
  const ledger = await open('a', files);
  const before = await fill(ledger);
  const last = await ledger.append(proposal(98));
  for (const fault of ['full', 'torn', 'sync', 'read-only'] as const) {
    files.fault = fault;
    await expect(ledger.bodies.archive(chosenOf(before).slice(0, 3))).rejects.toMatchObject({
      code: 'LEDGER_DISK_FAILED',
    });
    files.fault = undefined;
    const held = await ledger.follow(0, before.length, 'stored');
    expect(hashesOf(held)).toEqual(hashesOf(before));
  }
  await ledger.bodies.archive(chosenOf(before).slice(0, 3));
  await ledger.close();
  await expectSound(await open('a'), [...before, last], chosenOf(before).slice(0, 3));
});

test('in memory the same', async () => {
  const ledger = await createMemoryLedger({ seed: seedOf(1) });
  ledger.allowAppend();
  const before = await fill(ledger);
  const [hash = ''] = chosenOf(before);
  const { raw } = before.find(({ entry }) => entry.hash === hash)!.entry;
  expect(await ledger.bodies.archive([hash])).toBe(raw.body.byteLength);
  expect((await ledger.byHash(hash))?.entry.archived).toBe(true);
  expect(await ledger.bodies.restore([{ hash, body: raw.body }])).toEqual([hash]);
  expect((await ledger.byHash(hash))?.entry.archived).toBeUndefined();
  await ledger.close();
});
