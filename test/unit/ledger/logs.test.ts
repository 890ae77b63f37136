import { expect, test } from 'vitest';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { type JournalFiles, systemJournalFiles } from '../../../src/ledger/journal-files.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import { createAuthor, genesisOf, offerAll, seedOf } from '../../support/ledger-authors.ts';
import { tempDir } from '../../support/temp-dir.ts';

const ROUNDS = 8;
/** So large that the disk is not read from one entry of an author to the next. */
const NOTE = 'x'.repeat(8_000);

test('logs of several authors are what each is by itself, read from the disk in one go', async () => {
  const dir = tempDir();
  let reads = 0;
  const journalFiles: JournalFiles = {
    ...systemJournalFiles,
    read(handle, into, at) {
      reads += 1;
      return systemJournalFiles.read(handle, into, at);
    },
  };
  const open = () => openLedger({ dir, seed: seedOf(99), journalFiles });
  const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
  const authors = [2, 3, 4, 5].map((number) => createAuthor(number, genesis));
  const content = { table: { name: 't', note: NOTE } };
  const entries = Array.from({ length: ROUNDS }, () => authors.map((author) => author.next({ content }))).flat();
  let ledger = await open();
  await offerAll(ledger, [genesis, ...entries]);
  await ledger.signaturesChecked();
  await ledger.close();
  ledger = await open();
  try {
    const pieces = authors.map(({ author }) => ({ author, fromSeq: 2, bytes: 1_000_000 }));
    reads = 0;
    const together = await ledger.logs(pieces);
    expect(reads).toBe(1);
    expect(together.map((log) => log.length)).toEqual(authors.map(() => ROUNDS - 1));
    for (const [at, { author, fromSeq, bytes }] of pieces.entries())
      expect(together[at]).toEqual(await ledger.log(author, fromSeq, bytes));
    expect(await ledger.logs([])).toEqual([]);
  } finally {
    await ledger.close();
  }
});
