import { ENTRIES_WAITING_BYTES_MAX, ENTRIES_WAITING_MAX } from '../base/limits.ts';
import type { Entry } from '../entry/entry.ts';
import type { Candidate } from './vouch.ts';

interface Waiting {
  readonly candidate: Candidate;
  /** Hashes that must come first. */
  readonly missing: readonly string[];
  /** Microseconds since 1970 from which on it may be accepted, where it is dated too far ahead. */
  readonly dueMicros: number | undefined;
  readonly bytes: number;
}

/**
 * Authentic entries that cannot be accepted yet: something they build on is missing, or they are dated too far ahead.
 * Bounded in number and bytes. When full, the sender with the largest share loses its oldest: nobody can keep the
 * others out, and what is lost is asked for again by sync.
 */
export class WaitingRoom {
  readonly #entries = new Map<string, Waiting>();
  readonly #byMissing = new Map<string, Set<string>>();
  readonly #byAuthor = new Map<string, Map<number, Set<string>>>();
  readonly #bySender = new Map<string, Set<string>>();
  readonly #heldBack = new Set<string>();
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(entriesMax = ENTRIES_WAITING_MAX, bytesMax = ENTRIES_WAITING_BYTES_MAX) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Entries that only wait for their time. */
  get heldBack(): number {
    return this.#heldBack.size;
  }

  has(hash: string): boolean {
    return this.#entries.has(hash);
  }

  find(hash: string): Entry | undefined {
    return this.#entries.get(hash)?.candidate.entry;
  }

  /** Whether an entry of that author waits. */
  hasOf(author: string): boolean {
    return this.#byAuthor.has(author);
  }

  /** Whether a waiting entry builds on that hash. */
  isMissed(hash: string): boolean {
    return this.#byMissing.has(hash);
  }

  /** Hashes that are missed and not waiting themselves. */
  *missed(): Iterable<string> {
    for (const hash of this.#byMissing.keys()) if (!this.#entries.has(hash)) yield hash;
  }

  rivals(author: string, seq: number): readonly Candidate[] {
    const hashes = this.#byAuthor.get(author)?.get(seq);
    if (hashes === undefined) return NOBODY;
    return [...hashes].flatMap((hash) => this.#entries.get(hash)?.candidate ?? []);
  }

  put(candidate: Candidate, missing: readonly string[], dueMicros: number | undefined): void {
    const { hash, header, raw } = candidate.entry;
    this.take(hash);
    const bytes = raw.header.byteLength + raw.signature.byteLength + raw.body.byteLength;
    this.#entries.set(hash, { candidate, missing, dueMicros, bytes });
    this.#bytes += bytes;
    for (const needed of missing) addTo(this.#byMissing, needed, hash);
    addTo(this.#bySender, candidate.from, hash);
    const seqs = this.#byAuthor.get(header.author) ?? new Map<number, Set<string>>();
    this.#byAuthor.set(header.author, seqs);
    addTo(seqs, header.seq, hash);
    if (dueMicros !== undefined) this.#heldBack.add(hash);
    while (this.#entries.size > this.#entriesMax || this.#bytes > this.#bytesMax) this.#evict();
  }

  take(hash: string): Candidate | undefined {
    const waiting = this.#entries.get(hash);
    if (waiting === undefined) return undefined;
    const { candidate, missing, bytes } = waiting;
    const { author, seq } = candidate.entry.header;
    this.#entries.delete(hash);
    this.#heldBack.delete(hash);
    this.#bytes -= bytes;
    for (const needed of missing) removeFrom(this.#byMissing, needed, hash);
    removeFrom(this.#bySender, candidate.from, hash);
    const seqs = this.#byAuthor.get(author);
    if (seqs !== undefined) {
      removeFrom(seqs, seq, hash);
      if (seqs.size === 0) this.#byAuthor.delete(author);
    }
    return candidate;
  }

  /** Everything that waits for that hash. */
  followers(hash: string): readonly Candidate[] {
    const hashes = this.#byMissing.get(hash);
    return hashes === undefined
      ? NOBODY
      : [...hashes].flatMap((follower) => this.#entries.get(follower)?.candidate ?? []);
  }

  /** Takes out everything that waited for that hash. */
  takeFollowers(hash: string): readonly Candidate[] {
    return [...(this.#byMissing.get(hash) ?? [])].flatMap((follower) => this.take(follower) ?? []);
  }

  /** Takes out everything whose time has come. */
  takeDue(nowMicros: number): readonly Candidate[] {
    const due = [...this.#heldBack].filter((hash) => (this.#entries.get(hash)?.dueMicros ?? 0) <= nowMicros);
    return due.flatMap((hash) => this.take(hash) ?? []);
  }

  /** When the next held-back entry is due. */
  nextDueMicros(): number | undefined {
    let next: number | undefined;
    for (const hash of this.#heldBack) {
      const due = this.#entries.get(hash)?.dueMicros;
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  /** Takes out the author's entries from `seq` on, which became void; returns those that other entries build on. */
  takeVoid(author: string, fromSeq: number): readonly Candidate[] {
    const missed: Candidate[] = [];
    for (const [seq, hashes] of [...(this.#byAuthor.get(author) ?? [])])
      if (seq >= fromSeq)
        for (const hash of [...hashes]) {
          const candidate = this.take(hash);
          if (candidate !== undefined && this.isMissed(hash)) missed.push(candidate);
        }
    return missed;
  }

  #evict(): void {
    let largest: ReadonlySet<string> = new Set();
    for (const hashes of this.#bySender.values()) if (hashes.size > largest.size) largest = hashes;
    for (const oldest of largest) {
      this.take(oldest);
      return;
    }
  }
}

const NOBODY: readonly Candidate[] = [];

const addTo = <K>(sets: Map<K, Set<string>>, key: K, value: string): void => {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
};

const removeFrom = <K>(sets: Map<K, Set<string>>, key: K, value: string): void => {
  const set = sets.get(key);
  if (set === undefined) return;
  set.delete(value);
  if (set.size === 0) sets.delete(key);
};
