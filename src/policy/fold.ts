import { atOnce, type Sliced } from '../base/slices.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Entry } from '../entry/entry.ts';
import type { Signatures } from '../entry/signatures.ts';
import type { ErasureNote } from '../ledger/ledger.ts';
import { Authority } from './authority/authority.ts';
import { Bodies } from './bodies.ts';
import type { InForce, PolicyFold, PolicyState, VoidPolicy } from './book.ts';
import type { VoidReason } from './void-reason.ts';
import { Holdings, type Subject } from './claims.ts';
import { evolve } from './evolve.ts';
import {
  AUTHORITY_OPS,
  compareFacts,
  ERASE_OP,
  factOf,
  type KnownTexts,
  type Fact,
  POLICY_OPS,
  SNAPSHOT_OP,
} from './facts.ts';
import { genesisRules } from './authority/genesis.ts';
import type { SettledOrigins } from './origins.ts';
import { ShownPolicies } from './shown.ts';
import { inForceOf, type WaitingPolicy, waitingOf } from './state.ts';
import { BODY_ARCHIVED } from './snapshot/archived.ts';
import { inSettledOrder, isSameSettled, type Settled, restorePolicies, settledPolicy } from './snapshot/settled.ts';
import { type Settlement, Snapshots } from './snapshot/snapshots.ts';
import { Takeover } from './snapshot/takeover.ts';

/** The fold with what `decide` asks of it and what the shell announces. */
export interface LedgerFold extends PolicyFold {
  /**
   * Returns the ids of the policies that may differ. An entry that is here without its body takes it up where it comes
   * again.
   */
  add(entries: readonly Entry[]): readonly string[];
  /** Returns the ids of the policies that may differ. */
  voidAuthor(author: string, fromSeq: number, by: string): readonly string[];
  /** Its snapshot entries; while {@link Snapshots.isStale} it does not follow them all yet. */
  readonly snapshots: Snapshots;
  /** What they settle, as worked out apart (`snapshot/settle.ts`); returns the ids of the policies that may differ. */
  settle(settlement: Settlement): Sliced<readonly string[]>;
  /** Where the origins of a policy begin that a snapshot has settled. */
  settledOrigins(id: string): SettledOrigins | undefined;
  /** The bodies of these entries are dropped: from now on only what is settled tells of them. */
  archive(hashes: Iterable<string>): void;
  /** Entries whose bodies are archived. */
  readonly archivedCount: number;
  /**
   * Whether the book cannot be known by what is settled: it leaves out an entry whose body is archived, or rests on
   * one.
   */
  lacksBodies(settled?: Settled): boolean;
  /**
   * How many entries are here without what they say, which nobody erased by right: the book follows from the others.
   */
  readonly missingBodies: number;
  /** Takes up facts of another fold, which stay as they are; the same as their entries. */
  addFacts(facts: readonly Fact[]): void;
  /** What erase entries are about whose right may be another since this was asked last. */
  takeErasures(): readonly ErasureNote[];
  /** The erase entries that are about an entry, by right or not. */
  erasersOf(target: string): readonly Fact[];
  /** What it keeps of every entry, in the order in which they came. */
  facts(): readonly Fact[];
  fact(hash: string): Fact | undefined;
  /** Ids of all policies that were ever inserted, changed or ended, in force or not. */
  ids(): readonly string[];
  /** The facts of one policy, in the order in which they take effect: the ledger's, but first what snapshots cover. */
  factsOf(id: string): readonly Fact[];
  /**
   * Makes what policies of a type show (of all types: undefined), a few at a time: the first to ask for all of them
   * would hold up the event loop.
   */
  makeShown(type?: string): Sliced<void>;
  /** Id of the policy in force that holds a claim. */
  holderOf(key: string): string | undefined;
  /** Ids of the policies in force that are meant by a name (`names.ts`). */
  namedBy(key: string): Iterable<string>;
  /** Id of the operator that has a member number in a cluster. */
  memberHolder(cluster: string, member: number): string | undefined;
  /**
   * A policy that is inserted and without effect because another holds what it claims; its newest entry and the reason.
   */
  waiting(id: string): WaitingPolicy | undefined;
}

/** An empty book that takes up entries in any order; `signatures` checks the proofs of joins and rotations. */
export const createFold = (signatures?: Pick<Signatures, 'hold'>): LedgerFold => new Fold(signatures);

/**
 * The book is what one gets by letting every entry take its effect in the ledger's order. An entry later than all
 * before does just that. An earlier one makes its policy, and those that share a claim with it, be evaluated again:
 * their own entries from the first, nobody else's.
 */
class Fold implements LedgerFold {
  readonly #facts = new Map<string, Fact>();
  readonly #subjects = new Map<string, Subject>();
  readonly #holdings = new Holdings();
  readonly #authors = new Map<string, string>();
  readonly #known: KnownTexts = {
    hash: (hash) => this.#facts.get(hash)?.hash ?? hash,
    author: (key) => {
      const known = this.#authors.get(key);
      if (known === undefined) this.#authors.set(key, key);
      return known ?? key;
    },
  };
  readonly #cuts = new Map<string, number>();
  readonly #shown = new ShownPolicies(this.#subjects);
  #latest: Fact | undefined;
  /** Each takes up what changes. */
  readonly #watches = new Set<Set<Subject>>();
  readonly authority: Authority;
  readonly snapshots = new Snapshots();
  readonly #find = (hash: string): Fact | undefined => this.#facts.get(hash);
  readonly #bodies: Bodies;
  revision = 0;
  unknown = 0;

  constructor(signatures?: Pick<Signatures, 'hold'>) {
    this.authority = new Authority(signatures);
    this.#bodies = new Bodies(this.authority, this.snapshots, this.#find);
  }

  add(entries: readonly Entry[]): readonly string[] {
    return this.#take(entries, (entry) => factOf(entry, this.#known));
  }

  addFacts(facts: readonly Fact[]): void {
    this.#take(facts, (fact) => ({ ...fact, void: fact.malformed }));
  }

  takeErasures(): readonly ErasureNote[] {
    return this.#bodies.takeNotes();
  }

  erasersOf(target: string): readonly Fact[] {
    return this.#bodies.erasersOf(target);
  }

  facts(): readonly Fact[] {
    return [...this.#facts.values()];
  }

  fact(hash: string): Fact | undefined {
    return this.#facts.get(hash);
  }

  ids(): readonly string[] {
    return [...this.#subjects.keys()];
  }

  factsOf(id: string): readonly Fact[] {
    const facts = this.#subjects.get(id)?.facts ?? [];
    const { settled } = this.snapshots;
    return settled === undefined ? facts : inSettledOrder(facts, settled);
  }

  *settle(settlement: Settlement): Sliced<readonly string[]> {
    const { settled } = settlement;
    const takeover = new Takeover(settled, {
      find: this.#find,
      step: (subject, fact, holdings) => this.#step(subject, fact, holdings),
    });
    const meanwhile = new Set<Subject>();
    this.#watches.add(meanwhile);
    try {
      if (!isSameSettled(this.snapshots.settled, settled))
        yield* takeover.look(this.#subjects.values(), this.snapshots.settled);
    } finally {
      this.#watches.delete(meanwhile);
    }
    const before = this.snapshots.settled;
    if (!this.snapshots.settle(settlement) || isSameSettled(before, settled)) return [];
    atOnce(takeover.look(meanwhile, before));
    const { done, other, latest } = takeover.put();
    this.#latest = latest;
    return this.#changed(new Set([...done, ...(other.size === 0 ? [] : this.#evaluate(other))]));
  }

  archive(hashes: Iterable<string>): void {
    this.#bodies.archive(hashes);
  }

  get archivedCount(): number {
    return this.#bodies.archivedCount;
  }

  get missingBodies(): number {
    return this.#bodies.missing(this.revision);
  }

  lacksBodies(settled = this.snapshots.settled): boolean {
    return this.#bodies.lackIn(settled);
  }

  settledOrigins(id: string): SettledOrigins | undefined {
    const subject = this.#subjects.get(id);
    return subject && settledPolicy(subject, this.snapshots.settled, this.#find)?.origins;
  }

  voidAuthor(author: string, fromSeq: number, by: string): readonly string[] {
    const cut = this.#cuts.get(author);
    if (cut !== undefined && cut <= fromSeq) return [];
    this.#cuts.set(author, fromSeq);
    const text = `its author signed two entries with one number, ${fromSeq}: void from there on`;
    const affected = new Set(this.authority.cut(author, fromSeq, { rule: 'equivocation', text, by }));
    this.snapshots.moved(affected);
    for (const fact of this.#bodies.erasedWith(affected)) affected.add(fact);
    const subjects = this.#subjectsOf(affected);
    return subjects.size === 0 ? [] : this.#changed(this.#evaluate(subjects));
  }

  get(id: string): PolicyState | undefined {
    return this.#shown.get(id);
  }

  ofType(type?: string): readonly PolicyState[] {
    return this.#shown.ofType(type);
  }

  types(): readonly string[] {
    return this.#shown.types();
  }

  shown(id: string): JsonObject | undefined {
    return this.#shown.shown(id);
  }

  voids(): readonly VoidPolicy[] {
    const voids: VoidPolicy[] = [];
    for (const fact of [...this.#facts.values()].sort(compareFacts)) {
      if (fact.op !== 'insert') continue;
      const reason = this.#reasonOf(fact);
      if (reason !== undefined && reason.rule !== 'archived')
        voids.push({ type: fact.type ?? '', id: fact.id ?? '', entry: fact.hash, reason });
    }
    return voids;
  }

  effectOf(entryHash: string): 'in-force' | 'superseded' | VoidReason | undefined {
    const fact = this.#facts.get(entryHash);
    if (fact === undefined) return undefined;
    const reason = this.#reasonOf(fact);
    if (reason !== undefined) return reason;
    if (fact.id === null) return 'in-force';
    return this.#subjects.get(fact.id)?.newest === fact ? 'in-force' : 'superseded';
  }

  makeShown(type?: string): Sliced<void> {
    return this.#shown.make(type);
  }

  holderOf(key: string): string | undefined {
    return this.#holdings.holderOf(key)?.id;
  }

  namedBy(key: string): Iterable<string> {
    return this.#shown.namedBy(key);
  }

  memberHolder(cluster: string, member: number): string | undefined {
    return this.#holdings.memberHolder(cluster, member)?.id;
  }

  waiting(id: string): WaitingPolicy | undefined {
    const subject = this.#subjects.get(id);
    return subject && waitingOf(subject);
  }

  inForce(): Iterable<InForce> {
    return inForceOf(this.#subjects.values());
  }

  #take<T extends { readonly hash: string }>(items: readonly T[], factFrom: (item: T) => Fact): readonly string[] {
    const taken: Fact[] = [];
    const affected = new Set<Fact>();
    const first: Fact[] = [];
    for (const item of items) {
      const held = this.#facts.get(item.hash);
      if (held !== undefined) {
        if (this.#bodies.restore(held, () => factFrom(item))) affected.add(held);
        continue;
      }
      const fact = factFrom(item);
      this.#facts.set(fact.hash, fact);
      first.push(fact);
      this.#bodies.meet(fact);
      if (fact.op === 'genesis') for (const early of this.authority.begin(genesisRules(fact))) affected.add(early);
      else if (this.#takesPart(fact)) taken.push(fact);
    }
    for (const fact of this.authority.add(taken)) affected.add(fact);
    const fresh = taken.filter(({ op }) => POLICY_OPS.has(op)).sort(compareFacts);
    this.snapshots.moved([...first, ...affected]);
    for (const fact of this.#bodies.erasedWith([...first, ...affected])) affected.add(fact);
    const moved = this.#subjectsOf(affected);
    const subjects = new Set(fresh.map((fact) => this.#file(fact)));
    const inOrder = this.#moveLatest(fresh);
    if (moved.size > 0 || !inOrder) return this.#changed(this.#evaluate(new Set([...subjects, ...moved])));
    return fresh.length === 0 ? [] : this.#changed(this.#applyInOrder(fresh, subjects));
  }

  /** Whether the fact is about a policy or about authority; others get their reason at once. */
  #takesPart(fact: Fact): boolean {
    if (AUTHORITY_OPS.has(fact.op)) return true;
    if (fact.op === ERASE_OP) return this.#bodies.addEraser(fact);
    if (fact.op === SNAPSHOT_OP) return this.snapshots.add(fact);
    if (!POLICY_OPS.has(fact.op)) {
      this.unknown += 1;
      fact.void = { rule: 'unknown-op', text: `this version does not know the operation ${fact.op}`, by: undefined };
      return false;
    }
    if (fact.id !== null && fact.id !== '') return true;
    fact.void = { rule: 'structure', text: 'the entry names no policy', by: undefined };
    return false;
  }

  /** Whether all of them come after everything before. */
  #moveLatest(fresh: readonly Fact[]): boolean {
    const before = this.#latest;
    const [first, last] = [fresh[0], fresh.at(-1)];
    if (first === undefined || last === undefined) return true;
    if (before === undefined || compareFacts(before, last) < 0) this.#latest = last;
    return before === undefined || compareFacts(before, first) < 0;
  }

  #file(fact: Fact): Subject {
    const id = fact.id ?? '';
    let subject = this.#subjects.get(id);
    if (subject === undefined) {
      // Most have one: a list that was empty would grow by many.
      subject = { id, facts: [fact], life: undefined, newest: undefined, touched: undefined, state: undefined };
      this.#subjects.set(id, subject);
    } else {
      const { facts } = subject;
      const last = facts.at(-1);
      facts.push(fact);
      if (last !== undefined && compareFacts(last, fact) > 0) facts.sort(compareFacts);
    }
    if (fact.op === 'insert') this.#shown.file(fact.type ?? '', subject);
    return subject;
  }

  #applyInOrder(fresh: readonly Fact[], subjects: ReadonlySet<Subject>): ReadonlySet<Subject> {
    for (const fact of fresh) this.#step(this.#subjects.get(fact.id ?? '') as Subject, fact);
    return new Set([...subjects, ...this.#holdings.takeTurned()]);
  }

  #evaluate(late: ReadonlySet<Subject>): ReadonlySet<Subject> {
    let group = this.#holdings.related(late);
    for (;;) {
      this.#holdings.begin(group);
      const { settled } = this.snapshots;
      if (settled !== undefined) restorePolicies(group, settled, this.#holdings, this.#find);
      const steps: { readonly subject: Subject; readonly fact: Fact }[] = [];
      for (const subject of group)
        for (const fact of subject.facts) if (settled?.covered.has(fact.hash) !== true) steps.push({ subject, fact });
      steps.sort((a, b) => compareFacts(a.fact, b.fact));
      for (const { subject, fact } of steps) this.#step(subject, fact);
      const outsiders = this.#holdings.end();
      if (outsiders.size === 0) {
        this.#holdings.takeTurned();
        return group;
      }
      group = this.#holdings.related([...group, ...outsiders]);
    }
  }

  #step(subject: Subject, fact: Fact, holdings = this.#holdings): void {
    const reason = this.authority.reasonOf(fact);
    if (reason !== undefined) fact.void = reason;
    else if (fact.archived) fact.void = BODY_ARCHIVED;
    else evolve(holdings, subject, fact, this.authority.rightsOf(fact));
  }

  /** The policies that are taken up already of those that these facts are about. */
  #subjectsOf(facts: ReadonlySet<Fact>): ReadonlySet<Subject> {
    const subjects = new Set<Subject>();
    for (const { op, id } of facts) {
      const subject = POLICY_OPS.has(op) && id !== null ? this.#subjects.get(id) : undefined;
      if (subject !== undefined) subjects.add(subject);
    }
    return subjects;
  }

  #changed(subjects: ReadonlySet<Subject>): readonly string[] {
    this.revision += 1;
    for (const watch of this.#watches) for (const subject of subjects) watch.add(subject);
    this.#shown.forget(subjects);
    return [...subjects].map(({ id }) => id);
  }

  #reasonOf(fact: Fact): VoidReason | undefined {
    if (AUTHORITY_OPS.has(fact.op)) return this.authority.reasonOf(fact);
    if (fact.void !== undefined) return fact.void;
    if (this.snapshots.settled?.covered.has(fact.hash) === true) return undefined;
    const life = fact.id === null ? undefined : this.#subjects.get(fact.id)?.life;
    return life !== undefined && compareFacts(fact, life.insert) >= 0 ? life.waiting : undefined;
  }
}
