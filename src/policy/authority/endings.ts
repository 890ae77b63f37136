import { compareFacts, type Fact } from '../facts.ts';
import type { GrantGraph, Revocation } from './graph.ts';

/** How the rules judge a revocation. */
export interface EndingRules {
  /**
   * Whether the form of the grants says that its author may end what it names: that alone, so that nobody asks for a
   * verdict in a circle.
   */
  isAble(revocation: Revocation): boolean;
  /** Whether it has authority, and ends what it names. */
  holds(revocation: Revocation): boolean;
}

/**
 * The revocations that may count, by what they end, and which of them do. Anybody can write any number that end
 * nothing: these are not looked at when an entry is judged, and no entry is judged again on account of them.
 */
export class Endings {
  readonly #graph: GrantGraph;
  readonly #rules: EndingRules;
  readonly #able = new Map<string, Set<Revocation>>();
  readonly #counting = new Set<Fact>();

  constructor(graph: GrantGraph, rules: EndingRules) {
    this.#graph = graph;
    this.#rules = rules;
  }

  /** Looks at all anew: every verdict may be another. */
  begin(): void {
    this.#able.clear();
    this.#counting.clear();
    for (const each of this.#graph.revocations()) this.file(each);
    for (const each of this.#graph.revocations()) if (this.#holds(each)) this.#counting.add(each.fact);
  }

  /** What lies above it, or above what it ends, may be there only now. */
  file(revocation: Revocation): void {
    const { grant } = revocation.act;
    const able = this.#able.get(grant);
    if (!this.#rules.isAble(revocation)) able?.delete(revocation);
    else if (able === undefined) this.#able.set(grant, new Set([revocation]));
    else able.add(revocation);
  }

  /** Those that count if they have authority. */
  of(grant: string): Iterable<Revocation> {
    return this.#able.get(grant) ?? [];
  }

  /**
   * Judges one that may be judged otherwise now; returns the facts that it ends, or ended, where that makes a
   * difference.
   */
  weigh(revocation: Revocation): readonly Fact[] {
    const { fact, act } = revocation;
    const counted = this.#counting.has(fact);
    const counts = this.#holds(revocation);
    if (counted === counts) return [];
    if (counts) this.#counting.add(fact);
    else this.#counting.delete(fact);
    if (this.#isCoveredBefore(revocation)) return [];
    const citing = act.key === undefined ? this.#graph.citing(act.grant) : this.#graph.citingBy(act.grant, act.key);
    return citing.filter(({ seq }) => seq >= act.from);
  }

  #holds(revocation: Revocation): boolean {
    return this.#able.get(revocation.act.grant)?.has(revocation) === true && this.#rules.holds(revocation);
  }

  /** Whether another that counts ends as much, and comes first. */
  #isCoveredBefore(revocation: Revocation): boolean {
    const { grant, key } = revocation.act;
    for (const other of this.of(grant))
      if (
        (other.act.key === undefined || other.act.key === key) &&
        this.#counting.has(other.fact) &&
        compareRevocations(other, revocation) < 0
      )
        return true;
    return false;
  }
}

/** Which of two counts that end the same: the one from the smaller number on. */
export const compareRevocations = (a: Revocation, b: Revocation): number =>
  a.act.from - b.act.from || compareFacts(a.fact, b.fact);
