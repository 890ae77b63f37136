import type { Entry } from '../entry/entry.ts';
import { GRANT_CHAIN_MAX } from '../base/limits.ts';
import type { Authority } from './authority/authority.ts';
import type { LedgerFold } from './fold.ts';
import { mayErase } from './erasures.ts';
import { AUTHORITY_OPS, type Fact, factOf } from './facts.ts';

/** Acts that may lie above one entry: its chain, and the grants whose place others in it took. */
const ABOVE_MAX = 2 * GRANT_CHAIN_MAX;
/** Chains whose verdict is kept. */
const KEPT_MAX = 16;

/**
 * Whether an entry may have been erased by right: by what the erase entry rests on alone. What has ended that since does not count, for the others
 * did not know it when they erased the body, and nobody else can give the entry. What is not known yet may allow it: it may build on the entry itself,
 * and whoever refused that until it is known might never know it.
 */
export class PossibleErasures {
  readonly #book: Pick<LedgerFold, 'authority' | 'erasersOf'>;
  /** By the grant that is cited: all above it, judged by itself. */
  readonly #alone = new Map<string, Authority>();

  constructor(book: Pick<LedgerFold, 'authority' | 'erasersOf'>) {
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
    const alone = this.#aloneOf(erase.cap ?? '', find);
    return alone === undefined || (alone.reasonOf(erase) === undefined && mayErase(alone, erase, target));
  }

  /** Undefined where not all of it is known. */
  #aloneOf(cap: string, find: (hash: string) => Entry | undefined): Authority | undefined {
    const kept = this.#alone.get(cap);
    if (kept !== undefined) return kept;
    const above = this.#above(cap, find);
    if (above === undefined) return undefined;
    const alone = this.#book.authority.byThese(above);
    this.#alone.set(cap, alone);
    for (const oldest of this.#alone.keys()) if (this.#alone.size > KEPT_MAX) this.#alone.delete(oldest);
    return alone;
  }

  #above(cap: string, find: (hash: string) => Entry | undefined): readonly Fact[] | undefined {
    const { graph, genesis } = this.#book.authority;
    const found = new Map<string, Fact>();
    const open = [cap];
    for (let hash = open.pop(); hash !== undefined; hash = open.pop()) {
      if (hash === genesis?.network || found.has(hash)) continue;
      const entry = find(hash);
      const fact = graph.link(hash)?.fact ?? (entry === undefined ? undefined : factOf(entry));
      if (fact === undefined || !AUTHORITY_OPS.has(fact.op) || found.size >= ABOVE_MAX) return undefined;
      found.set(hash, fact);
      const { replaces } = fact.content;
      const replaced =
        typeof replaces === 'object' && replaces !== null && 'grant' in replaces ? replaces['grant'] : undefined;
      open.push(fact.cap ?? '', ...(typeof replaced === 'string' ? [replaced] : []));
    }
    return [...found.values()];
  }
}
