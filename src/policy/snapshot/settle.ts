import type { Sliced } from '../../base/slices.ts';
import { sortInSlices } from '../../base/slices.ts';
import { hasCode } from '../../base/errors.ts';
import type { VoidReason } from '../void-reason.ts';
import { type Closure, closureOf } from '../closure.ts';
import { compareFacts, type Fact, POLICY_OPS } from '../facts.ts';
import { createFold, type LedgerFold } from '../fold.ts';
import type { OriginLeaf } from '../origins.ts';
import { originLeaves, rootOfLeaves } from '../state-root.ts';
import { rootBehind, type SnapshotAct, snapshotKey } from './act.ts';
import { lacksHistory, SETTLED_ARCHIVED } from './archived.ts';
import { logsRoot } from './logs.ts';
import { namedBy, type SavedState } from './saved.ts';
import type { Settled } from './settled.ts';
import type { FiledSnapshot, Settlement } from './snapshots.ts';

const SLICE = 250;

/** What a snapshot covers, and what follows from that alone: it changes only where bodies are erased. */
export interface Checked {
  /** The bodies that were erased. */
  readonly gone: string;
  /** The snapshots that hold in it, as `Settled.chain` has them. */
  readonly chain: readonly string[];
  readonly covered: readonly string[];
  readonly leaves: ReadonlyMap<string, OriginLeaf>;
  readonly reasons: ReadonlyMap<string, VoidReason>;
  /** Why it settles nothing, whoever signs it. */
  readonly fault: VoidReason | undefined;
  /** It is what others said, and fits the root: why covered entries have no effect is not known here. */
  readonly given?: boolean;
}

/**
 * Of a snapshot whose state does not follow from the bodies that are here: what is missed, and what can be said all the
 * same.
 */
interface Lacking {
  readonly lacks: readonly string[];
  readonly rest: Checked | undefined;
  /** The snapshots that hold in it, where that is known. */
  readonly chain: readonly string[] | undefined;
}

/** What is known of snapshots: each is looked at once, and again where something that it covers is erased. */
export class SettleMemory {
  readonly checked = new Map<string, Checked>();
  /** Snapshot entry → whether it builds on all that its frontier names. */
  readonly reaches = new Map<string, boolean>();
  /** What was known of states before bodies were dropped, or was given by others; by snapshot. */
  readonly saved = new Map<string, SavedState>();
}

/** Entries of root keys that say the same. */
interface Group {
  readonly key: string;
  readonly act: SnapshotAct;
  readonly facts: Fact[];
  readonly roots: Set<string>;
}

/** Folds entries anew, with what their snapshots settle. */
export const foldOf = function* ({ facts, forks }: Closure, memory: SettleMemory): Sliced<LedgerFold> {
  const book = createFold();
  for (const [author, { seq, pair }] of forks) book.voidAuthor(author, seq, pair[0]);
  const inOrder = yield* sortInSlices(facts, compareFacts);
  for (let at = 0; at < inOrder.length; at += SLICE) {
    yield;
    book.addFacts(inOrder.slice(at, at + SLICE));
  }
  while (book.snapshots.isStale) yield* book.settle(yield* settlementOf(book, memory));
  return book;
};

/** Brings a fold up to date with its snapshots; returns the ids of the policies that may differ. */
export const settle = function* (fold: LedgerFold, memory: SettleMemory): Sliced<readonly string[]> {
  const changed = new Set<string>();
  // What comes or is proven while it is worked out asks for another look.
  while (fold.snapshots.isStale) {
    const settlement = yield* settlementOf(fold, memory);
    for (const id of yield* fold.settle(yield* keepServing(fold, memory, settlement))) changed.add(id);
  }
  return [...changed];
};

/**
 * Where bodies are lacking for what would follow now, the book stays what it was, as far as anything of that is here:
 * it is brought up to date when the bodies are there again.
 */
const keepServing = function* (fold: LedgerFold, memory: SettleMemory, settlement: Settlement): Sliced<Settlement> {
  if (!fold.lacksBodies(settlement.settled)) return settlement;
  const before = fold.snapshots.settled;
  const kept =
    before === undefined || fold.lacksBodies(before)
      ? yield* savedChain(fold, memory)
      : // Leaves of their own, so that values are made anew: what was erased since is in them.
        { ...before, leaves: new Map(before.leaves) };
  if (kept === undefined) return settlement;
  return { ...settlement, settled: kept, lacks: new Set([...settlement.lacks, ...kept.chain.slice(-1)]) };
};

/** What was settled before a node was started again. */
const savedChain = function* (fold: LedgerFold, { saved }: SettleMemory): Sliced<Settled | undefined> {
  const acts = new Map(fold.snapshots.filed().map(({ act }) => [snapshotKey(act), act]));
  const states = [...saved].filter(([, { fault }]) => fault === undefined);
  states.sort(([, a], [, b]) => b.chain.length - a.chain.length);
  for (const [key, { chain }] of states) {
    const parts: Checked[] = [];
    for (const each of [...chain, key]) {
      const [act, state] = [acts.get(each), saved.get(each)];
      const closure = act && (yield* coveredBy(fold, act.frontier));
      if (closure !== undefined && state !== undefined) parts.push(partOf(closure, state, goneOf(closure.facts)));
    }
    const settled = parts.length === chain.length + 1 ? settledBy(parts, [...chain, key]) : undefined;
    if (settled !== undefined && !fold.lacksBodies(settled)) return settled;
  }
  return undefined;
};

const settlementOf = function* (fold: LedgerFold, memory: SettleMemory): Sliced<Settlement> {
  const { stamp } = fold.snapshots;
  const reasons = new Map<string, VoidReason>();
  const groups = yield* groupsOf(fold, memory, reasons);
  const needed = majorityOf(fold);
  const chain: Checked[] = [];
  const keys: string[] = [];
  const lacks = new Set<string>();
  for (const { key, act, facts, roots } of groups) {
    const reason =
      roots.size < needed ? waits(roots.size, needed) : yield* reasonOf(fold, memory, { key, act, keys, chain, lacks });
    if (reason !== undefined) for (const { hash } of facts) reasons.set(hash, reason);
  }
  return {
    ...{ stamp, reasons, lacks, settled: settledBy(chain, keys) },
    open: [...reasons.values()].some(({ rule }) => rule === UNKNOWN),
  };
};

/** Root keys that make a majority. */
export const majorityOf = (fold: Pick<LedgerFold, 'authority'>): number =>
  Math.floor((fold.authority.genesis?.roots.size ?? 0) / 2) + 1;

const UNKNOWN = 'unknown-entry';
const waits = (have: number, needed: number): VoidReason => ({
  rule: 'snapshot-waits',
  text: `${have} of ${needed} root keys that it needs have signed it`,
  by: undefined,
});

/** The entries that count, by what they say; in the order of the first of each. Those that do not get their reason. */
const groupsOf = function* (
  fold: LedgerFold,
  memory: SettleMemory,
  reasons: Map<string, VoidReason>,
): Sliced<readonly Group[]> {
  const groups = new Map<string, Group>();
  for (const filed of fold.snapshots.filed().toSorted((a, b) => compareFacts(a.fact, b.fact))) {
    const { fact, act } = filed;
    const root = rootBehind(fold.authority, fact);
    const reason =
      fold.authority.reasonOf(fact) ?? (root === undefined ? NOT_ROOT : yield* reasonOfReach(fold, memory, filed));
    if (reason !== undefined || root === undefined) {
      reasons.set(fact.hash, reason ?? NOT_ROOT);
      continue;
    }
    const key = snapshotKey(act);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { key, act, facts: [], roots: new Set() }));
    group.facts.push(fact);
    group.roots.add(root);
  }
  return [...groups.values()];
};

const NOT_ROOT: VoidReason = {
  rule: 'not-the-owner',
  text: 'only a root key, citing genesis, makes a snapshot',
  by: undefined,
};

/** Whoever holds the entry then holds what it covers. */
const reasonOfReach = function* (
  fold: LedgerFold,
  { reaches }: SettleMemory,
  { fact, act }: FiledSnapshot,
): Sliced<VoidReason | undefined> {
  let holds = reaches.get(fact.hash);
  if (holds === undefined) {
    const closure = yield* closureIn(fold, [fact.hash]);
    if (closure === undefined) return { rule: UNKNOWN, text: 'what it builds on is not all held', by: undefined };
    const reached = new Set(closure.facts.map(({ hash }) => hash));
    holds = act.frontier.every((hash) => reached.has(hash));
    reaches.set(fact.hash, holds);
  }
  return holds ? undefined : { rule: 'structure', text: 'it covers an entry that it does not build on', by: undefined };
};

const closureIn = function* (fold: LedgerFold, heads: readonly string[]): Sliced<Closure | undefined> {
  try {
    return yield* closureOf((hash) => fold.fact(hash), heads);
  } catch (caught) {
    if (hasCode(caught, 'POLICY_FRONTIER_UNKNOWN')) return undefined;
    throw caught;
  }
};

/** Why a snapshot that a majority has signed is not in force; otherwise it is the next of the chain. */
const reasonOf = function* (
  fold: LedgerFold,
  memory: SettleMemory,
  next: Pick<Group, 'key' | 'act'> & {
    readonly keys: string[];
    readonly chain: Checked[];
    readonly lacks: Set<string>;
  },
): Sliced<VoidReason | undefined> {
  const { key, act, keys, chain, lacks } = next;
  const known = memory.checked.get(key);
  const found = known !== undefined && holdsStill(fold, known) ? known : yield* check(fold, memory, key, act);
  if (found === undefined) return { rule: UNKNOWN, text: 'what it covers is not all held', by: undefined };
  if (found.chain !== undefined && !isSameChain(found.chain, keys))
    return { rule: 'snapshot-order', text: 'another is in force, and this one does not build on it', by: undefined };
  if ('lacks' in found) for (const each of found.lacks) lacks.add(each);
  else memory.checked.set(key, found);
  const checked = 'lacks' in found ? (found.rest ?? known) : found;
  if (checked === undefined) return HISTORY_NEEDED;
  if (checked.fault !== undefined) return checked.fault;
  keys.push(key);
  chain.push(checked);
  return undefined;
};

const isSameChain = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((each, at) => each === other[at]);

const HISTORY_NEEDED: VoidReason = {
  rule: 'history-needed',
  text: 'bodies of what it covers are archived, and its state is not known here',
  by: undefined,
};

/** Whether it is what would follow now. */
const holdsStill = (fold: LedgerFold, { gone, covered, given }: Checked): boolean => {
  const facts = covered.flatMap((hash) => fold.fact(hash) ?? []);
  return gone === goneOf(facts) && !(given === true && facts.every(({ archived }) => !archived));
};

/** What the bodies are erased by that are not there any more. */
const goneOf = (facts: readonly Fact[]): string =>
  facts
    .filter(({ bodiless }) => bodiless)
    .map(({ hash, erasure }) => `${hash} ${erasure?.by ?? ''}`)
    .join();

const mismatch = (what: string): VoidReason => ({
  rule: 'snapshot-mismatch',
  text: `the ${what} that it names is not that of what it covers`,
  by: undefined,
});

const check = function* (
  fold: LedgerFold,
  memory: SettleMemory,
  key: string,
  act: SnapshotAct,
): Sliced<Checked | Lacking | undefined> {
  const closure = yield* coveredBy(fold, act.frontier);
  if (closure === undefined) return undefined;
  // Bodies may go or come while it is folded: then it is not what will be looked for, and is folded anew.
  const gone = goneOf(closure.facts);
  const { book, chain, leaves, reasons, root, logs } = yield* stateOf(closure, memory);
  const fault = logs === act.logs ? undefined : mismatch('logs');
  if (lacksHistory(book)) return withoutBodies(closure, memory.saved.get(key), { key, gone, fault, book, chain });
  const isOther = root !== act.root && !isErasedSince(closure);
  const covered = closure.facts.map(({ hash }) => hash);
  // What it says of entries that an earlier one settles is as well known as that.
  const given = chain.some((each) => memory.checked.get(each)?.given === true);
  const other = isOther ? mismatch('state') : undefined;
  return { gone, chain, covered, leaves, reasons, given, fault: fault ?? other };
};

/** What can be said of a snapshot where bodies of what it covers are archived. */
const withoutBodies = (
  closure: Closure,
  saved: SavedState | undefined,
  known: Pick<Checked, 'gone' | 'fault' | 'chain'> & { readonly key: string; readonly book: LedgerFold },
): Checked | Lacking => {
  const { key, gone, fault, book, chain } = known;
  const { lacks } = book.snapshots;
  const rest = saved && { ...partOf(closure, saved, gone), fault: fault ?? saved.fault };
  const fits = saved?.gone === undefined ? !isErasedSince(closure) : saved.gone === gone;
  if (rest !== undefined && fits && lacks.size === 0) return { ...rest, chain };
  return { lacks: [key, ...lacks], rest, chain: lacks.size > 0 ? undefined : chain };
};

/** What a state that was kept, or given, says of what a snapshot covers. Values are made from its leaves. */
const partOf = (
  { facts }: Closure,
  { chain, leaves, reasons, fault, gone: kept }: SavedState,
  gone: string,
): Checked => {
  const part = {
    ...{ gone, chain, covered: facts.map(({ hash }) => hash), fault },
    leaves: new Map(leaves.map((leaf) => [leaf.id, leaf])),
  };
  return kept === undefined
    ? { ...part, reasons: untold(facts, leaves), given: true }
    : { ...part, reasons: new Map(reasons) };
};

/** Why entries have no effect is not in the leaves: of those that they do not name nothing is said. */
const untold = (facts: readonly Fact[], leaves: readonly OriginLeaf[]): ReadonlyMap<string, VoidReason> => {
  const named = namedBy(leaves);
  const silent = facts.filter(({ op, hash }) => POLICY_OPS.has(op) && !named.has(hash));
  return new Map(silent.map(({ hash }) => [hash, SETTLED_ARCHIVED]));
};

/** The entries of a frontier and the genesis entry; undefined where some are not held. */
export const coveredBy = function* (fold: LedgerFold, frontier: readonly string[]): Sliced<Closure | undefined> {
  const closure = yield* closureIn(fold, frontier);
  if (closure === undefined) return undefined;
  const named = new Set(closure.facts);
  return {
    facts: fold.facts().filter((fact) => named.has(fact) || fact.op === 'genesis'),
    forks: closure.forks,
  };
};

/** What some entries give by themselves. */
export const stateOf = function* (closure: Closure, memory: SettleMemory) {
  const book = yield* foldOf(closure, memory);
  const leaves = yield* originLeaves(book);
  const reasons = new Map<string, VoidReason>();
  for (const { hash } of closure.facts) {
    const effect = book.effectOf(hash);
    if (typeof effect === 'object') reasons.set(hash, effect);
  }
  return {
    ...{ book, reasons, leaves: new Map(leaves.map((leaf) => [leaf.id, leaf])) },
    chain: book.snapshots.settled?.chain ?? [],
    root: yield* rootOfLeaves(leaves),
    logs: yield* logsRoot(closure),
  };
};

/** A body that was erased since may be why the state has another root: then what is left is settled. */
const isErasedSince = ({ facts }: Closure): boolean => {
  const held = new Set(facts.map(({ hash }) => hash));
  return facts.some(({ bodiless, erasure }) => bodiless && !held.has(erasure?.by ?? ''));
};

const settledBy = (chain: readonly Checked[], keys: readonly string[]): Settled | undefined => {
  const last = chain.at(-1);
  if (last === undefined) return undefined;
  const covered = new Map<string, number>();
  for (const [rank, { covered: hashes }] of chain.entries())
    for (const hash of hashes) if (!covered.has(hash)) covered.set(hash, rank);
  return { chain: keys, covered, leaves: last.leaves, reasons: last.reasons };
};
