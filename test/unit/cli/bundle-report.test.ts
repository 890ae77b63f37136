import { describe, expect, test } from 'vitest';
import { type BundleReport, reportText } from '../../../src/cli/bundle-report.ts';

const MICROS = 1_795_870_200_000_000;
const DATE = '2026-11-28T12:50:00.000Z';
const [NODE, OTHER, ENTRY] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string];

const report = (changes: Partial<BundleReport>): BundleReport => ({
  ...{ sound: true, fault: undefined, question: undefined, trusted: undefined, root: ENTRY },
  ...{ checked: undefined, receipts: undefined, known: undefined, unshown: undefined, erased: [], ownHowTo: true },
  ...changes,
});

describe('the report of a sound bundle', () => {
  test.each<readonly [NonNullable<BundleReport['question']>['moment'], string]>([
    [{ kind: 'time', micros: MICROS }, `as of ${DATE}`],
    [{ kind: 'frontier', heads: [ENTRY, OTHER] }, `as of the frontier ${ENTRY}+${OTHER}`],
    [{ kind: 'known', node: OTHER, micros: MICROS }, `as ${OTHER} knew them at ${DATE}`],
  ])('says what was asked, of which moment, and when: %o', (moment, words) => {
    const text = reportText(report({ question: { by: NODE, id: null, made: MICROS + 1_000_000, moment } }));
    expect(text).toContain(`asked for all policies ${words}`);
    expect(text).toContain(`exported by ${NODE} at 2026-11-28T12:50:01.000Z`);
  });

  test('says of a moment by stated times how many entries have nothing but their author’s word for that', () => {
    const question = { by: NODE, id: null, made: MICROS, moment: { kind: 'time', micros: MICROS } } as const;
    const text = reportText(report({ question, unshown: 3 }));
    expect(text).toContain('3 are shown by nobody to have been there by then: they may have been dated back');
    expect(reportText(report({ question, unshown: 0 }))).toContain('each entry of that moment was there by then');
  });

  test('says of who witnessed what a node knew whether it still is registered', () => {
    const time = MICROS / 1_000_000;
    const witnesses = [
      { witness: OTHER, time, registered: true },
      { witness: ENTRY, time, registered: false },
    ];
    const text = reportText(report({ known: { node: NODE, size: 3, witnesses } }));
    expect(text).toContain(`by the word of ${OTHER}\n`);
    expect(text).toContain(`by the word of ${ENTRY}, a key that is registered no more\n`);
  });

  test('says what was erased, by whom, when and why', () => {
    const erased = [{ entry: ENTRY, author: OTHER, time: MICROS, reason: 'asked for' }];
    expect(reportText(report({ erased }))).toContain(`  ${ENTRY} by ${OTHER} on ${DATE}: asked for`);
    expect(reportText(report({}))).not.toContain('erased');
  });
});
