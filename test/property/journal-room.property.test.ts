import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { type Journal, openJournal } from '../../src/ledger/journal.ts';
import { linesOf } from '../../src/ledger/journal-line.ts';
import { createPowerCutFiles, type PowerCutFiles } from '../support/power-cut-files.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 100) * 5;

const open = async (files: PowerCutFiles): Promise<Journal> => {
  const journal = await openJournal({ dir: 'j', log: silentLogger, files, roomBytes: 2_048, fileBytesMax: 6_000 });
  await journal.beginAppends({ file: 0, offset: 0 });
  return journal;
};

const everyLine = async (journal: Journal): Promise<readonly string[]> => {
  const lines: string[] = [];
  for (const file of journal.files())
    for (const { line } of linesOf(await journal.readFrom(file, 0))) lines.push(line.toString());
  return lines;
};

/** Lengths of the lines of some appends; the last of them loses the power. */
const life = fc.record({
  appends: fc.array(fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 6,
  }),
  /** The write of the last append that the power fails in: there may be one before it, of zeros. */
  cutsAt: fc.integer({ min: 0, max: 1 }),
  kept: fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }),
  tail: fc.constantFrom(0, 0.3, 1),
});

test('a power cut in any write leaves what was acknowledged, and of the last append its first lines or none', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 4 }), async (lives) => {
      const files = createPowerCutFiles();
      let journal = await open(files);
      const acknowledged: string[] = [];
      let number = 0;
      for (const { appends, cutsAt, kept, tail } of lives) {
        for (const [at, lengths] of appends.entries()) {
          const lines = lengths.map((length) => `${(number += 1)}:${'x'.repeat(length)}`);
          const keeps = (sector: number): boolean => kept[sector % kept.length] === true;
          files.cut = at === appends.length - 1 ? { after: cutsAt, keeps, tail } : undefined;
          const isWritten = await journal.append(lines.map((line) => Buffer.from(`${line}\n`))).then(
            () => true,
            () => false,
          );
          if (isWritten) {
            acknowledged.push(...lines);
            continue;
          }
          files.restart();
          journal = await open(files);
          const there = await everyLine(journal);
          const more = there.slice(acknowledged.length);
          expect(there.slice(0, acknowledged.length)).toEqual(acknowledged);
          expect(more).toEqual(lines.slice(0, more.length));
          acknowledged.push(...more);
        }
      }
      files.cut = undefined;
      await journal.append([Buffer.from('last\n')]);
      await journal.close();
      expect(await everyLine(await open(files))).toEqual([...acknowledged, 'last']);
      for (const bytes of files.contents.values()) expect(bytes.includes(0)).toBe(false);
    }),
    { numRuns },
  );
}, 120_000);
