import { fault } from '../../base/errors.ts';
import { type ArchiveHolder, holdersText } from '../../ledger/archive/port.ts';
import type { LogEntry } from '../../ledger/sync/same-log.ts';
import { isInForce } from '../../policy/authority/members.ts';
import type { Pruning } from '../../policy/pruning.ts';
import type { SnapshotReport } from '../../policy/snapshot/report.ts';
import type { Archiving, CommandContext } from '../context.ts';
import { lastSnapshot } from '../held.ts';
import { bool, type OptionTable, withDefault } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { type Reply, says } from '../reply.ts';
import { count } from './common.ts';

const pruneOptions = {
  dryrun: withDefault(bool, false, 'only says how many bodies would go', ['dry']),
};

const pruningOf = ({ policies }: CommandContext): Pruning => {
  if (policies.pruning !== undefined) return policies.pruning;
  throw fault('COMMAND_UNSUPPORTED', 'this node drops nothing');
};

const assertKeepsNothingForOthers = ({ archiving, policies, ledger }: CommandContext): void => {
  const isArchive = policies.members
    .list()
    .some((member) => member.key === ledger.author && isInForce(member) && member.rights.roles.includes('archive'));
  if (!isArchive && archiving?.tiles() === undefined) return;
  throw fault('POLICY_PRUNING_ARCHIVE', 'this node keeps the whole history for others: nothing is dropped here', {
    hint: 'run it on a node without the role archive and without --tiles',
  });
};

const assertNoBackup = (context: CommandContext): void => {
  if (context.backup()?.state !== 'running') return;
  throw fault('BACKUP_RUNNING', 'a backup is being made: the files of the ledger stay as they are meanwhile', {
    hint: 'how far it is: get backup; to break it off: exit backup',
  });
};

const settledBy = (context: CommandContext): SnapshotReport => {
  const snapshot = lastSnapshot(context);
  if (snapshot !== undefined) return snapshot;
  throw fault('POLICY_PRUNING_UNSETTLED', 'no snapshot is in force: nothing is settled, so every body is needed', {
    hint: 'make one on the node that created the network: blockchain snapshot; see: get snapshots',
  });
};

type Keeping = Pick<CommandContext, 'policies' | 'ledgerSync'> & {
  readonly archiving?: Pick<Archiving, 'confirmed'> | undefined;
};

const newestOf = (going: readonly string[], { chronicle }: Keeping['policies']): readonly LogEntry[] => {
  const newest = new Map<string, LogEntry>();
  for (const { author, seq, hash } of going.flatMap((each) => chronicle.fact(each) ?? []))
    if ((newest.get(author)?.seq ?? 0) < seq) newest.set(author, { author, seq, hash });
  return [...newest.values()];
};

/**
 * Nodes in reach that say now that they have everything, and hold all entries whose bodies are going. The role alone is
 * no proof of that, and neither is what a node said before.
 */
export const keepersOf = async (
  { archiving, policies, ledgerSync }: Keeping,
  going: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly ArchiveHolder[]> => {
  const saying = (await archiving?.confirmed(signal)) ?? [];
  const holding = await ledgerSync.holding(newestOf(going, policies));
  const keepers = saying.filter(({ key }) => holding.has(key));
  if (keepers.length > 0) return keepers;
  throw fault(
    'POLICY_PRUNING_ALONE',
    'no node in reach says that it has everything: what is dropped here might be nowhere else',
    {
      hint: 'connect a node that drops nothing, best one with the role archive (create invite where role = archive); see: get archives. While two nodes prune at once one or both are refused, and so is who lacks what was just written: try again',
    },
  );
};

const JOINING =
  'who joins the network at this node begins with the snapshot as well, and takes the rest by blockchain fill history when a node that has everything is in reach';

const prune = async ({ context, options, signal }: Call<typeof pruneOptions>): Promise<Reply> => {
  const pruning = pruningOf(context);
  assertKeepsNothingForOthers(context);
  assertNoBackup(context);
  await context.policies.caughtUp();
  const need = pruning.need();
  if (need !== undefined) throw need;
  let snapshot = settledBy(context);
  const by = (): string => snapshot.signed[0]?.entry ?? '';
  if (options.dryrun) {
    const going = await pruning.preview(signal);
    const [bodies, keepers] = [going.length, await keepersOf(context, going, signal)];
    const text = [
      `nothing is dropped yet: ${count(bodies, 'body', 'bodies')} could go by snapshot ${by()}`,
      `kept by: ${holdersText(keepers)}`,
    ];
    return says(text.join('\n'), { dry: true, bodies, snapshot: by(), holders: keepers.map(({ key }) => key) });
  }
  let keepers: readonly ArchiveHolder[] = [];
  const { bodies, bytes } = await pruning.prune(signal, async (going) => {
    // It may be another by now, which covers more.
    snapshot = settledBy(context);
    keepers = await keepersOf(context, going, signal);
  });
  const text = [
    `dropped ${count(bodies, 'body', 'bodies')}, ${count(bytes, 'byte', 'bytes')}, by snapshot ${by()}`,
    `kept by: ${holdersText(keepers)}; back again: blockchain fill history`,
    JOINING,
  ];
  const json = { bodies, bytes, snapshot: by(), archived: pruning.count, holders: keepers.map(({ key }) => key) };
  return says(text.join('\n'), { dry: false, ...json });
};

const fill = async ({ context, signal }: Call<OptionTable>): Promise<Reply> => {
  const pruning = pruningOf(context);
  assertNoBackup(context);
  const { bodies, bytes } = await pruning.fill(signal);
  const [lacking, holders] = [pruning.count, pruning.holders()];
  const came = `${count(bodies, 'body', 'bodies')} came back, ${count(bytes, 'byte', 'bytes')}`;
  if (lacking > 0)
    throw fault('ENTRY_ARCHIVED', `${came}; ${count(lacking, 'body is', 'bodies are')} lacking still`, {
      data: { bodies, bytes, lacking, holders: holders.map(({ key }) => key) },
      hint: `connect a node that has them, and run this again: ${holdersText(holders)}; see: get archives`,
    });
  return says(`${came}\nthe history is complete`, { bodies, bytes, lacking });
};

/** What a snapshot has settled can go from this node, and come back. */
export const pruningCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain prune'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation:
      'drops from this node what entries say that a snapshot in force has settled and no policy in force needs, where another node in reach says that it has everything. Policies stay as they are; their past is then asked of that node. A new node that joins here begins with the snapshot',
    examples: ['blockchain prune where dryrun = true', 'blockchain prune'],
    options: pruneOptions,
    run: prune,
  }),
  define({
    patterns: ['blockchain fill history'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'fetches back from other nodes what this one has dropped; each body is compared with its entry',
    examples: ['blockchain fill history'],
    run: fill,
  }),
];
