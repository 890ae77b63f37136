import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger, type LogRecord, silentLogger } from '../../../src/base/log.ts';
import { parseEntry } from '../../../src/entry/check.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { auditLedger } from '../../../src/ledger/audit/audit.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openLedger, takeLedgerDirectory, type LedgerOptions } from '../../../src/ledger/open-ledger.ts';
import { convergentState, everythingOf, genesisOf, offerAll, proposal, seedOf } from '../../support/ledger-authors.ts';

let dir: string;
let records: LogRecord[];
let opened: Ledger[];

const open = async (options: Partial<LedgerOptions> = {}): Promise<Ledger> => {
  const log = createLogger((record) => records.push(record));
  const ledger = await openLedger({ dir, seed: seedOf(1), log, ...options });
  opened.push(ledger);
  ledger.allowAppend();
  return ledger;
};
const fill = async (ledger: Ledger, count: number): Promise<void> => {
  if (ledger.network === undefined) await ledger.createNetwork('disk', 'open');
  for (let number = 0; number < count; number += 1) await ledger.append(proposal(ledger.size));
};
const journalFiles = (): string[] =>
  readdirSync(join(dir, 'journal'))
    .sort()
    .map((name) => join(dir, 'journal', name));
const lastJournal = (): string => journalFiles().at(-1)!;
/** Changes bytes of the n-th line (from 0) of the first journal file. */
const damageLine = (line: number, change: (text: string) => string): void => {
  const [path] = journalFiles();
  const lines = readFileSync(path!, 'utf8').split('\n');
  lines[line] = change(lines[line]!);
  writeFileSync(path!, lines.join('\n'));
};
const logged = (level: string): string[] => records.filter((record) => record.level === level).map(({ text }) => text);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  records = [];
  opened = [];
});
afterEach(async () => {
  for (const ledger of opened) await ledger.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('the directory', () => {
  test('holds a format number, the journal and the index', async () => {
    await fill(await open(), 1);
    expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('1\n');
    expect(readdirSync(dir).sort()).toEqual(['format', 'index', 'journal']);
  });

  test('of a newer format is refused, and left as it is', async () => {
    writeFileSync(join(dir, 'format'), '2\n');
    await expect(open()).rejects.toMatchObject({
      code: 'LEDGER_FORMAT_NEWER',
      hint: expect.stringContaining('newer') as string,
    });
    expect(readdirSync(dir)).toEqual(['format']);
  });

  test.each(['', 'one', '0', '1.5', '-1', '1\n2'])('with the format %j is refused', async (text) => {
    writeFileSync(join(dir, 'format'), text);
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_FORMAT_UNKNOWN' });
  });

  test('in use by a live node is refused, and free again once that is closed', async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({
      code: 'LEDGER_DIR_IN_USE',
      hint: expect.stringContaining('--dir') as string,
    });
    await first.close();
    await expect(open()).resolves.toBeDefined();
  });

  test('can be taken before it is opened', async () => {
    const taken = await takeLedgerDirectory(dir, silentLogger);
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_DIR_IN_USE' });
    const first = await open({ taken });
    await fill(first, 1);
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_DIR_IN_USE' });
    await first.close();
    await taken.close();
    expect((await open()).size).toBe(2);
  });

  test('that is a file is refused with a typed error', async () => {
    writeFileSync(join(dir, 'file'), '');
    await expect(open({ dir: join(dir, 'file') })).rejects.toMatchObject({ code: 'LEDGER_JOURNAL_UNREADABLE' });
  });
});

describe('the journal', () => {
  test('is one line an entry, which ordinary tools can read', async () => {
    const ledger = await open();
    await fill(ledger, 3);
    const held = await ledger.follow(0, 10);
    const lines = readFileSync(lastJournal(), 'utf8').split('\n');
    // Behind the last line there are zeros while the ledger is open.
    expect(lines.pop()).toMatch(/^\0+$/);
    expect(lines).toHaveLength(4);
    for (const [at, line] of lines.entries()) {
      const [header, signature, body, received] = line.split('\t');
      const { entry, receivedMs } = held[at]!;
      expect(
        parseEntry({
          header: Buffer.from(header!),
          signature: Buffer.from(signature!, 'base64'),
          body: Buffer.from(body!),
        }),
      ).toEqual(entry);
      expect(Number(received)).toBe(receivedMs);
    }
  });

  test('goes on in new files, and all of it is read', async () => {
    const ledger = await open({ journalFileBytesMax: 2_000 });
    await fill(ledger, 12);
    expect(journalFiles().length).toBeGreaterThan(3);
    const before = [convergentState(ledger), await ledger.follow(0, 100)];
    await ledger.close();
    for (const path of journalFiles()) expect(statSync(path).size).toBeLessThan(3_000);
    const again = await open();
    expect([convergentState(again), await again.follow(0, 100)]).toEqual(before);
    expect(records.filter(({ level }) => level !== 'debug')).toEqual([]);
    await fill(again, 1);
    expect(again.size).toBe(14);
  });

  test.each([
    ['a few bytes of a line', '{"author":"'],
    ['a whole line but its newline', undefined],
    ['a line that begins with zeros', `${'\0'.repeat(5_000)}{`],
    ['more than the largest line', 'x'.repeat(200_000)],
  ])('ends in %s: cut off, said so, nothing else lost', async (_, tail) => {
    const ledger = await open();
    await fill(ledger, 3);
    const before = convergentState(ledger);
    await ledger.close();
    const { size } = statSync(lastJournal());
    const line = readFileSync(lastJournal(), 'utf8').split('\n')[1]!;
    appendFileSync(lastJournal(), tail ?? line);
    const again = await open();
    expect(convergentState(again)).toEqual(before);
    expect(logged('warn')).toContain('cut off a line that was not completely written');
    expect(statSync(lastJournal()).size).toBe(size);
    await fill(again, 1);
    expect(again.size).toBe(5);
    expect((await auditLedger(again)).sound).toBe(true);
  });

  test('loses its last line whole: the index notices and is rebuilt', async () => {
    const ledger = await open();
    await fill(ledger, 5);
    const fourth = (await ledger.follow(4, 1))[0]!;
    await ledger.close();
    const lines = readFileSync(lastJournal(), 'utf8').split('\n');
    truncateSync(lastJournal(), lines.slice(0, 5).join('\n').length + 1);
    const again = await open();
    expect(again.size).toBe(5);
    expect(again.heads().get(again.author)).toBe(fourth.entry.hash);
    expect(logged('info')).toContain('rebuilding the index from the journal');
  });

  test('cannot be written: the append fails, later ones too, reads go on', async () => {
    mkdirSync(join(dir, 'journal'));
    symlinkSync('/dev/full', join(dir, 'journal', '00000001.journal'));
    const ledger = await open();
    await expect(ledger.createNetwork('full', 'open')).rejects.toMatchObject({
      code: 'LEDGER_DISK_FAILED',
      data: { reason: 'ENOSPC' },
      hint: expect.stringContaining('disk') as string,
    });
    expect(ledger.network).toBeUndefined();
    expect(ledger.size).toBe(0);
    expect(ledger.status().failure).toContain('ENOSPC');
    await expect(ledger.append(proposal(1))).rejects.toMatchObject({ code: 'LEDGER_DISK_FAILED' });
    expect(await offerAll(ledger, [genesisOf(signingKeyFromSeed(seedOf(2)))])).toEqual(['ignore LEDGER_DISK_FAILED']);
    expect(await ledger.follow(0, 10)).toEqual([]);
  });

  test('fails in the middle: what was acknowledged is still read, and held after the next start', async () => {
    const ledger = await open({ journalFileBytesMax: 3_000 });
    await fill(ledger, 2);
    // The next file cannot be made.
    symlinkSync('/dev/full', join(dir, 'journal', '00000002.journal'));
    const results = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => ledger.append(proposal(100 + at))));
    expect(results.map(({ status }) => status)).toContain('rejected');
    const { size } = ledger;
    expect(await ledger.follow(0, 100)).toHaveLength(size);
    await ledger.close();
    rmSync(join(dir, 'journal', '00000002.journal'));
    const again = await open();
    expect(again.size).toBeGreaterThanOrEqual(size);
    await fill(again, 1);
    expect((await auditLedger(again)).sound).toBe(true);
  });
});

describe('a damaged line', () => {
  const flip = (text: string): string => text.replace('"type":"table"', '"type":"tablf"');
  /** A node with a copy of everything, as it was before the damage. */
  const prepare = async (): Promise<Awaited<ReturnType<typeof everythingOf>>> => {
    const ledger = await open();
    await fill(ledger, 6);
    const raws = await everythingOf(ledger);
    await ledger.close();
    return raws;
  };

  test.each([true, false])(
    'is set aside, reported, asked for again and taken up again (index kept: %s)',
    async (isIndexKept) => {
      const raws = await prepare();
      damageLine(3, flip);
      if (!isIndexKept) rmSync(join(dir, 'index'), { recursive: true });
      const ledger = await open();
      const entry = parseEntry(raws[3]!);
      // With its index the ledger notices when the line is read.
      expect((await ledger.follow(0, 100)).map(({ entry: { header } }) => header.seq)).toEqual([1, 2, 3, 5, 6, 7]);
      expect(ledger.clock().get(ledger.author)).toBe(3);
      expect(ledger.status()).toMatchObject({ damaged: [{ author: ledger.author, seq: 4 }], mayAppend: false });
      expect(logged('error')).toEqual(['a line of the journal is damaged: set aside, asked for again from peers']);
      expect(await ledger.byHash(entry.hash)).toBeUndefined();
      await expect(ledger.append(proposal(99))).rejects.toMatchObject({ code: 'LEDGER_OWN_LOG_BEHIND' });
      const audit = await auditLedger(ledger);
      expect(audit).toMatchObject({ sound: false, first: { rule: 'line', author: ledger.author, seq: 4 } });

      expect(await offerAll(ledger, raws)).toEqual(
        raws.map((_, at) => (at === 3 ? 'accept' : 'ignore LEDGER_DUPLICATE')),
      );
      expect(ledger.clock().get(ledger.author)).toBe(7);
      expect((await ledger.append(proposal(99))).entry.header.seq).toBe(8);
      expect(await auditLedger(ledger)).toMatchObject({ sound: true, checked: { entries: 8 } });
      const before = convergentState(ledger);
      await ledger.close();
      records = [];
      const again = await open();
      await again.follow(0, 100);
      expect(logged('error')).toEqual([]);
      expect(convergentState(again)).toEqual(before);
      expect(await auditLedger(again)).toMatchObject({ sound: true });
    },
  );

  test('of the signature or the body is noticed as well', async () => {
    const raws = await prepare();
    damageLine(1, (text) => text.replace(/\t(.)/, (_, first: string) => `\t${first === 'A' ? 'B' : 'A'}`));
    damageLine(2, (text) => text.replace('"salt":"', '"salt":"0'));
    const ledger = await open();
    expect((await ledger.follow(0, 100)).map(({ entry: { header } }) => header.seq)).toEqual([1, 4, 5, 6, 7]);
    await offerAll(ledger, raws);
    expect(ledger.clock().get(ledger.author)).toBe(7);
  });

  test('that nobody can identify is reported by its place', async () => {
    await prepare();
    damageLine(0, () => 'rubbish');
    rmSync(join(dir, 'index'), { recursive: true });
    const ledger = await open();
    expect(ledger.status().damaged).toEqual([{ file: lastJournal(), offset: 0, author: undefined, seq: undefined }]);
    expect(ledger.network).toBeDefined();
    expect(ledger.clock().size).toBe(0);
  });

  test('that nobody can identify is mended once a peer holds nothing that is lacking here', async () => {
    const raws = await prepare();
    damageLine(1, () => 'rubbish');
    rmSync(join(dir, 'index'), { recursive: true });
    const ledger = await open();
    await offerAll(ledger, raws);
    expect(await auditLedger(ledger)).toMatchObject({ sound: false, faults: 1, first: { rule: 'line' } });
    ledger.nothingLacks();
    expect(ledger.status()).toMatchObject({ damaged: [], mended: 1, mayAppend: true });
    expect(await auditLedger(ledger)).toMatchObject({ sound: true, checked: { mended: 1 } });
  });

  test('of the last entry alone keeps its number from being used again', async () => {
    const raws = await prepare();
    damageLine(6, flip);
    rmSync(join(dir, 'index'), { recursive: true });
    const ledger = await open();
    // This peer did not have it either: another one may.
    ledger.nothingLacks();
    expect(ledger.status()).toMatchObject({ damaged: [{ seq: 7 }], mended: 0, mayAppend: false });
    await expect(ledger.append(proposal(99))).rejects.toMatchObject({ code: 'LEDGER_OWN_LOG_BEHIND' });
    await offerAll(ledger, raws.slice(-1));
    expect(ledger.status()).toMatchObject({ damaged: [], mended: 1 });
    expect((await ledger.append(proposal(99))).entry.header.seq).toBe(8);
  });
});

describe('the index', () => {
  test.each<[string, () => void]>([
    ['deleted', () => rmSync(join(dir, 'index'), { recursive: true })],
    ['emptied', () => readdirSync(join(dir, 'index')).forEach((name) => writeFileSync(join(dir, 'index', name), ''))],
    ['without its list of files', () => rmSync(join(dir, 'index', 'CURRENT'))],
    [
      'overwritten',
      () =>
        readdirSync(join(dir, 'index')).forEach((name) => {
          const path = join(dir, 'index', name);
          writeFileSync(
            path,
            readFileSync(path).map((byte, at) => (at % 97 === 50 ? byte ^ 0x55 : byte)),
          );
        }),
    ],
    [
      'a file',
      () => {
        rmSync(join(dir, 'index'), { recursive: true });
        writeFileSync(join(dir, 'index'), 'x');
      },
    ],
  ])('%s: is built again from the journal', async (_, harm) => {
    const ledger = await open();
    await fill(ledger, 20);
    const before = [convergentState(ledger), await ledger.follow(0, 100), await ledger.byPolicy('policy-3')];
    await ledger.close();
    harm();
    for (let round = 0; round < 2; round += 1) {
      const again = await open();
      expect([convergentState(again), await again.follow(0, 100), await again.byPolicy('policy-3')]).toEqual(before);
      expect(again.status().index).toBe('level');
      await again.close();
    }
  });

  test('whose table ends too soon opens and cannot be read nor cleared: is built again', async () => {
    const ledger = await open();
    await fill(ledger, 20);
    const before = convergentState(ledger);
    await ledger.close();
    await (await open()).close();
    const table = readdirSync(join(dir, 'index')).find((name) => name.endsWith('.ldb'));
    truncateSync(join(dir, 'index', table!), 58);
    const again = await open();
    expect(convergentState(again)).toEqual(before);
    expect(again.status().index).toBe('level');
    await fill(again, 1);
  });

  test('of another journal is not believed', async () => {
    const ledger = await open();
    await fill(ledger, 5);
    await ledger.close();
    const other = await open({ dir: join(dir, 'other'), seed: seedOf(2) });
    await fill(other, 5);
    const before = convergentState(other);
    await other.close();
    rmSync(join(dir, 'other', 'index'), { recursive: true });
    cpSync(join(dir, 'index'), join(dir, 'other', 'index'), { recursive: true });
    const again = await open({ dir: join(dir, 'other'), seed: seedOf(2) });
    expect(convergentState(again)).toEqual(before);
  });

  test('is behind the journal after a crash in between: the tail is read', async () => {
    const ledger = await open();
    await fill(ledger, 3);
    await ledger.close();
    cpSync(join(dir, 'index'), join(dir, 'old-index'), { recursive: true });
    const more = await open();
    await fill(more, 400);
    const before = convergentState(more);
    await more.close();
    rmSync(join(dir, 'index'), { recursive: true });
    cpSync(join(dir, 'old-index'), join(dir, 'index'), { recursive: true });
    const again = await open();
    expect(convergentState(again)).toEqual(before);
    expect(again.status().signatures.checked + again.status().signatures.unchecked).toBe(404);
  });
});

describe('kill -9', () => {
  const script = fileURLToPath(new URL('../../support/append-forever.ts', import.meta.url));

  /** Lets the process acknowledge some entries, kills it, and returns what it acknowledged. */
  const killAfter = async (acknowledged: number, first: number): Promise<string[]> => {
    const child: ChildProcess = spawn(process.execPath, [script, dir, String(first)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const hashes: string[] = [];
    for await (const line of createInterface({ input: child.stdout! })) {
      hashes.push(line);
      if (hashes.length === acknowledged) child.kill('SIGKILL');
    }
    return hashes;
  };

  test('while appending loses nothing that was acknowledged, time after time', async () => {
    const acknowledged: string[] = [];
    for (const [round, count] of [40, 150, 7].entries()) {
      acknowledged.push(...(await killAfter(count, round * 10_000)));
      const ledger = await open();
      for (const hash of acknowledged) expect((await ledger.byHash(hash))?.entry.hash).toBe(hash);
      const audit = await auditLedger(ledger);
      expect(audit.first).toBeUndefined();
      expect(audit.checked).toMatchObject({ entries: ledger.size, signatures: ledger.size, authors: 1 });
      await ledger.close();
    }
    expect(existsSync(join(dir, 'journal', '00000002.journal'))).toBe(true);
  });
});
