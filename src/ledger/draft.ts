import type { Entry } from '../entry/entry.ts';
import { type Chains, foldFork, type Fork } from './chain.ts';
import { type Place, placeOf } from './place.ts';
import type { Cursor } from './ledger.ts';

/** An entry that is to be written with the next group. */
export interface Staged {
  readonly place: Place;
  readonly entry: Entry;
  /** Its own signature was checked and holds. */
  readonly ownHolds: boolean;
}

/**
 * What the ledger will be once a group of entries is on disk: the chains with the group laid over them. Nobody outside
 * sees it before it is durable, and where the disk fails it is simply dropped.
 */
export class Draft {
  readonly staged: Staged[] = [];
  /** Network id; a genesis entry in the group sets it. */
  network: string | undefined;
  readonly #chains: Chains;
  readonly #author: string;
  readonly #byHash = new Map<string, Staged>();
  readonly #bySeq = new Map<string, Map<number, Place[]>>();
  readonly #forks = new Map<string, Fork>();
  readonly #named = new Set<string>();
  #ownHead: Place | undefined;

  constructor(chains: Chains, network: string | undefined, author: string) {
    this.#chains = chains;
    this.network = network;
    this.#author = author;
    this.#ownHead = chains.head(author);
  }

  get(hash: string): Place | undefined {
    // Most of what an entry of a large group names is in the group, and that is the smaller table.
    return this.#byHash.get(hash)?.place ?? this.#chains.get(hash);
  }

  rivals(author: string, seq: number): readonly Place[] {
    const staged = this.#bySeq.get(author)?.get(seq);
    const held = this.#chains.rivals(author, seq);
    return staged === undefined ? held : [...held, ...staged];
  }

  fork(author: string): Fork | undefined {
    return this.#forks.get(author) ?? this.#chains.fork(author);
  }

  /** The last entry of the own log, with what this group adds to it. */
  get ownHead(): Place | undefined {
    return this.#ownHead;
  }

  frontier(author: string, limit: number): readonly Place[] {
    return this.#chains.frontier(author, (hash) => this.#named.has(hash), limit);
  }

  stage(entry: Entry, ownHolds: boolean): Staged {
    const cursor: Cursor = this.#chains.size + this.staged.length;
    const staged = { place: placeOf(entry, cursor), entry, ownHolds };
    const { author, seq, prev, parents } = entry.header;
    const rivals = this.rivals(author, seq);
    if (rivals.length > 0) {
      const known = this.fork(author);
      const fork = foldFork(known, seq, [entry.hash, ...rivals.map(({ hash }) => hash)]);
      if (fork !== undefined && fork !== known) this.#forks.set(author, fork);
    }
    if (entry.header.op === 'genesis') this.network = entry.hash;
    this.staged.push(staged);
    this.#byHash.set(entry.hash, staged);
    const ofAuthor = this.#bySeq.get(author) ?? new Map<number, Place[]>();
    this.#bySeq.set(author, ofAuthor.set(seq, [...(ofAuthor.get(seq) ?? []), staged.place]));
    if (prev !== null) this.#named.add(prev);
    for (const parent of parents) this.#named.add(parent);
    // Also one that came back from a peer: its number is used.
    const isNextOwn = seq === (this.#ownHead?.seq ?? 0) + 1 && prev === (this.#ownHead?.hash ?? null);
    if (author === this.#author && isNextOwn) this.#ownHead = staged.place;
    return staged;
  }
}
