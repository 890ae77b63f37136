import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { auditLedger } from '../../../src/ledger/audit/audit.ts';
import { systemJournalFiles } from '../../../src/ledger/journal-files.ts';
import type { HeldEntry, Ledger } from '../../../src/ledger/ledger.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import { createFailingJournalFiles } from '../../support/failing-journal-files.ts';
import { createAuthor, offerAll, proposal, seedOf } from '../../support/ledger-authors.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitFor } from '../../support/wait.ts';

const SECRET = 'Jane-Doe-4711';
/** The first byte of a line. */
const BRACE = 0x7b;

let dir: string;
let opened: Ledger[];
beforeEach(() => {
  dir = tempDir();
  opened = [];
});
afterEach(async () => {
  for (const ledger of opened) await ledger.close();
});

const open = async (at = dir, journalFiles = systemJournalFiles): Promise<Ledger> => {
  const ledger = await openLedger({
    dir: at,
    seed: seedOf(1),
    log: silentLogger,
    journalFiles,
    journalFileBytesMax: 4_096,
  });
  opened.push(ledger);
  ledger.allowAppend();
  return ledger;
};

/** A ledger with one secret among other entries, in several files. */
const filled = async (journalFiles = systemJournalFiles): Promise<{ ledger: Ledger; secret: HeldEntry }> => {
  const ledger = await open(dir, journalFiles);
  await ledger.createNetwork('erase', 'open');
  for (let number = 0; number < 5; number += 1) await ledger.append(proposal(number));
  const secret = await ledger.append(proposal(9, { person: SECRET }));
  for (let number = 10; number < 20; number += 1) await ledger.append(proposal(number));
  return { ledger, secret };
};

const filesWithSecret = (at = dir): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(SECRET));

const eraseEntry = (ledger: Ledger, target: string): Promise<HeldEntry> =>
  ledger.append({
    op: 'erase',
    type: null,
    id: null,
    replaces: null,
    content: { v: 1, entry: target, attributes: ['person'], removed: [], reason: 'r' },
  });

/** Appends the erase entry and tells the ledger, as the book does; waits until the disk is done. */
const erase = async (ledger: Ledger, target: string): Promise<HeldEntry> => {
  const held = await eraseEntry(ledger, target);
  ledger.noteErasure({ target, by: held.entry.hash, inForce: true });
  await waitFor(() => ledger.status().bodies.erasing === 0);
  return held;
};

describe('an erased body', () => {
  test('is read while its line is half overwritten: the line is no damage', async () => {
    let goOn: (() => void) | undefined;
    let [isHalf, reads] = [false, 0];
    const files: typeof systemJournalFiles = {
      ...systemJournalFiles,
      async write(handle, bytes, at) {
        if (goOn === undefined || isHalf || bytes[0] !== BRACE) return systemJournalFiles.write(handle, bytes, at);
        const written = await systemJournalFiles.write(handle, bytes.subarray(0, bytes.byteLength - 4), at);
        isHalf = true;
        await gate;
        return written;
      },
      async read(handle, bytes, at) {
        const read = await systemJournalFiles.read(handle, bytes, at);
        if (isHalf) reads += 1;
        return read;
      },
    };
    const { ledger, secret } = await filled(files);
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const clock = ledger.clock().get(ledger.author);
    ledger.noteErasure({ target: secret.entry.hash, by: 'e'.repeat(64), inForce: true });
    await waitFor(() => isHalf);
    const reading = ledger.follow(secret.cursor, 1, 'stored');
    await waitFor(() => reads > 0);
    goOn?.();
    expect((await reading)[0]?.entry.hash).toBe(secret.entry.hash);
    expect([ledger.clock().get(ledger.author), ledger.status().damaged]).toEqual([clock, []]);
  });

  test('is gone from disk and memory; everything else stays, also after a restart with and without the index', async () => {
    const { ledger, secret } = await filled();
    expect(filesWithSecret()).toHaveLength(1);
    const before = { version: ledger.version, size: ledger.size };
    const by = await erase(ledger, secret.entry.hash);
    expect(filesWithSecret()).toEqual([]);
    expect((await ledger.byHash(secret.entry.hash))?.entry).toMatchObject({ bodiless: true, content: {} });
    expect(ledger.size).toBe(before.size + 1);
    await ledger.close();
    for (const withIndex of [true, false]) {
      if (!withIndex) rmSync(join(dir, 'index'), { recursive: true });
      const again = await open();
      expect(again.status().damaged).toEqual([]);
      expect(again.size).toBe(before.size + 1);
      expect((await again.byHash(secret.entry.hash))?.entry).toMatchObject({
        bodiless: true,
        header: { body: secret.entry.header.body },
      });
      expect((await auditLedger(again)).first).toMatchObject({ rule: 'body', hash: secret.entry.hash });
      again.noteErasure({ target: secret.entry.hash, by: by.entry.hash, inForce: true });
      expect(await auditLedger(again)).toMatchObject({ sound: true, checked: { erased: 1 } });
      await again.close();
    }
  });

  test('is not given out from the moment on that the book says so, also while the disk cannot be written', async () => {
    const files = createFailingJournalFiles();
    const { ledger, secret } = await filled(files);
    const by = await eraseEntry(ledger, secret.entry.hash);
    files.fault = 'full';
    ledger.noteErasure({ target: secret.entry.hash, by: by.entry.hash, inForce: true });
    expect((await ledger.byHash(secret.entry.hash))?.entry.bodiless).toBe(true);
    expect(
      (await ledger.follow(0, 100, 'stored')).some(({ entry }) => Buffer.from(entry.raw.body).includes(SECRET)),
    ).toBe(false);
    await waitFor(() => files.failures > 1);
    expect(ledger.status().bodies.erasing).toBe(1);
    expect(filesWithSecret()).toHaveLength(1);
    files.fault = undefined;
    await waitFor(() => ledger.status().bodies.erasing === 0);
    expect(filesWithSecret()).toEqual([]);
    await expect(ledger.append(proposal(30))).resolves.toBeDefined();
  });
});

describe('a crash while a body is erased', () => {
  /** The directory as a crash after so many bytes of changes would leave it. */
  const crashedAfter = async (bytesLeft: number): Promise<{ at: string; done: boolean; hash: string }> => {
    const { ledger, secret } = await filled();
    await ledger.close();
    let budget = bytesLeft;
    let crashed = false;
    const crash = (): Error => {
      crashed = true;
      return Object.assign(new Error('crash'), { code: 'EIO' });
    };
    const reopened = await open(dir, {
      ...systemJournalFiles,
      async write(handle, bytes, at) {
        if (crashed) throw crash();
        const part = bytes.subarray(0, budget);
        budget -= part.byteLength;
        if (part.byteLength > 0) await systemJournalFiles.write(handle, part, at);
        if (part.byteLength < bytes.byteLength) throw crash();
        return part.byteLength;
      },
      async remove(path) {
        if (crashed || budget === 0) throw crash();
        await systemJournalFiles.remove(path);
      },
    });
    reopened.noteErasure({ target: secret.entry.hash, by: 'e'.repeat(64), inForce: true });
    await waitFor(() => crashed || reopened.status().bodies.erasing === 0);
    await reopened.close();
    return { at: dir, done: !crashed, hash: secret.entry.hash };
  };

  test('leaves the one form or the other after the next start, at whatever byte it comes', async () => {
    let [whole, bare] = [0, 0];
    for (let bytes = 0; ; bytes += 41) {
      const { at, done, hash } = await crashedAfter(bytes);
      const copy = `${at}-copy`;
      cpSync(at, copy, { recursive: true });
      const again = await open(copy);
      expect(again.status().damaged, `after ${bytes} bytes`).toEqual([]);
      const entry = (await again.byHash(hash))?.entry;
      expect(entry, `after ${bytes} bytes`).toBeDefined();
      if (entry?.bodiless === true) bare += 1;
      else whole += 1;
      expect(filesWithSecret(copy), `after ${bytes} bytes`).toHaveLength(entry?.bodiless === true ? 0 : 1);
      expect(readdirSync(join(copy, 'journal'))).not.toContain('erasing');
      await again.close();
      rmSync(copy, { recursive: true });
      rmSync(dir, { recursive: true });
      dir = tempDir();
      if (done) break;
    }
    expect(whole).toBeGreaterThan(1);
    expect(bare).toBeGreaterThan(5);
  }, 60_000);

  test('an intent for a line that is not there any more is dropped', async () => {
    const { ledger, secret } = await filled();
    await ledger.close();
    writeFileSync(join(dir, 'journal', 'erasing'), 'half of an intent');
    const again = await open();
    expect((await again.byHash(secret.entry.hash))?.entry.bodiless).toBeUndefined();
    expect(readdirSync(join(dir, 'journal'))).not.toContain('erasing');
  });
});

describe('an entry that comes without its body', () => {
  const joined = async () => {
    const { ledger } = await filled();
    const genesis = (await ledger.byHash(ledger.network!))!.entry;
    const alice = createAuthor(2, genesis);
    const said = alice.next({ op: 'insert', content: { person: SECRET } });
    const bare = { ...said.raw, body: new Uint8Array() };
    const content = { v: 1, entry: said.hash, attributes: ['person'], removed: [], reason: 'r' };
    const erasure = alice.next({ op: 'erase', type: null, id: null, content });
    return { ledger, alice, said, bare, erasure };
  };

  test('is taken in with what erased it, in whatever order, and not alone', async () => {
    const { ledger, said, bare, erasure } = await joined();
    expect(await offerAll(ledger, [bare])).toEqual(['ignore LEDGER_BODY_MISSING']);
    expect(await offerAll(ledger, [erasure])).toEqual(['ignore LEDGER_ENTRY_WAITS']);
    expect(await offerAll(ledger, [bare])).toEqual(['accept']);
    expect((await ledger.byHash(erasure.hash))?.entry.hash).toBe(erasure.hash);
    expect((await ledger.byHash(said.hash))?.entry.bodiless).toBe(true);
  });

  test('is not one whose body is always kept', async () => {
    const { ledger, alice } = await joined();
    const grant = alice.next({ op: 'grant', type: null, id: null, content: { any: 1 } });
    expect(await offerAll(ledger, [{ ...grant.raw, body: new Uint8Array() }])).toEqual(['reject ENTRY_BODY_MISSING']);
  });

  test('is asked for again where its erasure has no right, and takes its body back once', async () => {
    const { ledger, said, bare, erasure } = await joined();
    await offerAll(ledger, [erasure, bare]);
    ledger.noteErasure({ target: said.hash, by: erasure.hash, inForce: false });
    await waitFor(() => ledger.missedBodies().length === 1);
    expect(await offerAll(ledger, [bare])).toEqual(['ignore LEDGER_DUPLICATE']);
    const { version, size } = ledger;
    expect(await offerAll(ledger, [said, said])).toEqual(['accept', 'accept']);
    expect(ledger.missedBodies()).toEqual([]);
    expect(await offerAll(ledger, [said])).toEqual(['ignore LEDGER_DUPLICATE']);
    expect((await ledger.byHash(said.hash))?.entry.content).toEqual({ person: SECRET });
    expect([ledger.version, ledger.size]).toEqual([version, size + 1]);
    await ledger.close();
    const again = await open();
    expect(again.version).toBe(version);
    expect((await again.byHash(said.hash))?.entry.content).toEqual({ person: SECRET });
  });
});
