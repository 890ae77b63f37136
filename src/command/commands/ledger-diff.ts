import { inSlices } from '../../base/slices.ts';
import type { PolicyState } from '../../policy/book.ts';
import { changesBetween } from '../../policy/changes.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { changeText } from './history.ts';
import { momentJson, momentLine, pastOf } from './moment.ts';

const wholeRow = (did: string, { type, id, value }: PolicyState): readonly Cell[] => [
  did,
  type,
  id,
  JSON.stringify(value),
];

const documentOf = ({ type, value }: PolicyState): unknown => ({ [type]: value });

const diff = async (call: Call<OptionTable>): Promise<Reply> => {
  const from = await pastOf(call, call.args.text('from'));
  const to = await pastOf(call, call.args.text('to'));
  const { added, removed, changed } = await inSlices(changesBetween(from.book, to.book), call.signal);
  return givesTable({
    above: `From: ${momentLine(from)}\nTo: ${momentLine(to)}`,
    titles: ['Change', 'Type', 'Policy', 'What'],
    rows: [
      ...added.map((state) => wholeRow('added', state)),
      ...removed.map((state) => wholeRow('removed', state)),
      ...changed.flatMap(({ type, id, changes }) =>
        changes.map((change, index) => [...(index === 0 ? ['changed', type, id] : ['', '', '']), changeText(change)]),
      ),
    ],
    json: {
      from: momentJson(from),
      to: momentJson(to),
      added: added.map(documentOf),
      removed: removed.map(documentOf),
      changed,
    },
  });
};

/** What changed between two moments. */
export const ledgerDiffCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain diff <from> <to>'],
    method: 'GET',
    explanation:
      'lists the policies that were added, removed and changed, attribute by attribute, from one moment to another: dates, frontiers or hashes of entries',
    examples: ['blockchain diff "2026-11-25 18:00:00" now', 'blockchain diff !before !after'],
    run: diff,
  }),
];
