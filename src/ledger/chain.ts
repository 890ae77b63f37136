import { sha256Hex } from '../codec/hash.ts';
import type { Cursor } from './ledger.ts';
import { comparePlaces, type Place } from './place.ts';
import { PlaceTable } from './place-table.ts';

/** Where two branches of one author's log are known to part: two entries, the ones with the smallest hashes. */
export interface Fork {
  readonly seq: number;
  readonly pair: readonly [string, string];
}

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

/** 32 hex digits over the heads that count and the forks, with the two entries that prove each (`DESIGN.md`). */
export const versionOf = (
  heads: Iterable<readonly [author: string, head: Pick<Place, 'seq' | 'hash'>]>,
  forks: Iterable<readonly [author: string, fork: Fork]>,
): string => {
  const lines: string[] = [];
  for (const [author, { seq, hash }] of heads) lines.push(`${author} ${seq} ${hash}\n`);
  for (const [author, { seq, pair }] of forks) lines.push(`${author} ${seq} void ${pair.join(' ')}\n`);
  return sha256Hex(lines.sort().join('')).slice(0, 32);
};

/** From this seq on an author's entries are void. */
export const voidFrom = (fork: Fork | undefined): number => fork?.seq ?? Number.POSITIVE_INFINITY;

interface AuthorLog {
  /** Entries 1, 2, 3 … that link to one another; the part from the fork on counts for nothing. */
  readonly linked: Cursor[];
  /** Held without a link to the rest: the other branch of a fork, or what follows a damaged line. */
  readonly loose: Set<Cursor>;
  fork: Fork | undefined;
}

/**
 * Everything that the ledger holds, in memory: logs, hashes, policy ids, the frontier. Pure: what it knows follows
 * from the places it was given. Memory is about 200 bytes an entry.
 */
export class Chains {
  readonly #places: PlaceTable;
  readonly #logs = new Map<string, AuthorLog>();
  /**
   * Entries that no other entry names; of these those that are not void are the frontier. Undefined where they have to
   * be found anew.
   */
  #tips: Set<Cursor> | undefined = new Set();
  #summary: { readonly heads: ReadonlyMap<string, Place>; readonly version: string } | undefined;

  /** Owns the table from then on. */
  constructor(places = new PlaceTable()) {
    this.#places = places;
    for (let cursor = 0; cursor < places.size; cursor += 1) if (places.isHeld(cursor)) this.#takeUp(cursor);
  }

  get size(): Cursor {
    return this.#places.size;
  }

  at(cursor: Cursor): Place | undefined {
    return this.#places.at(cursor);
  }

  get(hash: string): Place | undefined {
    return this.#held(this.#places.cursorOf(hash));
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
    for (const cursor of log.loose) if (this.#places.seq(cursor) === seq) found.push(cursor);
    return found.flatMap((cursor) => this.at(cursor) ?? []);
  }

  /** The newest entry of an author's log that counts. */
  head(author: string): Place | undefined {
    const log = this.#logs.get(author);
    return this.#held(log?.linked[Math.min(log.linked.length, voidFrom(log.fork) - 1) - 1]);
  }

  /** The author's entry `seq` where it is in the log and counts. */
  entry(author: string, seq: number): Place | undefined {
    const log = this.#logs.get(author);
    return log === undefined || seq >= voidFrom(log.fork) ? undefined : this.#held(log.linked[seq - 1]);
  }

  /** The largest seq ever seen of an author, linked or not. */
  largestSeq(author: string): number {
    const log = this.#logs.get(author);
    if (log === undefined) return 0;
    let largest = log.linked.length;
    for (const cursor of log.loose) largest = Math.max(largest, this.#places.seq(cursor));
    return largest;
  }

  /** Entries of one policy in the ledger's order. */
  policy(id: string): readonly Place[] {
    return [...this.#places.ofId(id)].reverse().sort(comparePlaces);
  }

  /** The newest `limit` heads of other authors that no entry names yet. */
  frontier(author: string, isNamed: (hash: string) => boolean, limit: number): readonly Place[] {
    this.#tips ??= this.#findTips();
    const tips = [...this.#tips].flatMap((cursor) => this.at(cursor) ?? []);
    const open = tips.filter((tip) => tip.author !== author && !isNamed(tip.hash));
    return open.sort((a, b) => comparePlaces(b, a)).slice(0, limit);
  }

  heads(): ReadonlyMap<string, Place> {
    return this.#summarise().heads;
  }

  version(): string {
    return this.#summarise().version;
  }

  /**
   * Takes up the entry with the next cursor; returns whether it showed a fork or moved one. One that is held already
   * (its older line was damaged when it came again) takes the place of the older.
   */
  add(place: Place): boolean {
    const older = this.#places.cursorOf(place.hash);
    if (older !== undefined) this.setAside(older);
    this.#places.add(place);
    return this.#takeUp(this.#places.size - 1);
  }

  #takeUp(cursor: Cursor): boolean {
    const [author, seq] = [this.#places.author(cursor), this.#places.seq(cursor)];
    const rivals = this.rivals(author, seq);
    const log = this.#logOf(author);
    const before = log.fork;
    if (rivals.length > 0)
      log.fork = foldFork(before, seq, [this.#places.hash(cursor), ...rivals.map(({ hash }) => hash)]);
    if (!this.#link(log, cursor)) log.loose.add(cursor);
    this.#summary = undefined;
    if (log.fork === before) return false;
    this.#tips = undefined;
    return true;
  }

  /** Takes an entry out that cannot be read any more, as if it had never come; its cursor stays empty. */
  setAside(cursor: Cursor): void {
    if (this.at(cursor) === undefined) return;
    this.#places.setAside(cursor);
    const log = this.#logOf(this.#places.author(cursor));
    log.loose.delete(cursor);
    const at = this.#places.seq(cursor) - 1;
    if (log.linked[at] === cursor) for (const follower of log.linked.splice(at).slice(1)) log.loose.add(follower);
    this.#tips = undefined;
    this.#summary = undefined;
  }

  #held(cursor: Cursor | undefined): Place | undefined {
    return cursor === undefined ? undefined : this.at(cursor);
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
  #link(log: AuthorLog, cursor: Cursor): boolean {
    if (!this.#follows(log, cursor)) return false;
    for (let next: Cursor | undefined = cursor; next !== undefined;) {
      log.linked.push(next);
      this.#touchTips(next, log);
      next = log.loose.size === 0 ? undefined : this.#followerOf(next, log.loose);
      if (next !== undefined) log.loose.delete(next);
    }
    return true;
  }

  #follows({ linked }: AuthorLog, cursor: Cursor): boolean {
    return this.#places.seq(cursor) === linked.length + 1 && this.#places.isPrev(cursor, linked.at(-1));
  }

  #followerOf(cursor: Cursor, loose: ReadonlySet<Cursor>): Cursor | undefined {
    const seq = this.#places.seq(cursor) + 1;
    for (const candidate of loose)
      if (this.#places.seq(candidate) === seq && this.#places.isPrev(candidate, cursor)) return candidate;
    return undefined;
  }

  #touchTips(cursor: Cursor, log: AuthorLog): void {
    if (this.#tips === undefined || this.#places.seq(cursor) >= voidFrom(log.fork)) return;
    for (const named of this.#places.namedBy(cursor)) this.#tips.delete(named);
    this.#tips.add(cursor);
  }

  /**
   * After a fork or a damaged line, when entries that named others count no longer: once for however many, when
   * somebody asks.
   */
  #findTips(): Set<Cursor> {
    const tips = new Set<Cursor>();
    const named = new Set<Cursor>();
    for (const log of this.#logs.values())
      for (const cursor of log.linked) {
        if (this.#places.seq(cursor) >= voidFrom(log.fork)) break;
        tips.add(cursor);
        for (const before of this.#places.namedBy(cursor)) named.add(before);
      }
    for (const cursor of named) tips.delete(cursor);
    return tips;
  }

  #summarise(): { readonly heads: ReadonlyMap<string, Place>; readonly version: string } {
    if (this.#summary !== undefined) return this.#summary;
    const heads = new Map<string, Place>();
    for (const author of this.#logs.keys()) {
      const head = this.head(author);
      if (head !== undefined) heads.set(author, head);
    }
    const version = versionOf(heads, this.forks());
    this.#summary = { heads, version };
    return this.#summary;
  }
}

const NONE: readonly Place[] = [];
