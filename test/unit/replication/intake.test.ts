import { expect, test } from 'vitest';
import { GAPS_MAX, GAPS_SHARE, STRANGE_ORIGINS_MAX } from '../../../src/base/limits.ts';
import type { FileCopy, FileRanges } from '../../../src/operator/file-record.ts';
import { Intake } from '../../../src/replication/intake.ts';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { createMemoryFileStore } from '../../support/memory-file-store.ts';

/** Each second number, from 1 on. */
const scattered = (count: number): FileRanges => Array.from({ length: count }, (_, at) => [2 * at + 1, 2 * at + 1]);

/** What becomes of files, where so much is held. */
const outcomes = async (
  held: readonly (readonly [string, FileRanges])[],
  files: readonly (readonly [string, number])[],
): Promise<readonly string[]> => {
  const store = Object.assign(createMemoryFileStore('own'), {
    holdings: () => new Map(held),
    store: async (copies: readonly FileCopy[]) => copies.map(() => 'stored' as const),
  });
  const intake = new Intake(store, (origin) => ['liar', 'peer'].includes(origin));
  const copies = files.map(([origin, file]) => copyOf(origin, file, rowsText(file, 1)));
  const taken = await intake.take(
    copies.map((copy) => ({ record: copy.record, copy })),
    () => true,
  );
  return taken.map(({ outcome, fault }) => fault?.code ?? outcome);
};

const SCATTERED = 'REPLICATION_NUMBERS_SCATTERED';

test('an origin with more gaps than its share gets no new ones where there are too many, others do', async () => {
  const held = [['liar', scattered(GAPS_MAX)] as const, ['own', scattered(3)] as const];
  const [apart, beside] = [2 * GAPS_MAX + 9, 2 * GAPS_MAX];
  const files = [
    ['liar', apart],
    ['liar', 4],
    ['liar', beside],
    ['liar', beside + 1],
    ['peer', 77],
    ['own', 77],
  ] as const;
  expect(await outcomes(held, files)).toEqual([SCATTERED, 'stored', 'stored', 'stored', 'stored', 'stored']);
  const share = [...held, ['peer', scattered(GAPS_SHARE)] as const];
  expect(await outcomes(share, [['peer', 2 * GAPS_SHARE + 9]])).toEqual([SCATTERED]);
  expect(await outcomes(share.slice(1), [['peer', 2 * GAPS_SHARE + 9]])).toEqual(['stored']);
});

test('files of so many origins that are no operators of the cluster, also in one batch, and of all that are', async () => {
  const strange = Array.from({ length: STRANGE_ORIGINS_MAX + 1 }, (_, at) => [`gone-${at}`, 1] as const);
  const got = await outcomes([], [...strange, ['gone-0', 2], ['peer', 1]]);
  expect(got.slice(-3)).toEqual(['REPLICATION_ORIGINS_FULL', 'stored', 'stored']);
  expect(new Set(got.slice(0, -3))).toEqual(new Set(['stored']));
});
