import type { VoidReason } from '../void-reason.ts';
import type { LedgerFold } from '../fold.ts';
import type { Chronicle } from '../past.ts';
import { authorNames, type Signed, signedBy } from '../signed.ts';
import { snapshotKey } from './act.ts';
import { majorityOf } from './settle.ts';

/** A snapshot, whoever signed it. */
export interface SnapshotReport {
  /** Hashes, as `as of` takes them. */
  readonly frontier: readonly string[];
  /** Root of the state that it settles. */
  readonly root: string;
  readonly logs: string;
  readonly effect: 'in-force' | VoidReason;
  /** Entries that it covers; undefined while it is not in force. */
  readonly entries: number | undefined;
  /** Root keys that it needs. */
  readonly needed: number;
  /** Its entries, in the order in which they came. */
  readonly signed: readonly Signed[];
}

/** All snapshots, in the order in which they came. */
export const snapshotsOf = (fold: LedgerFold, chronicle: Chronicle): readonly SnapshotReport[] => {
  const names = authorNames(fold);
  const reports = new Map<string, SnapshotReport & { readonly signed: Signed[] }>();
  const { settled } = fold.snapshots;
  for (const { fact, act } of fold.snapshots.filed()) {
    const key = snapshotKey(act);
    const effect = fold.effectOf(fact.hash);
    const rank = settled?.chain.indexOf(key) ?? -1;
    let report = reports.get(key);
    if (report === undefined) {
      report = {
        ...{ frontier: act.frontier, root: act.root, logs: act.logs, needed: majorityOf(fold), signed: [] },
        effect: typeof effect === 'object' ? effect : 'in-force',
        entries: rank < 0 ? undefined : [...(settled?.covered.values() ?? [])].filter((each) => each <= rank).length,
      };
      reports.set(key, report);
    }
    report.signed.push(signedBy(fact, chronicle, names));
  }
  return [...reports.values()];
};
