import type { PolicyState } from './book.ts';
import type { VoidReason } from './void-reason.ts';
import { compareFacts, type Fact } from './facts.ts';
import { type Claim, describeKey } from './kinds/kind.ts';
import { MEMBER_MAX } from './kinds/operator.ts';
import type { JsonObject } from '../codec/json.ts';

/** A policy between its insert and its delete. */
export interface Life {
  readonly type: string;
  readonly insert: Fact;
  /** Root value in normal form, without id, date and the member number in force. */
  value: JsonObject;
  claims: readonly Claim[];
  /** The number in force; the wish is in `value`. */
  member: number | undefined;
  /** A body that was erased took what the type needs: the value is what is left, not in normal form. */
  partial: boolean;
  /** Versions that no other version replaces; the last is the newest. */
  heads: readonly Fact[];
  /** Why it has no effect: someone else holds what it claims. */
  waiting: VoidReason | undefined;
  /** Of a life that a snapshot has settled: its one head then, and the entries that stand for it. */
  readonly settled: { readonly head: Fact; readonly names: ReadonlySet<string> } | undefined;
}

/** Everything that the ledger says of one policy id. */
export interface Subject {
  readonly id: string;
  /** In the ledger's order. */
  readonly facts: Fact[];
  life: Life | undefined;
  /** The newest fact with effect: of the life, or the delete that ended it. */
  newest: Fact | undefined;
  /** Keys that its evaluation has looked at; most policies claim nothing. */
  touched: Set<string> | undefined;
  /** What it shows, once it was asked for since its last change. */
  state: PolicyState | undefined;
}

/** What is known of one key: who holds it, and whose evaluation depends on it. */
interface Slot {
  holder: Subject | undefined;
  /** Where the key stands for the places in a cluster. */
  readonly members: Map<number, Subject>;
  readonly dependents: Set<Subject>;
  /** The evaluation that made it. */
  readonly pass: number;
  outsidersSeen: boolean;
}

const PLACES = 'operator\u0000places in cluster\u0000';

const NO_MEMBERS: Map<number, Subject> = new Map();

/** The key that stands for the member numbers of a cluster; writers that pick a number serialise on it. */
export const placesKey = (cluster: string): string => PLACES + cluster;

const clusterOf = (life: Life): string | undefined => {
  const cluster = life.type === 'operator' ? life.value['cluster'] : undefined;
  return typeof cluster === 'string' ? cluster : undefined;
};

/** The number that a value asks for; what an erasure has left may have anything there. */
const wishOf = ({ member }: JsonObject): number | undefined =>
  typeof member === 'number' && Number.isInteger(member) && member >= 1 && member <= MEMBER_MAX ? member : undefined;

/**
 * Who holds what, at one moment of the ledger's order. A policy that claims what is held waits; when a holder goes, the
 * waiting policies get their turn in the order of their inserts. Keys know whose evaluation touched them, so that a
 * late entry evaluates again only the policies that it can matter to.
 */
export class Holdings {
  readonly #slots = new Map<string, Slot>();
  #pass = 0;
  #outsiders: Set<Subject> | undefined;
  #turned = new Set<Subject>();

  holderOf(key: string): Subject | undefined {
    return this.#slots.get(key)?.holder;
  }

  memberHolder(cluster: string, member: number): Subject | undefined {
    return this.#slots.get(placesKey(cluster))?.members.get(member);
  }

  /** Subjects whose evaluation shares a key with one of these, directly or by others: they are evaluated together. */
  related(subjects: Iterable<Subject>): Set<Subject> {
    const group = new Set<Subject>(subjects);
    const keysSeen = new Set<string>();
    for (const subject of group) {
      for (const key of subject.touched ?? []) {
        if (keysSeen.has(key)) continue;
        keysSeen.add(key);
        // A set that grows while it is walked is walked to its end.
        for (const dependent of this.#slots.get(key)?.dependents ?? []) group.add(dependent);
      }
    }
    return group;
  }

  /** Starts to evaluate a group from nothing. {@link outsiders} then collects the subjects that it should have had. */
  begin(group: ReadonlySet<Subject>): void {
    for (const subject of group) {
      for (const key of subject.touched ?? []) this.#slots.delete(key);
      subject.touched = undefined;
      subject.life = undefined;
      subject.newest = undefined;
    }
    this.#pass += 1;
    this.#outsiders = new Set();
  }

  /** Puts back what a snapshot has settled: the life holds those of its claims that no life before it holds. */
  restore(subject: Subject, life: Life, member: number | undefined): void {
    subject.life = life;
    subject.newest = life.heads[0];
    life.claims = life.claims.filter(({ key }) => {
      const slot = this.#slot(key, subject);
      slot.holder ??= subject;
      return slot.holder === subject;
    });
    const cluster = clusterOf(life);
    if (cluster === undefined || member === undefined) return;
    life.member = member;
    this.#slot(placesKey(cluster), subject).members.set(member, subject);
  }

  /**
   * Ends what {@link begin} began: the subjects outside the group whose keys were met; empty where the result stands.
   */
  end(): ReadonlySet<Subject> {
    const met = this.#outsiders ?? new Set<Subject>();
    this.#outsiders = undefined;
    return met;
  }

  /** Subjects that got their turn since the last call: a change of another policy may have changed them. */
  takeTurned(): ReadonlySet<Subject> {
    const turned = this.#turned;
    this.#turned = new Set();
    return turned;
  }

  /** Takes everything that the subject's life claims, or says what it waits for. */
  settle(subject: Subject, life: Life): void {
    const blocked = this.#firstHeld(subject, life.claims) ?? this.#place(subject, life);
    life.waiting = blocked;
    if (blocked !== undefined) return;
    for (const { key } of life.claims) this.#slot(key, subject).holder = subject;
  }

  /**
   * Moves a life in force to new claims. Returns the reason, and changes nothing, where one of them is held by another.
   * `strictMember` is set where the update itself names the number.
   */
  move(
    subject: Subject,
    life: Life,
    value: JsonObject,
    claims: readonly Claim[],
    strictMember: boolean,
  ): VoidReason | undefined {
    const blocked = this.#firstHeld(subject, claims) ?? this.#movePlace(subject, life, value, strictMember);
    if (blocked !== undefined) return blocked;
    const left = life.claims.filter((old) => !claims.some(({ key }) => key === old.key)).map(({ key }) => key);
    for (const key of left) this.#slot(key, subject).holder = undefined;
    for (const { key } of claims) this.#slot(key, subject).holder = subject;
    const before = clusterOf(life);
    life.value = value;
    life.claims = claims;
    if (before !== undefined) left.push(placesKey(before));
    this.#giveTurn(left);
    return undefined;
  }

  /** The life ends: what it held goes to those that wait. */
  release(subject: Subject, life: Life): void {
    if (life.waiting !== undefined) return;
    const left = life.claims.map(({ key }) => key);
    for (const key of left) this.#slot(key, subject).holder = undefined;
    const cluster = clusterOf(life);
    if (cluster !== undefined) {
      this.#giveBack(subject, life, cluster);
      left.push(placesKey(cluster));
    }
    this.#giveTurn(left);
  }

  #slot(key: string, subject: Subject): Slot {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = {
        holder: undefined,
        members: key.startsWith(PLACES) ? new Map<number, Subject>() : NO_MEMBERS,
        dependents: new Set(),
        pass: this.#pass,
        outsidersSeen: false,
      };
      this.#slots.set(key, slot);
    } else if (this.#outsiders !== undefined && slot.pass !== this.#pass && !slot.outsidersSeen) {
      slot.outsidersSeen = true;
      for (const dependent of slot.dependents) this.#outsiders.add(dependent);
    }
    slot.dependents.add(subject);
    (subject.touched ??= new Set()).add(key);
    return slot;
  }

  #firstHeld(subject: Subject, claims: readonly Claim[]): VoidReason | undefined {
    let reason: VoidReason | undefined;
    for (const { key } of claims) {
      const { holder } = this.#slot(key, subject);
      if (reason === undefined && holder !== undefined && holder !== subject)
        reason = {
          rule: 'constraint',
          text: `${describeKey(key)} is held by policy ${holder.id}`,
          by: holder.life?.insert.hash,
          holder: holder.id,
        };
    }
    return reason;
  }

  /** Gives an operator its wish, or the next free number; the reason where its cluster has none left. */
  #place(subject: Subject, life: Life): VoidReason | undefined {
    life.member = undefined;
    const cluster = clusterOf(life);
    if (cluster === undefined) return undefined;
    const { members } = this.#slot(placesKey(cluster), subject);
    const member = nextFree(members, wishOf(life.value) ?? 1);
    if (member === undefined) return clusterFull(cluster);
    members.set(member, subject);
    life.member = member;
    return undefined;
  }

  #movePlace(subject: Subject, life: Life, value: JsonObject, strict: boolean): VoidReason | undefined {
    const from = clusterOf(life);
    const to = clusterOf({ ...life, value });
    const wish = strict ? wishOf(value) : life.member;
    if (to === undefined) {
      if (from !== undefined) this.#giveBack(subject, life, from);
      return undefined;
    }
    if (from === to && (wish === undefined || wish === life.member)) return undefined;
    const { members } = this.#slot(placesKey(to), subject);
    const holder = wish === undefined ? undefined : members.get(wish);
    if (strict && holder !== undefined)
      return {
        rule: 'constraint',
        text: `member ${wish ?? ''} of cluster ${to} is held by policy ${holder.id}`,
        by: holder.life?.insert.hash,
        holder: holder.id,
      };
    const member = nextFree(members, wish ?? 1);
    if (member === undefined) return clusterFull(to);
    if (from !== undefined) this.#giveBack(subject, life, from);
    members.set(member, subject);
    life.member = member;
    return undefined;
  }

  #giveBack(subject: Subject, life: Life, cluster: string): void {
    const { members } = this.#slot(placesKey(cluster), subject);
    if (life.member !== undefined) members.delete(life.member);
    life.member = undefined;
  }

  #giveTurn(keys: readonly string[]): void {
    const turn = new Map<Subject, Life>();
    for (const key of keys)
      for (const dependent of this.#slots.get(key)?.dependents ?? [])
        if (dependent.life?.waiting !== undefined) turn.set(dependent, dependent.life);
    if (turn.size === 0) return;
    const inOrder = [...turn].sort(([, a], [, b]) => compareFacts(a.insert, b.insert));
    for (const [subject, life] of inOrder) {
      this.settle(subject, life);
      this.#turned.add(subject);
    }
  }
}

const clusterFull = (cluster: string): VoidReason => ({
  rule: 'cluster-full',
  text: `cluster ${cluster} has ${MEMBER_MAX} operators: no member number is free`,
  by: undefined,
});

/** The wished number, or the next free one after it, from 1 on again after 255. */
const nextFree = (taken: ReadonlyMap<number, Subject>, wish: number): number | undefined => {
  if (taken.size >= MEMBER_MAX) return undefined;
  let member = wish;
  while (taken.has(member)) member = member === MEMBER_MAX ? 1 : member + 1;
  return member;
};
