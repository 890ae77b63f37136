import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger, type LogRecord } from '../../../src/base/log.ts';
import { auditLedger } from '../../../src/ledger/audit/audit.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import { proposal, seedOf } from '../../support/ledger-authors.ts';
import { waitFor } from '../../support/wait.ts';

const mount = (...args: string[]): boolean => {
  try {
    execFileSync('mount', args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const unmount = (dir: string): void => void execFileSync('umount', [dir], { stdio: 'ignore' });

const canMount = (): boolean => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-mount-'));
  const done = mount('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir);
  if (done) unmount(dir);
  rmdirSync(dir);
  return done;
};

describe.skipIf(!canMount())('a small disk (skipped where a tmpfs cannot be mounted)', () => {
  let disk: string;
  let records: LogRecord[];
  let ledger: Ledger;

  const open = async (): Promise<void> => {
    const log = createLogger((record) => records.push(record));
    ledger = await openLedger({ dir: join(disk, 'ledger'), seed: seedOf(1), log });
    ledger.allowAppend();
  };
  const fillDisk = (): void => {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize));
  };

  beforeEach(async () => {
    disk = mkdtempSync(join(tmpdir(), 'holdfast-small-'));
    mount('-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk);
    records = [];
    await open();
    await ledger.createNetwork('small', 'open');
    for (let number = 0; number < 20; number += 1) await ledger.append(proposal(number));
  });
  afterEach(async () => {
    await ledger.close().catch(() => undefined);
    unmount(disk);
    rmdirSync(disk);
  });

  test('that is full: appends fail, reads go on, a start is possible, and space freed is used again', async () => {
    fillDisk();
    const appends = Array.from({ length: 60 }, (_, at) => ledger.append(proposal(at, { text: 'x'.repeat(4_000) })));
    const results = await Promise.allSettled(appends);
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed) expect(reason).toMatchObject({ code: 'LEDGER_DISK_FAILED' });
    const size = 21 + results.length - failed.length;
    expect(await ledger.follow(0, 100)).toHaveLength(size);
    await ledger.close();

    await open();
    expect((await ledger.follow(0, 100)).length).toBeGreaterThanOrEqual(size);
    await ledger.close();

    rmSync(join(disk, 'ballast'));
    await open();
    const before = ledger.size;
    await ledger.append(proposal(99));
    expect(ledger.size).toBe(before + 1);
    expect(await auditLedger(ledger)).toMatchObject({ sound: true });
  });

  test('that has room again: writes, and the index, go on without a start', async () => {
    fillDisk();
    const text = 'x'.repeat(4_000);
    await waitFor(() =>
      ledger.append(proposal(1, { text })).then(
        () => false,
        () => true,
      ),
    );
    expect(ledger.status().failure).toContain('ENOSPC');
    const { size } = ledger;
    rmSync(join(disk, 'ballast'));
    await waitFor(() => ledger.status().failure === undefined);
    for (let number = 0; number < 300; number += 1) await ledger.append(proposal(number));
    expect(ledger.size).toBe(size + 300);
    expect(records.map((record) => record.text)).toContain('the ledger is written again');
    await ledger.close();
    await open();
    expect(ledger.size).toBe(size + 300);
    expect(await auditLedger(ledger)).toMatchObject({ sound: true });
  });

  test('that is full from the first moment of a start', async () => {
    await ledger.close();
    fillDisk();
    rmSync(join(disk, 'ledger', 'index'), { recursive: true });
    fillDisk();
    await open();
    expect(await ledger.follow(0, 100)).toHaveLength(21);
    expect((await ledger.byPolicy('policy-3')).length).toBe(1);
  });

  test('that is read-only: a start for reads', async () => {
    const { version } = ledger;
    await ledger.close();
    mount('-o', 'remount,ro', disk);
    await open();
    expect(ledger.version).toBe(version);
    expect(ledger.status().index).toBe('memory');
    expect(await ledger.follow(0, 100)).toHaveLength(21);
    await expect(ledger.append(proposal(1))).rejects.toMatchObject({ code: 'LEDGER_DISK_FAILED' });
    expect(await auditLedger(ledger)).toMatchObject({ sound: true });

    mount('-o', 'remount,rw', disk);
    await waitFor(() => ledger.status().failure === undefined && ledger.status().index === 'level');
    const { size } = ledger;
    for (let number = 0; number < 300; number += 1) await ledger.append(proposal(number));
    await ledger.close();
    records = [];
    await open();
    expect(ledger.size).toBe(size + 300);
    expect(ledger.status().index).toBe('level');
    expect(records.map((record) => record.text)).not.toContain('rebuilding the index from the journal');
    expect(await auditLedger(ledger)).toMatchObject({ sound: true });
  });
});
