import { type SplitView, splitOrigin, splitViewJson } from '../../receipt/split-view.ts';
import { authorNames } from '../../policy/signed.ts';
import type { CommandContext } from '../context.ts';
import type { OptionTable } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { shortKey } from './common.ts';

/** Which node showed two histories, as `get status` names it. */
export const splitSummary =
  ({ policies }: CommandContext) =>
  ({ older, newer }: SplitView) => ({
    node: newer.origin.node,
    name: authorNames(policies.book).get(newer.origin.node) ?? null,
    origin: newer.text.split('\n')[0],
    sizes: [older.size, newer.size],
  });

/** A line for each, where there is one; without the letters that clients take for a bad status. */
export const splitLines = (context: CommandContext): string =>
  context.receipts
    .splits()
    .map(splitSummary(context))
    .map(({ node }) => `\nSplit view: ${shortKey(node)} showed two histories of its receipts. See: get split views`)
    .join('');

const splitViews = ({ context }: Call<OptionTable>): Reply => {
  const splits = context.receipts.splits();
  const summaries = splits.map(splitSummary(context));
  return givesTable({
    above: splits.length === 0 ? 'No node is known to have shown two histories' : `${splits.length} proven`,
    titles: ['Node', 'Name', 'Origin', 'Older Size', 'Newer Size', 'Root Then', 'Root Claimed'],
    rows: splits.map((split, at) => [
      shortKey(split.newer.origin.node),
      summaries[at]?.name ?? '',
      splitOrigin(split),
      split.older.size,
      split.newer.size,
      split.root.toString('base64'),
      split.older.root.toString('base64'),
    ]),
    json: splits.map((split, at) => ({ ...summaries[at], proof: splitViewJson(split) })),
  });
};

/** Who showed two histories. */
export const splitViewCommands = (): readonly Command[] => [
  define({
    patterns: ['get split views', 'get split view'],
    method: 'GET',
    explanation:
      'lists the nodes whose receipts were shown with two histories; with format = json each with the proof: both signed ' +
      'checkpoints, and the consistency proof that the newer one does not begin with the older (src/receipt/SPEC.md)',
    examples: ['get split views', 'get split views where format = json'],
    run: splitViews,
  }),
];
