import type { SnapshotReport } from '../policy/snapshot/report.ts';
import type { CommandContext } from './context.ts';

/** The last snapshot in force: it covers what those before it do. */
export const lastSnapshot = ({ policies }: Pick<CommandContext, 'policies'>): SnapshotReport | undefined =>
  policies.snapshots
    .list()
    .filter(({ effect, entries }) => effect === 'in-force' && entries !== undefined)
    .toSorted((a, b) => (a.entries ?? 0) - (b.entries ?? 0))
    .at(-1);

const ofSnapshot = (context: CommandContext): string | null => lastSnapshot(context)?.signed[0]?.entry ?? null;

/** Whether the history is whole here, for people. */
export const heldText = (context: CommandContext): string => {
  const archived = context.policies.pruning?.count ?? 0;
  if (archived === 0) return 'held: the complete history';
  const bodies = archived === 1 ? '1 body' : `${archived} bodies`;
  return `held: pruned by snapshot ${ofSnapshot(context) ?? '?'}, ${bodies} archived`;
};

/** The same for programs; `snapshot`: hash of an entry that signed it, null where nothing is archived. */
export const heldJson = (context: CommandContext) => {
  const archived = context.policies.pruning?.count ?? 0;
  return { complete: archived === 0, archived, snapshot: archived === 0 ? null : ofSnapshot(context) };
};
