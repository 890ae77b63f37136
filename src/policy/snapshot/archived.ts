import type { Fact } from '../facts.ts';
import type { VoidReason } from '../void-reason.ts';
import type { Settled } from './settled.ts';

/** Nothing in force settles what its body said, and that is not here. */
export const BODY_ARCHIVED: VoidReason = {
  rule: 'archived',
  text: 'its body is archived, and no snapshot in force settles what it said',
  by: undefined,
};

/** It has its part in what a snapshot has settled; which, its body would tell. */
export const SETTLED_ARCHIVED: VoidReason = {
  rule: 'archived',
  text: 'what came of it is settled, and archived',
  by: undefined,
};

/** The facts whose bodies are archived, and whether a book can do without them. */
export class ArchivedFacts {
  readonly #facts = new Set<Fact>();
  /** Grows with every change. */
  #stamp = 0;
  #known: { readonly stamp: number; readonly settled: Settled | undefined; readonly lack: boolean } | undefined;

  get size(): number {
    return this.#facts.size;
  }

  add(fact: Fact): void {
    this.#facts.add(fact);
    this.#stamp += 1;
  }

  remove(fact: Fact): void {
    if (this.#facts.delete(fact)) this.#stamp += 1;
  }

  /** Whether one of them is outside of what is settled, or is what a settled policy's value follows from. */
  lackIn(settled: Settled | undefined, find: (hash: string) => Fact | undefined): boolean {
    if (this.#facts.size === 0) return false;
    if (this.#known?.stamp !== this.#stamp || this.#known.settled !== settled)
      this.#known = { stamp: this.#stamp, settled, lack: settled === undefined || this.#lack(settled, find) };
    return this.#known.lack;
  }

  #lack({ covered, leaves }: Settled, find: (hash: string) => Fact | undefined): boolean {
    for (const { hash } of this.#facts) if (!covered.has(hash)) return true;
    for (const { insert, attributes } of leaves.values())
      for (const hash of [insert, ...Object.values(attributes)])
        if (hash !== null && find(hash)?.archived === true) return true;
    return false;
  }
}

/** What a fold tells of bodies that it is without. */
interface OpenBook {
  lacksBodies(): boolean;
  readonly snapshots: { readonly lacks: ReadonlySet<string> };
}

/** Whether a book is not, or may not be, what its entries say: archived bodies would decide that. */
export const lacksHistory = (fold: OpenBook): boolean => fold.lacksBodies() || fold.snapshots.lacks.size > 0;
