import type { Entry } from '../entry/entry.ts';
import { GRANT_CHAIN_MAX } from '../base/limits.ts';
import type { Authority } from './authority/authority.ts';
import { GrantGraph } from './authority/graph.ts';
import { mayCite } from './authority/may-cite.ts';
import type { LedgerFold } from './fold.ts';
import { mayErase } from './erasures.ts';
import { type Fact, factOf } from './facts.ts';

/** Acts that may lie above one entry: its chain, and the grants whose place others in it took. */
const ABOVE_MAX = 2 * GRANT_CHAIN_MAX;
/** Chains whose verdict is kept. */
const KEPT_MAX = 16;

/** What is known of what an erase entry rests on. */
interface Above {
  /** As it says: some may be no acts of authority. */
  readonly facts: readonly Fact[];
  /** Whether that is all of it. */
  readonly isWhole: boolean;
}

const WHOLE: Above = { facts: [], isWhole: true };

/**
 * Whether an entry may have been erased by right: by what the erase entry rests on alone. What has ended that since
 * does not count, for the others did not know it when they erased the body, and nobody else can give the entry. What is
 * not known yet may allow it: it may build on the entry itself, and whoever refused that until it is known might never
 * know it; but not where what is known gives its author nothing whatever the rest is.
 */
export class PossibleErasures {
  readonly #book: Pick<LedgerFold, 'authority' | 'erasersOf' | 'fact'>;
  /** By the grant that is cited: all above it, judged by itself. */
  readonly #alone = new Map<string, Authority>();

  constructor(book: Pick<LedgerFold, 'authority' | 'erasersOf' | 'fact'>) {
    this.#book = book;
  }

  mayErase(target: Entry, heard: readonly Entry[], find: (hash: string) => Entry | undefined): boolean {
    const { authority } = this.#book;
    if (authority.genesis === undefined) return true;
    const { author, type } = target.header;
    const isOne = (erase: Fact): boolean => this.#isPossible(erase, { author, type }, find);
    return heard.some((erase) => isOne(factOf(erase))) || this.#book.erasersOf(target.hash).some(isOne);
  }

  #isPossible(erase: Fact, target: Pick<Fact, 'author' | 'type'>, find: (hash: string) => Entry | undefined): boolean {
    if (erase.author === target.author) return true;
    const cap = erase.cap ?? '';
    const kept = this.#alone.get(cap);
    const above = kept === undefined ? this.#above(cap, find) : WHOLE;
    if (!above.isWhole) return this.#holdsSoFar(erase, above.facts);
    const alone = kept ?? this.#keep(cap, above.facts);
    return alone.reasonOf(erase) === undefined && mayErase(alone, erase, target);
  }

  /** Whether each gives something by its form, and cites what is its author's, as far as that is known. */
  #holdsSoFar(erase: Fact, above: readonly Fact[]): boolean {
    const { genesis } = this.#book.authority;
    const graph = new GrantGraph();
    for (const fact of above) if (!graph.add({ ...fact })) return false;
    return [erase, ...above].every((fact) => mayCite({ genesis, graph }, fact) !== false);
  }

  #keep(cap: string, above: readonly Fact[]): Authority {
    const alone = this.#book.authority.byThese(above);
    this.#alone.set(cap, alone);
    for (const oldest of this.#alone.keys()) if (this.#alone.size > KEPT_MAX) this.#alone.delete(oldest);
    return alone;
  }

  #above(cap: string, find: (hash: string) => Entry | undefined): Above {
    const found = new Map<string, Fact>();
    const open = [cap];
    let isWhole = true;
    for (let hash = open.pop(); hash !== undefined; hash = open.pop()) {
      if (hash === this.#book.authority.genesis?.network || found.has(hash)) continue;
      const fact = this.#known(hash, find);
      if (fact === undefined || found.size >= ABOVE_MAX) {
        isWhole = false;
        continue;
      }
      found.set(hash, fact);
      open.push(fact.cap ?? '', ...replacedBy(fact));
    }
    return { facts: [...found.values()], isWhole };
  }

  /** Held, or on its way in. */
  #known(hash: string, find: (hash: string) => Entry | undefined): Fact | undefined {
    const held = this.#book.authority.graph.link(hash)?.fact;
    if (held !== undefined) return held;
    const entry = find(hash);
    return entry === undefined ? this.#book.fact(hash) : factOf(entry);
  }
}

/** The grant whose place another takes. */
const replacedBy = ({ content: { replaces } }: Fact): readonly string[] => {
  if (typeof replaces !== 'object' || replaces === null || !('grant' in replaces)) return [];
  return typeof replaces['grant'] === 'string' ? [replaces['grant']] : [];
};
