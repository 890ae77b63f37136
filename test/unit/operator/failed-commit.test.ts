import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { apply } from '../../../src/operator/store/apply.ts';
import type { FileJob } from '../../../src/operator/store/jobs.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { CommitFaults, FailingDirectory } from '../../support/failing-commits.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-commit-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const newFile = (dbms: string, reading: number): FileJob => ({
  kind: 'new',
  ...{ dbms, table: 'readings', source: '0', instructions: '0', knownHash: undefined },
  columns: [{ name: 'reading', type: 'int' }],
  time: `2026-06-01T00:00:00.${String(reading).padStart(6, '0')}Z`,
  content: Buffer.from(rowsText(reading, 1)),
});

test('the number of a file whose commit failed is given to no other: it may be there when the database is open again', () => {
  const faults = new CommitFaults();
  const databases = new FailingDirectory({ dir, clock: systemClock, durable: false }, faults);
  const put = (...jobs: readonly FileJob[]): readonly unknown[] => {
    const results = apply(databases, { origin: 'own', members: new Map([['own', 7]]), jobs });
    databases.rest();
    return results.map((result) => (result.kind === 'stored' ? result.record.file : result.kind));
  };
  expect(put(newFile('a', 1), newFile('b', 2))).toEqual([1, 2]);
  faults.next.set('a', 'kept');
  expect(put(newFile('a', 3), newFile('b', 4))).toEqual(['failed', 4]);
  expect(put(newFile('b', 5))).toEqual([5]);
  databases.mend();
  const filesOf = (name: string): unknown => databases.read(name).all('select file from holdfast_files order by file');
  expect(filesOf('a')).toEqual([[1], [3]]);
  expect(filesOf('b')).toEqual([[2], [4], [5]]);
  databases.close();
});
