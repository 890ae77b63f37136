import { expect, test } from 'vitest';
import { archivedFault } from '../../../../src/ledger/archive/port.ts';
import { createMemoryArchive } from '../../../support/memory-archive.ts';

const holder = (digit: string, name?: string) => ({ key: digit.repeat(64), name });

test('what is archived is answered with whom to ask', () => {
  const archive = createMemoryArchive([holder('1', 'attic'), holder('2'), holder('3', 'cellar'), holder('4')]);
  const named = archivedFault('the version of entry abc', archive);
  expect(named.code).toBe('ENTRY_ARCHIVED');
  expect(named.message).toBe('the version of entry abc: archived, ask attic, 2222222222222222, cellar or 1 more');
  expect(named.data['holders']).toHaveLength(4);
  expect(archivedFault('it', undefined).message).toBe('it: archived, ask a node that keeps the whole history');
});
