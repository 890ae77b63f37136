import { z } from 'zod';
import { ENTRY_ID_CHARS_MAX, POLICY_NAME_CHARS_MAX } from '../base/limits.ts';
import { hash, PLAIN_TEXT } from '../codec/fields.ts';
import { ERASABLE_OPS } from '../entry/entry.ts';
import type { ErasureNote } from '../ledger/ledger.ts';
import type { Authority } from './authority/authority.ts';
import type { Rights } from './authority/rights.ts';
import type { VoidReason } from './void-reason.ts';
import { compareFacts, type Erasure, type Fact } from './facts.ts';

const names = z
  .array(z.string().min(1).max(POLICY_NAME_CHARS_MAX).regex(PLAIN_TEXT))
  .refine((list) => new Set(list).size === list.length && !list.includes('__proto__'), { error: 'expected each once' });

/** Content of an erase entry (authority/SPEC.md). */
const schema = z.strictObject({
  v: z.literal(1),
  entry: hash,
  attributes: names,
  removed: names,
  reason: z.string().max(ENTRY_ID_CHARS_MAX).regex(PLAIN_TEXT, 'expected text without control characters'),
});

type EraseAct = z.infer<typeof schema>;

interface Filed {
  readonly fact: Fact;
  readonly act: EraseAct;
}

/** Longest reason, and the control characters that it has none of, as one who writes it is told. */
export const isReason = (reason: string): boolean => schema.shape.reason.safeParse(reason).success;

/**
 * Whether who wrote an entry may erase another's body: its author, who stands in for its author, an admin. Only what
 * the header says counts, so that it can be told when the body is gone: a grant for one company or cluster makes nobody
 * an admin here.
 */
export const mayErase = (
  authority: Authority,
  { author, cap }: Pick<Fact, 'author' | 'cap'>,
  target: Pick<Fact, 'author' | 'type'>,
): boolean => {
  if (author === target.author) return true;
  const rights = authority.rightsOf({ cap });
  if (rights === undefined) return authority.genesis?.roots.has(author) === true;
  return rights.former?.includes(target.author) === true || isAdminOf(rights, target.type);
};

const isAdminOf = ({ roles, scope }: Rights, type: string | null): boolean =>
  roles.includes('admin') &&
  scope.company === undefined &&
  scope.cluster === undefined &&
  (scope.types === undefined || (type !== null && scope.types.includes(type)));

/**
 * Erase entries by what they are about, and which of them counts: a function of the set of entries, like all authority.
 */
export class Erasures {
  readonly #authority: Authority;
  readonly #find: (hash: string) => Fact | undefined;
  readonly #byTarget = new Map<string, Filed[]>();
  readonly #targets = new Map<Fact, string>();
  /** Of entries without body, as another fold has judged. */
  readonly #given = new Map<string, Erasure>();
  #notes = new Map<string, ErasureNote>();

  constructor(authority: Authority, find: (hash: string) => Fact | undefined) {
    this.#authority = authority;
    this.#find = find;
  }

  /** Takes up an erase entry; returns whether it is well-formed. A malformed one gets its reason. */
  add(fact: Fact): boolean {
    const parsed = schema.safeParse(fact.content);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const text = `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is malformed'}`.trim();
      fact.void = { rule: 'structure', text, by: undefined };
      return false;
    }
    const filed = { fact, act: parsed.data };
    this.#targets.set(fact, filed.act.entry);
    const others = this.#byTarget.get(filed.act.entry);
    if (others === undefined) this.#byTarget.set(filed.act.entry, [filed]);
    else {
      const last = others.at(-1);
      others.push(filed);
      if (last !== undefined && compareFacts(last.fact, fact) > 0) others.sort((a, b) => compareFacts(a.fact, b.fact));
    }
    return true;
  }

  /**
   * Takes up what another fold has found out about an entry whose body it does not have. What let one in without its
   * body may never come in itself, to be judged: until an erasure is in force, such a body is missed.
   */
  meet({ hash: target, op, bodiless, erasure }: Fact): void {
    if (erasure !== undefined) this.#given.set(target, erasure);
    else if (bodiless && ERASABLE_OPS.has(op)) this.note({ target, by: '', inForce: false });
  }

  /** The newest of each entry is kept, until the notes are taken. */
  note(note: ErasureNote): void {
    this.#notes.set(note.target, note);
  }

  takeNotes(): readonly ErasureNote[] {
    const notes = [...this.#notes.values()];
    this.#notes = new Map();
    return notes;
  }

  /** In the ledger's order. */
  about(target: string): readonly Fact[] {
    return (this.#byTarget.get(target) ?? []).map(({ fact }) => fact);
  }

  /** Hashes of the entries whose erasure may be another now: those that facts are about, or are. */
  concernedBy(facts: Iterable<Fact>): ReadonlySet<string> {
    const targets = new Set<string>();
    for (const fact of facts) {
      const target = this.#targets.get(fact);
      if (target !== undefined) targets.add(target);
      if (this.#byTarget.has(fact.hash)) targets.add(fact.hash);
    }
    return targets;
  }

  /**
   * Judges anew those erase entries about an entry that moved, all where it moved itself; returns the one that counts.
   */
  judge(target: string, moved: ReadonlySet<Fact>): Erasure | undefined {
    const filed = this.#byTarget.get(target) ?? [];
    const found = this.#find(target);
    const all = found !== undefined && moved.has(found);
    for (const { fact } of filed) if (all || moved.has(fact)) fact.void = this.#reasonOf(fact, target);
    const inForce = filed.find(({ fact }) => fact.void === undefined);
    const given = this.#given.get(target);
    if (given !== undefined) return given;
    if (inForce !== undefined) return erasureOf(inForce, true);
    // Where the body is gone all the same, the first tells what it was.
    return filed[0] === undefined ? undefined : erasureOf(filed[0], false);
  }

  #reasonOf(fact: Fact, hash: string): VoidReason | undefined {
    const reason = this.#authority.reasonOf(fact);
    if (reason !== undefined) return reason;
    const target = this.#find(hash);
    if (target === undefined)
      return { rule: 'unknown-entry', text: `it erases ${hash}, and no such entry is known`, by: undefined };
    if (!ERASABLE_OPS.has(target.op))
      return { rule: 'structure', text: `the body of an entry of the kind ${target.op} is kept`, by: hash };
    return mayErase(this.#authority, fact, target)
      ? undefined
      : { rule: 'not-the-owner', text: 'only the author of an entry, or an admin, may erase its body', by: hash };
  }
}

const erasureOf = ({ fact, act }: Filed, inForce: boolean): Erasure => ({
  by: fact.hash,
  author: fact.author,
  time: fact.time,
  reason: act.reason,
  attributes: act.attributes,
  removed: act.removed,
  inForce,
});
