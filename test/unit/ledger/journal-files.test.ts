import { constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { openJournal } from '../../../src/ledger/journal.ts';
import { type JournalFiles, systemJournalFiles } from '../../../src/ledger/journal-files.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-journal-files-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

// Only Linux says with which flags a file is open.
describe.runIf(process.platform === 'linux')('the files of a journal', () => {
  it.each(['create', 'write'] as const)('%s: each write is durable when it returns', async (how) => {
    const path = join(dir, 'journal');
    const created = await systemJournalFiles.open(path, 'create');
    const handle = how === 'create' ? created : await systemJournalFiles.open(path, how);
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${handle}`, 'utf8'))?.[1] ?? '';
    for (const open of new Set([created, handle])) await systemJournalFiles.close(open);
    expect(systemJournalFiles.syncWrites).toBe(false);
    expect(Number.parseInt(flags, 8) & constants.O_DSYNC).toBe(constants.O_DSYNC);
  });
});

it('where a write alone is not durable, an append is acknowledged after a sync', async () => {
  const done: string[] = [];
  const files: JournalFiles = {
    ...systemJournalFiles,
    syncWrites: true,
    async write(handle, bytes, at) {
      const count = await systemJournalFiles.write(handle, bytes, at);
      done.push('write');
      return count;
    },
    async sync(handle) {
      await systemJournalFiles.sync(handle);
      done.push('sync');
    },
  };
  const journal = await openJournal({ dir, files, log: silentLogger });
  await journal.append([Buffer.from('one\n')]);
  // The zeros that it is written over, and the line.
  expect(done).toEqual(['write', 'sync', 'write', 'sync']);
  await journal.append([Buffer.from('two\n')]);
  expect(done).toEqual(['write', 'sync', 'write', 'sync', 'write', 'sync']);
  await journal.close();
});
