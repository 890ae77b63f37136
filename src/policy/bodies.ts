import { ERASABLE_OPS } from '../entry/entry.ts';
import type { ErasureNote } from '../ledger/ledger.ts';
import type { Authority } from './authority/authority.ts';
import { Erasures } from './erasures.ts';
import { type Fact, malformedWithoutContent, restore, withoutContent } from './facts.ts';
import { MissingBodies } from './missing-bodies.ts';
import { ArchivedFacts } from './snapshot/archived.ts';
import type { Settled } from './snapshot/settled.ts';
import type { Snapshots } from './snapshot/snapshots.ts';

/** Which facts of a fold are here without what their entries say: erased by right, archived, or missing. */
export class Bodies {
  readonly #authority: Authority;
  readonly #snapshots: Snapshots;
  readonly #find: (hash: string) => Fact | undefined;
  readonly #erasures: Erasures;
  readonly #archived = new ArchivedFacts();
  readonly #missing = new MissingBodies();

  constructor(authority: Authority, snapshots: Snapshots, find: (hash: string) => Fact | undefined) {
    this.#authority = authority;
    this.#snapshots = snapshots;
    this.#find = find;
    this.#erasures = new Erasures(authority, find);
  }

  /** A fact that the fold meets for the first time. */
  meet(fact: Fact): void {
    if (fact.archived) this.#archived.add(fact);
    this.#erasures.meet(fact);
    this.#missing.look(fact);
  }

  /** Takes up an erase entry; false where it is void by its form. */
  addEraser(fact: Fact): boolean {
    return this.#erasures.add(fact);
  }

  /** Gives a fact its body back; false where it has one, or may have none. */
  restore(held: Fact, again: () => Fact): boolean {
    if (!(held.bodiless || held.archived) || !restore(held, again())) return false;
    this.#archived.remove(held);
    this.#missing.look(held);
    this.#snapshots.contentMoved();
    return true;
  }

  archive(hashes: Iterable<string>): void {
    for (const hash of hashes) {
      const fact = this.#find(hash);
      if (fact === undefined || fact.bodiless || fact.archived || !ERASABLE_OPS.has(fact.op)) continue;
      fact.content = {};
      fact.archived = true;
      this.#archived.add(fact);
    }
  }

  /** The facts whose body is erased or missing otherwise than before on account of these. */
  erasedWith(facts: Iterable<Fact>): readonly Fact[] {
    const erased: Fact[] = [];
    const concerned = this.#erasures.concernedBy(facts);
    if (concerned.size === 0) return erased;
    const all = new Set(facts);
    for (const target of concerned) {
      const erasure = this.#erasures.judge(target, all);
      if (erasure === undefined) continue;
      const { by, inForce } = erasure;
      this.#erasures.note({ target, by, inForce });
      const fact = this.#find(target);
      if (fact === undefined || !ERASABLE_OPS.has(fact.op) || !(inForce || fact.bodiless)) continue;
      if (fact.bodiless && fact.erasure?.by === by && fact.erasure.inForce === inForce) continue;
      fact.erasure = erasure;
      fact.bodiless = true;
      this.#missing.look(fact);
      this.#archived.remove(fact);
      fact.archived = false;
      fact.content = withoutContent(fact.op, erasure);
      fact.malformed = malformedWithoutContent(fact);
      this.#snapshots.contentMoved();
      all.add(fact);
      erased.push(fact);
    }
    return erased;
  }

  erasersOf(target: string): readonly Fact[] {
    return this.#erasures.about(target);
  }

  takeNotes(): readonly ErasureNote[] {
    return this.#erasures.takeNotes();
  }

  get archivedCount(): number {
    return this.#archived.size;
  }

  /** How many are missing of those that would have an effect, as far as the book of that revision tells. */
  missing(revision: number): number {
    return this.#missing.count(revision, (fact) => this.#authority.reasonOf(fact) !== undefined);
  }

  /** Whether the book rests on an archived one in a way that what is settled does not make up for. */
  lackIn(settled: Settled | undefined): boolean {
    return this.#archived.lackIn(settled, this.#find);
  }
}
