import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFault } from '../../src/base/disk.ts';
import { createMemoryDisk, createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createFailingJournalFiles } from '../support/failing-journal-files.ts';
import type { LedgerFactory } from '../support/ledger-world.ts';
import { describeFailingDisk } from './ledger-disk.ts';
import { describeForeignEntries } from './ledger-foreign.ts';
import { describeLedger } from './ledger.ts';

const inMemory: LedgerFactory = async (seed, clock) => {
  const disk = createMemoryDisk();
  let ledger = await createMemoryLedger({ seed, clock, disk });
  return {
    ledger,
    async reopen(how = 'close') {
      if (how === 'close') await ledger.close();
      else ledger.crash();
      ledger = await createMemoryLedger({ seed, clock, disk });
      return ledger;
    },
    fail(fault) {
      const cause = Object.assign(new Error('ENOSPC: made by the test'), { code: 'ENOSPC' });
      disk.failure = fault === undefined ? undefined : writeFault('LEDGER_DISK_FAILED', 'no write', cause);
    },
    dispose: () => ledger.close(),
  };
};

const onDisk: LedgerFactory = async (seed, clock) => {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-ledger-'));
  let dir = join(root, 'ledger');
  const journalFiles = createFailingJournalFiles();
  let ledger = await openLedger({ dir, seed, clock, journalFiles });
  const abandoned: Ledger[] = [];
  return {
    ledger,
    async reopen(how = 'close') {
      if (how === 'close') await ledger.close();
      else {
        // What a crash leaves behind: the files as they are, while the old process still holds its own.
        abandoned.push(ledger);
        cpSync(join(dir, 'journal'), join(root, 'crashed', 'journal'), { recursive: true });
        dir = join(root, 'crashed');
      }
      ledger = await openLedger({ dir, seed, clock, journalFiles });
      return ledger;
    },
    fail(fault) {
      journalFiles.fault = fault;
    },
    async dispose() {
      for (const open of [...abandoned, ledger]) await open.close();
      rmSync(root, { recursive: true });
    },
  };
};

describeLedger('memory', inMemory);
describeForeignEntries('memory', inMemory);
describeLedger('disk', onDisk);
describeForeignEntries('disk', onDisk);
describeFailingDisk('memory', inMemory);
describeFailingDisk('disk', onDisk);
