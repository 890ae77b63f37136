import type { Fact } from './facts.ts';

/**
 * The facts that are here without their bodies, which nobody erased by right: what they say may come, and would change
 * what follows.
 */
export class MissingBodies {
  readonly #facts = new Set<Fact>();
  #known: { readonly revision: number; readonly count: number } | undefined;

  /** Takes up how it is with a fact now. */
  look(fact: Fact): void {
    if (fact.bodiless && fact.erasure?.inForce !== true) this.#facts.add(fact);
    else this.#facts.delete(fact);
  }

  /** How many of them would have an effect, as far as the book of that revision tells without what they say. */
  count(revision: number, isWithoutRight: (fact: Fact) => boolean): number {
    if (this.#facts.size === 0) return 0;
    if (this.#known?.revision !== revision)
      this.#known = { revision, count: [...this.#facts].filter((fact) => !isWithoutRight(fact)).length };
    return this.#known.count;
  }
}
