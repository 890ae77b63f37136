import { type ErasureReport, erasuresOf } from '../../policy/erase.ts';
import { anyText, type OptionTable, required } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply, says } from '../reply.ts';
import type { Cell } from '../table.ts';
import { count, shortKey } from './common.ts';
import { SIGNED_TITLES, signedCells } from './history.ts';

const eraseOptions = {
  entry: required(anyText, 'hash of the entry: an insert or update, as blockchain log and history show it', ['hash']),
  reason: required(anyText, 'why, for everybody to read for good'),
};

const erase = async ({ context, options }: Call<typeof eraseOptions>): Promise<Reply> => {
  const target = options.entry.trim().toLowerCase();
  const { entry } = await context.policies.erase({ entry: target, reason: options.reason });
  return says(`erased by entry ${entry.hash}: every node drops what entry ${target} said, as soon as it hears of it`, {
    entry: target,
    by: entry.hash,
  });
};

const rowOf = (report: ErasureReport): readonly Cell[] => {
  const { reason, effect, target } = report;
  const { signed } = target;
  return [
    ...signedCells(report),
    reason,
    typeof effect === 'object' ? `void (${effect.rule}): ${effect.text}` : effect,
    target.entry,
    signed === undefined ? '' : (signed.authorName ?? shortKey(signed.author)),
    signed?.date ?? '',
    target.type ?? '',
    target.id ?? '',
    target.attributes.join(', '),
    report.entry,
  ];
};

const getErasures = async ({ context }: Call<OptionTable>): Promise<Reply> => {
  const { policies, ledger } = context;
  await policies.caughtUp();
  const erasures = erasuresOf(policies.book, policies.chronicle);
  const { erasing, missing } = ledger.status().bodies;
  const notes = [
    ...(erasing === 0
      ? []
      : [`${count(erasing, 'body is', 'bodies are')} still on this node's disk: see get disk usage`]),
    ...(missing === 0
      ? []
      : [`${count(missing, 'body is', 'bodies are')} missing here without a right: other nodes are asked`]),
  ];
  return givesTable({
    ...(notes.length === 0 ? {} : { above: notes.join('\n') }),
    titles: [
      ...SIGNED_TITLES,
      ...['Reason', 'Effect', 'Erased Entry', 'Written By', 'Written', 'Type', 'Policy', 'Attributes', 'Entry'],
    ],
    rows: erasures.map(rowOf),
    json: { erasing, missing, erasures },
  });
};

/** What was written and shall be read by nobody any more. */
export const erasureCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain erase'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation:
      'erases what an insert or update said, on every node and for good; that it was there, whose and when stays. For its author and for admins',
    examples: ['blockchain erase where entry = 9d40af23b10c4f04… and reason = "asked for by the person named"'],
    options: eraseOptions,
    run: erase,
  }),
  define({
    patterns: ['get erasures'],
    method: 'GET',
    explanation: 'lists what was erased: whose, by whom, when and why, and whether that was by right',
    examples: ['get erasures', 'get erasures where format = json'],
    run: getErasures,
  }),
];
