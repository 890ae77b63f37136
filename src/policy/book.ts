import type { EventEmitter } from 'node:events';
import type { JsonObject } from '../codec/json.ts';
import type { Entry } from '../entry/entry.ts';
import type { Authority } from './authority/authority.ts';
import type { VoidReason } from './void-reason.ts';

/** A policy in force, as the fold gives it. */
export interface PolicyState {
  readonly type: string;
  readonly id: string;
  /** The root value with everything the network adds (`id`, `date`, `member` …) except `ledger`, which is observed. */
  readonly value: JsonObject;
  /** Hash of the entry that gave the policy this state. */
  readonly entry: string;
  /** Author and seq of that entry. */
  readonly author: string;
  readonly seq: number;
  /** Author of the insert. */
  readonly owner: string;
  /** Microseconds since 1970 of the insert. */
  readonly time: number;
  /** Two updates replaced the same version and nothing has named both yet: their hashes. */
  readonly conflict: readonly string[];
}

/** What is said of a policy in force without making what it shows, which is many times as much. */
export interface InForce {
  readonly id: string;
  readonly type: string;
  /** Of an operator: its number in force. */
  readonly member: number | undefined;
  /** Versions that no other replaces: more than one are in conflict. */
  readonly versions: number;
}

/** A policy that is in the ledger and without effect. */
export interface VoidPolicy {
  readonly type: string;
  readonly id: string;
  readonly entry: string;
  readonly reason: VoidReason;
}

/** The read side of the policies that follow from the ledger: a pure function of the set of entries. */
export interface PolicyBook {
  /** Who may write what. */
  readonly authority: Authority;
  /** Grows with each fold; equal numbers on one node mean an unchanged book. Memoise on it. */
  readonly revision: number;
  /** Entries of unknown ops, kept and without effect. */
  readonly unknown: number;
  get(id: string): PolicyState | undefined;
  /** Policies in force of a type in the ledger's order (by their insert); all where `type` is undefined. */
  ofType(type?: string): readonly PolicyState[];
  /** All policies in force, in no order. */
  inForce(): Iterable<InForce>;
  types(): readonly string[];
  /** The value of a policy in force as `blockchain get` shows it: with the ANMP policies laid over it. */
  shown(id: string): JsonObject | undefined;
  voids(): readonly VoidPolicy[];
  /** Whether one entry takes effect, and why not. `undefined` for an entry that the book has not seen. */
  effectOf(entryHash: string): 'in-force' | 'superseded' | VoidReason | undefined;
}

/** The fold itself: give it entries in any order, each once; it is always the book of what it was given. */
export interface PolicyFold extends PolicyBook {
  add(entries: readonly Entry[]): void;
  /** From `seq` on the author's entries are void (proof of equivocation). */
  voidAuthor(author: string, fromSeq: number, by: string): void;
}

/** What the policies of a node tell while they follow its ledger. */
export interface PolicyNotices {
  /** The book has changed; ids of the policies that may differ. */
  'policy:changed': [readonly string[]];
  /** Somebody's rights may have changed. */
  'members:changed': [];
}

/** Where to listen for that. */
export type PolicyEmitter = EventEmitter<PolicyNotices>;
