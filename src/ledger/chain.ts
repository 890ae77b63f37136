import { sha256Hex } from '../codec/hash.ts';
import type { Entry } from '../entry/entry.ts';
import type { Cursor } from './ledger.ts';

/** What is kept in memory of an entry that is held: enough to link, order and find it. */
export interface Place {
  readonly cursor: Cursor;
  readonly hash: string;
  readonly author: string;
  readonly seq: number;
  readonly prev: string | null;
  /** Microseconds since 1970. */
  readonly time: number;
  readonly parents: readonly string[];
  /** Policy id. */
  readonly id: string | null;
}

/** Where two branches of one author's log are known to part: two entries, the ones with the smallest hashes. */
export interface Fork {
  readonly seq: number;
  readonly pair: readonly [string, string];
}

export const placeOf = ({ hash, header }: Entry, cursor: Cursor): Place => ({
  cursor,
  hash,
  author: header.author,
  seq: header.seq,
  prev: header.prev,
  time: header.time,
  parents: header.parents,
  id: header.id,
});

/**
 * The fork that is known once `hashes` were all seen at `seq`: the earliest seq counts, and there the two smallest
 * hashes, so that every node ends with the same one in whatever order it saw them.
 */
export const foldFork = (known: Fork | undefined, seq: number, hashes: readonly string[]): Fork | undefined => {
  if (known !== undefined && known.seq < seq) return known;
  const all = new Set(known?.seq === seq ? [...known.pair, ...hashes] : hashes);
  const [first, second] = [...all].sort();
  if (first === undefined || second === undefined) return known;
  return known?.seq === seq && known.pair[0] === first && known.pair[1] === second
    ? known
    : { seq, pair: [first, second] };
};

/** From this seq on an author's entries are void. */
export const voidFrom = (fork: Fork | undefined): number => fork?.seq ?? Number.POSITIVE_INFINITY;

interface AuthorLog {
  /** Entries 1, 2, 3 … that link to one another; the part from the fork on counts for nothing. */
  readonly linked: Place[];
  /** Held without a link to the rest: the other branch of a fork, or what follows a damaged line. */
  readonly loose: Set<Place>;
  fork: Fork | undefined;
}

/**
 * Everything that the ledger holds, in memory: logs, hashes, policy ids, the frontier. Pure: what it knows follows
 * from the places it was given. Memory is about 500 bytes an entry.
 */
export class Chains {
  readonly #places: (Place | undefined)[] = [];
  readonly #byHash = new Map<string, Place>();
  readonly #byId = new Map<string, Place[]>();
  readonly #logs = new Map<string, AuthorLog>();
  /** Entries that no other entry names; of these those that are not void are the frontier. */
  #tips = new Set<Place>();
  #summary: { readonly heads: ReadonlyMap<string, Place>; readonly version: string } | undefined;

  get size(): Cursor {
    return this.#places.length;
  }

  at(cursor: Cursor): Place | undefined {
    return this.#places[cursor];
  }

  get(hash: string): Place | undefined {
    return this.#byHash.get(hash);
  }

  fork(author: string): Fork | undefined {
    return this.#logs.get(author)?.fork;
  }

  forks(): ReadonlyMap<string, Fork> {
    const forks = new Map<string, Fork>();
    for (const [author, { fork }] of this.#logs) if (fork !== undefined) forks.set(author, fork);
    return forks;
  }

  /** All entries held of one author and seq: more than one proves equivocation. */
  rivals(author: string, seq: number): readonly Place[] {
    const log = this.#logs.get(author);
    if (log === undefined) return NONE;
    const linked = log.linked[seq - 1];
    if (linked === undefined && log.loose.size === 0) return NONE;
    const found = linked === undefined ? [] : [linked];
    for (const place of log.loose) if (place.seq === seq) found.push(place);
    return found;
  }

  /** The newest entry of an author's log that counts. */
  head(author: string): Place | undefined {
    const log = this.#logs.get(author);
    return log?.linked[Math.min(log.linked.length, voidFrom(log.fork) - 1) - 1];
  }

  /** The author's entry `seq` where it is in the log and counts. */
  entry(author: string, seq: number): Place | undefined {
    const log = this.#logs.get(author);
    return log === undefined || seq >= voidFrom(log.fork) ? undefined : log.linked[seq - 1];
  }

  /** The largest seq ever seen of an author, linked or not. */
  largestSeq(author: string): number {
    const log = this.#logs.get(author);
    if (log === undefined) return 0;
    let largest = log.linked.length;
    for (const { seq } of log.loose) if (seq > largest) largest = seq;
    return largest;
  }

  /** Entries of one policy in the ledger's order. */
  policy(id: string): readonly Place[] {
    return [...(this.#byId.get(id) ?? [])].sort(comparePlaces);
  }

  /** The newest `limit` heads of other authors that no entry names yet. */
  frontier(author: string, isNamed: (hash: string) => boolean, limit: number): readonly Place[] {
    const open = [...this.#tips].filter((tip) => tip.author !== author && !isNamed(tip.hash));
    return open.sort((a, b) => comparePlaces(b, a)).slice(0, limit);
  }

  heads(): ReadonlyMap<string, Place> {
    return this.#summarise().heads;
  }

  /** 32 hex digits over the sorted heads and forks (`DESIGN.md` says how). */
  version(): string {
    return this.#summarise().version;
  }

  /**
   * Takes up the entry with the next cursor; returns whether it showed a fork or moved one. One that is held already
   * (its older line was damaged when it came again) takes the place of the older.
   */
  add(place: Place): boolean {
    const older = this.#byHash.get(place.hash);
    if (older !== undefined) this.setAside(older.cursor);
    this.#places[place.cursor] = place;
    this.#byHash.set(place.hash, place);
    if (place.id !== null) {
      const ofId = this.#byId.get(place.id);
      if (ofId === undefined) this.#byId.set(place.id, [place]);
      else ofId.push(place);
    }
    const log = this.#logOf(place.author);
    const before = log.fork;
    const rivals = this.rivals(place.author, place.seq);
    if (rivals.length > 0) log.fork = foldFork(before, place.seq, [place.hash, ...rivals.map((rival) => rival.hash)]);
    if (!this.#link(log, place)) log.loose.add(place);
    this.#summary = undefined;
    if (log.fork === before) return false;
    this.#recomputeTips();
    return true;
  }

  /** Takes an entry out that cannot be read any more, as if it had never come; its cursor stays empty. */
  setAside(cursor: Cursor): void {
    const place = this.#places[cursor];
    if (place === undefined) return;
    this.#places[cursor] = undefined;
    this.#byHash.delete(place.hash);
    if (place.id !== null)
      this.#byId.set(
        place.id,
        (this.#byId.get(place.id) ?? []).filter((held) => held !== place),
      );
    const log = this.#logOf(place.author);
    log.loose.delete(place);
    if (log.linked[place.seq - 1] === place)
      for (const follower of log.linked.splice(place.seq - 1).slice(1)) log.loose.add(follower);
    this.#recomputeTips();
    this.#summary = undefined;
  }

  /** Keeps the number of a line that cannot be read, so that cursors stay those of the index. */
  skip(): void {
    this.#places.push(undefined);
  }

  #logOf(author: string): AuthorLog {
    let log = this.#logs.get(author);
    if (log === undefined) {
      log = { linked: [], loose: new Set(), fork: undefined };
      this.#logs.set(author, log);
    }
    return log;
  }

  /** Links the new entry, and whatever loose ones follow it; false where it does not follow the log. */
  #link(log: AuthorLog, place: Place): boolean {
    if (!follows(log, place)) return false;
    for (let next: Place | undefined = place; next !== undefined;) {
      log.linked.push(next);
      this.#touchTips(next, log);
      next = log.loose.size === 0 ? undefined : followerOf(next, log.loose);
      if (next !== undefined) log.loose.delete(next);
    }
    return true;
  }

  #touchTips(place: Place, log: AuthorLog): void {
    if (place.seq >= voidFrom(log.fork)) return;
    if (place.prev !== null) this.#untip(place.prev);
    for (const hash of place.parents) this.#untip(hash);
    this.#tips.add(place);
  }

  #untip(hash: string): void {
    const named = this.#byHash.get(hash);
    if (named !== undefined) this.#tips.delete(named);
  }

  /** Rare: after a fork or a damaged line, when entries that named others count no longer. */
  #recomputeTips(): void {
    this.#tips = new Set();
    for (const log of this.#logs.values()) for (const place of log.linked) this.#touchTips(place, log);
    const named = new Set<string>();
    for (const log of this.#logs.values())
      for (const place of log.linked)
        if (place.seq < voidFrom(log.fork)) for (const parent of place.parents) named.add(parent);
    for (const tip of this.#tips) if (named.has(tip.hash)) this.#tips.delete(tip);
  }

  #summarise(): { readonly heads: ReadonlyMap<string, Place>; readonly version: string } {
    if (this.#summary !== undefined) return this.#summary;
    const heads = new Map<string, Place>();
    const lines: string[] = [];
    for (const [author, { fork }] of this.#logs) {
      const head = this.head(author);
      if (head !== undefined) heads.set(author, head);
      if (head !== undefined) lines.push(`${author} ${head.seq} ${head.hash}\n`);
      if (fork !== undefined) lines.push(`${author} ${fork.seq} void\n`);
    }
    const version = sha256Hex(lines.sort().join('')).slice(0, 32);
    this.#summary = { heads, version };
    return this.#summary;
  }
}

const NONE: readonly Place[] = [];

/** The ledger's order. */
const comparePlaces = (a: Place, b: Place): number =>
  a.time - b.time || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0) || a.seq - b.seq;

const follows = ({ linked }: AuthorLog, { seq, prev }: Place): boolean =>
  seq === linked.length + 1 && prev === (linked.at(-1)?.hash ?? null);

const followerOf = (place: Place, loose: ReadonlySet<Place>): Place | undefined => {
  for (const candidate of loose) if (candidate.prev === place.hash && candidate.seq === place.seq + 1) return candidate;
  return undefined;
};
