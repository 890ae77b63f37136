import { fault } from '../../base/errors.ts';
import { ENTRY_PARENTS_MAX, SNAPSHOT_HEADS_MAX } from '../../base/limits.ts';
import type { Sliced } from '../../base/slices.ts';
import { ERASABLE_OPS } from '../../entry/entry.ts';
import { archivedFault } from '../../ledger/archive/port.ts';
import { closureOf, frontierOf } from '../closure.ts';
import { compareFacts, type Fact, SNAPSHOT_OP } from '../facts.ts';
import type { LedgerFold } from '../fold.ts';
import { rootBehind, type SnapshotAct } from './act.ts';
import { lacksHistory } from './archived.ts';
import { namedBy } from './saved.ts';
import { coveredBy, type SettleMemory, stateOf } from './settle.ts';

/** What a snapshot says and does. */
export interface SnapshotDraft {
  readonly act: SnapshotAct;
  /** Entries that it covers; of these, snapshots apart, how many no snapshot in force covers. */
  readonly entries: number;
  readonly fresh: number;
  /** Inserts and updates whose bodies the settled state does not need. */
  readonly spare: readonly string[];
  /** Ids of policies that wait for what another holds: they end for good. */
  readonly ended: readonly string[];
}

/** What a draft is made from. */
export interface DraftSource {
  readonly fold: LedgerFold;
  readonly memory: SettleMemory;
  /** Its author. */
  readonly author: string;
  /** Whether every node that counts is known to hold the entry, and so all before it. */
  isHeldByAll(fact: Fact): boolean;
}

/**
 * The snapshot of all that everybody holds, or the one that other root keys have signed and that needs this one. Throws
 * `POLICY_SNAPSHOT_NOTHING` where that is no more than what is settled, `POLICY_SNAPSHOT_EARLY` where it does not have
 * the snapshot in force, `POLICY_FRONTIER_OVERSIZE`.
 */
export const draftSnapshot = function* (source: DraftSource): Sliced<SnapshotDraft> {
  const pending = pendingFor(source);
  const joined = pending === undefined ? undefined : yield* draftOf(source, pending.frontier);
  if (joined !== undefined && joined.act.root === pending?.root && joined.act.logs === pending.logs) return joined;
  const { fold } = source;
  const { facts } = yield* closureOf((hash) => fold.fact(hash), yield* ownReach(source));
  if (facts.every(({ op, hash }) => op === SNAPSHOT_OP || fold.snapshots.settled?.covered.has(hash) === true))
    throw fault(
      'POLICY_SNAPSHOT_NOTHING',
      'everything is settled already: nothing was written since the last snapshot',
      {
        hint: 'nothing is to be done; see: get snapshots',
      },
    );
  const held = facts.filter((fact) => !isForked(fold, fact) && source.isHeldByAll(fact));
  const frontier = yield* frontierOf(held);
  if (frontier.length > SNAPSHOT_HEADS_MAX)
    throw fault(
      'POLICY_FRONTIER_OVERSIZE',
      `the frontier has ${frontier.length} heads; at most ${SNAPSHOT_HEADS_MAX}`,
      {
        data: { heads: frontier.length, limit: SNAPSHOT_HEADS_MAX },
        hint: 'every entry that a node appends joins up to 16 heads: try again after some writes',
      },
    );
  const draft = frontier.length === 0 ? undefined : yield* draftOf(source, frontier);
  if (draft !== undefined && draft.fresh > 0) return draft;
  throw fault(
    'POLICY_SNAPSHOT_NOTHING',
    'there is nothing yet that all registered nodes are known to hold and that is not settled',
    {
      hint: 'a moment after a write it is; a registered node that is away, or whose policy stays though it is gone for good, holds it up: get synchronizer, get snapshots',
    },
  );
};

const isForked = ({ authority }: LedgerFold, fact: Fact): boolean => authority.reasonOf(fact)?.rule === 'equivocation';

/** What the author's next entry builds on: its last one, and the heads of others where it can name them all. */
const ownReach = function* ({ fold, author }: DraftSource): Sliced<readonly string[]> {
  const facts = fold.facts().filter((fact) => !isForked(fold, fact));
  const heads = yield* frontierOf(facts);
  const others = heads.filter((hash) => fold.fact(hash)?.author !== author);
  const [last] = facts.filter((fact) => fact.author === author).sort((a, b) => b.seq - a.seq);
  return [...(last === undefined ? [] : [last.hash]), ...(others.length > ENTRY_PARENTS_MAX ? [] : others)];
};

/** The newest snapshot that needs more root keys, this one among them. */
const pendingFor = ({ fold, author }: DraftSource): SnapshotAct | undefined => {
  const own = fold.snapshots.filed().filter(({ fact }) => fact.author === author);
  const signed = new Set(own.map(({ act }) => act.root + act.logs));
  return fold.snapshots
    .filed()
    .filter(({ fact, act }) => waitsForRoots(fold, fact) && !signed.has(act.root + act.logs))
    .sort((a, b) => compareFacts(b.fact, a.fact))[0]?.act;
};

const waitsForRoots = (fold: LedgerFold, fact: Fact): boolean => {
  const effect = fold.effectOf(fact.hash);
  return (
    typeof effect === 'object' && effect.rule === 'snapshot-waits' && rootBehind(fold.authority, fact) !== undefined
  );
};

/** What a frontier covers; undefined where some of it is not held. */
const draftOf = function* (
  { fold, memory }: DraftSource,
  frontier: readonly string[],
): Sliced<SnapshotDraft | undefined> {
  const covered = yield* coveredBy(fold, frontier);
  if (covered === undefined) return undefined;
  const { settled } = fold.snapshots;
  const fresh = covered.facts.filter(({ op, hash }) => op !== SNAPSHOT_OP && settled?.covered.has(hash) !== true);
  const { book, chain, root, logs, leaves } = yield* stateOf(covered, memory);
  if (chain.join() !== (settled?.chain ?? []).join())
    throw fault('POLICY_SNAPSHOT_EARLY', 'not every registered node is known to hold the snapshot that is in force', {
      hint: 'try again when they are connected and in step: get synchronizer',
    });
  if (lacksHistory(book)) throw archivedFault('a snapshot of this', undefined);
  const needed = namedBy(leaves.values());
  const spare = covered.facts.filter(
    ({ op, hash, bodiless, archived }) => !bodiless && !archived && ERASABLE_OPS.has(op) && !needed.has(hash),
  );
  return {
    ...{ act: { frontier, root, logs }, entries: covered.facts.length, fresh: fresh.length },
    spare: spare.map(({ hash }) => hash),
    ended: book.ids().filter((id) => book.waiting(id) !== undefined),
  };
};
