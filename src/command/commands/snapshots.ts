import type { SnapshotDraft } from '../../policy/snapshot/draft.ts';
import type { SnapshotReport } from '../../policy/snapshot/report.ts';
import { bool, type OptionTable, withDefault } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply, says } from '../reply.ts';
import type { Cell } from '../table.ts';
import { heldJson, heldText } from '../held.ts';
import { count, shortKey } from './common.ts';

const snapshotOptions = {
  dryrun: withDefault(bool, false, 'only says what it would settle', ['dry']),
};

const ENDED_NAMED_MAX = 20;

const draftLines = ({ entries, fresh, spare, ended, act }: SnapshotDraft): readonly string[] => [
  `it covers ${count(entries, 'entry', 'entries')}, ${fresh} of them for the first time`,
  `the policies in force then need the bodies of all but ${spare.length} inserts and updates`,
  ...(ended.length === 0
    ? []
    : [
        `${count(ended.length, 'policy that waits for what another holds ends', 'policies that wait for what others hold end')} for good: ${ended.slice(0, ENDED_NAMED_MAX).join(', ')}${ended.length > ENDED_NAMED_MAX ? ' …' : ''}`,
      ]),
  `state root ${act.root}`,
];

const draftJson = ({ entries, fresh, spare, ended, act }: SnapshotDraft) => ({
  ...{ entries, fresh, spareBodies: spare.length, ended },
  ...{ root: act.root, logs: act.logs, frontier: act.frontier.join('+') },
});

const snapshot = async ({ context, options, signal }: Call<typeof snapshotOptions>): Promise<Reply> => {
  const { snapshots } = context.policies;
  if (options.dryrun) {
    const draft = await snapshots.preview(signal);
    return says(['a snapshot of now is not made yet', ...draftLines(draft)].join('\n'), draftJson(draft));
  }
  const made = await snapshots.make(signal);
  const state = typeof made.effect === 'object' ? `not in force yet: ${made.effect.text}` : 'in force';
  const json = { ...draftJson(made), entry: made.entry, effect: made.effect };
  return says([`snapshot ${made.entry}: ${state}`, ...draftLines(made)].join('\n'), json);
};

const rowOf = ({ signed, entries, effect, needed, root, frontier }: SnapshotReport): readonly Cell[] => [
  signed[0]?.date ?? '',
  signed.map(({ author, authorName }) => authorName ?? shortKey(author)).join(', '),
  typeof effect === 'object' ? `${effect.rule}: ${effect.text}` : effect,
  `${signed.length} of ${needed}`,
  entries ?? '',
  frontier.length,
  root,
  signed.map(({ entry }) => entry).join(', '),
];

const getSnapshots = async ({ context }: Call<OptionTable>): Promise<Reply> => {
  const { policies } = context;
  await policies.caughtUp();
  const snapshots = policies.snapshots.list();
  const covered = Math.max(0, ...snapshots.map(({ entries }) => entries ?? 0));
  const held = policies.chronicle.facts().length;
  return givesTable({
    above: `settled: ${covered} of ${count(held, 'entry', 'entries')}\n${heldText(context)}`,
    titles: ['Date', 'Signed By', 'Effect', 'Signatures', 'Entries', 'Heads', 'State Root', 'Entry'],
    rows: snapshots.map(rowOf),
    json: {
      settled: covered,
      held,
      history: heldJson(context),
      snapshots: snapshots.map(({ frontier, ...report }) => ({ ...report, frontier: frontier.join('+') })),
    },
  });
};

/** What the past has come to, signed by the root keys. */
export const snapshotCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain snapshot'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation:
      'settles what every registered node is known to hold: what comes later, or late, ranks after it and changes nothing of it. For nodes with a root key; in force once a majority of these has run it',
    examples: ['blockchain snapshot where dryrun = true', 'blockchain snapshot'],
    options: snapshotOptions,
    run: snapshot,
  }),
  define({
    patterns: ['get snapshots'],
    method: 'GET',
    explanation: 'lists the snapshots: by whom, in force or what they wait for, and how much they have settled',
    examples: ['get snapshots', 'get snapshots where format = json'],
    run: getSnapshots,
  }),
];
