import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unwatchedDisk } from '../../../src/base/disk.ts';
import { auditLedger } from '../../../src/ledger/audit/audit.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { type LedgerOptions, openLedger } from '../../../src/ledger/open-ledger.ts';
import { proposal, seedOf } from '../../support/ledger-authors.ts';

let dir: string;
let opened: Ledger[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-no-lock-'));
  opened = [];
});
afterEach(async () => {
  for (const ledger of opened) await ledger.close();
  rmSync(dir, { recursive: true, force: true });
});

const open = async (options: Partial<LedgerOptions> = {}): Promise<Ledger> => {
  const ledger = await openLedger({ dir, seed: seedOf(1), ...options });
  opened.push(ledger);
  ledger.allowAppend();
  return ledger;
};

test('a directory that has no lock is left alone by the one of two processes that finds lines of the other', async () => {
  const first = await open();
  await first.createNetwork('no lock', 'open');
  const taken = { index: undefined, failure: new Error('no lock'), close: () => Promise.resolve() };
  const failed: string[] = [];
  const disk = { ...unwatchedDisk, failed: (part: string) => void failed.push(part) };
  const second = await open({ taken, disk });
  await first.append(proposal(1));
  const refused = { code: 'LEDGER_DIR_IN_USE', hint: expect.stringContaining('stop one of the two') as string };
  for (const number of [90, 91]) await expect(second.append(proposal(number))).rejects.toMatchObject(refused);
  expect(second.status()).toMatchObject({ mayAppend: false, forbidden: { code: 'LEDGER_DIR_IN_USE' } });
  // The disk is not at fault.
  expect(failed).not.toContain('ledger');
  await second.close();
  await first.append(proposal(2));
  await first.close();
  const after = await open();
  expect(after.size).toBe(3);
  expect(await auditLedger(after)).toMatchObject({ sound: true });
});
