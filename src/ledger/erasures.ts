import type { Clock } from '../base/clock.ts';
import { asFault } from '../base/errors.ts';
import { DISK_RETRY_MAX_MS, DISK_RETRY_MIN_MS, ENTRIES_WAITING_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { Retry } from '../base/retry.ts';
import { type Entry, erasedIn, withoutBody } from '../entry/entry.ts';
import type { Chains } from './chain.ts';
import type { Place } from './place.ts';
import type { ErasureJudge, ErasureNote } from './ledger.ts';
import type { RecentEntries } from './recent.ts';
import type { EntryStore } from './store.ts';
import { turnOf } from './wanted.ts';

/** The parts of the ledger from which an erased body has to go. */
export interface ErasuresPorts {
  readonly chains: Chains;
  readonly recent: RecentEntries;
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** The body of an entry of that author is gone from memory. */
  onErased(author: string): void;
}

/**
 * Which bodies are erased, as the book says, and what is still to be done for it: bodies that have to go from the disk,
 * and bodies that are missed since their erasure was none. Whether an erasure is in force is the book's to know, since
 * it depends on grants.
 */
export class Erasures {
  readonly #ports: ErasuresPorts;
  readonly #told = new Map<string, ErasureNote>();
  /** Authentic erase entries, which need not be taken in yet, without their bodies; by what they are about. */
  readonly #heard = new Map<string, readonly Entry[]>();
  /** Says whether an erasure may have been right; until it is there, each may. */
  judge: ErasureJudge | undefined;
  /** Bodies that are to go from the disk. */
  readonly #open = new Set<string>();
  readonly #missed = new Set<string>();
  readonly #retry: Retry;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(ports: ErasuresPorts) {
    this.#ports = ports;
    const pauses = { minMs: DISK_RETRY_MIN_MS, maxMs: DISK_RETRY_MAX_MS };
    this.#retry = new Retry(ports.clock, pauses, () => this.#erase());
  }

  /** Bodies that are erased and still on the disk. */
  get open(): number {
    return this.#open.size;
  }

  /** Hash of the erase entry in force. */
  by(hash: string): string | undefined {
    const note = this.#told.get(hash);
    return note?.inForce === true ? note.by : undefined;
  }

  /** Hashes of the entries that are erased by right. */
  all(): readonly string[] {
    return [...this.#told.values()].flatMap(({ target, inForce }) => (inForce ? [target] : []));
  }

  /** Whether an erase entry about it is held, or came along, by right or not. */
  knowsOf(target: string): boolean {
    return this.#heard.has(target) || this.#told.has(target);
  }

  /**
   * Whether an erase entry about it is held, or came along, that may have been right: only then is it taken in without
   * its body.
   */
  async mayLackBody(target: Entry, find: (hash: string) => Entry | undefined): Promise<boolean> {
    if (this.by(target.hash) !== undefined) return true;
    if (!this.knowsOf(target.hash)) return false;
    const heard = this.#heard.get(target.hash) ?? [];
    // As many as are kept: the one that counts may have been among those before.
    if (heard.length >= HEARD_OF_ONE_MAX) return true;
    return this.judge?.mayErase(target, heard, find) ?? true;
  }

  /** The entry was well signed and is on its way in. */
  hear(entry: Entry): void {
    const target = erasedIn(entry);
    if (target === undefined) return;
    const heard = (this.#heard.get(target) ?? []).filter(({ hash }) => hash !== entry.hash);
    this.#heard.delete(target);
    this.#heard.set(target, [...heard, withoutBody(entry)].slice(-HEARD_OF_ONE_MAX));
    const [oldest] = this.#heard.keys();
    if (this.#heard.size > ENTRIES_WAITING_MAX && oldest !== undefined) this.#heard.delete(oldest);
  }

  note(note: ErasureNote): void {
    const { target, inForce } = note;
    this.#told.set(target, note);
    const place = this.#ports.chains.get(target);
    if (place === undefined) return;
    if (!inForce) {
      this.#open.delete(target);
      void this.#lookFor(place);
      return;
    }
    this.#missed.delete(target);
    this.#ports.recent.remove(place.cursor);
    this.#ports.onErased(place.author);
    this.#open.add(target);
    this.#running ??= this.#eraseNow();
  }

  /** Whether the body is asked for again. */
  misses(hash: string): boolean {
    return this.#missed.has(hash);
  }

  /** How many bodies are asked for again. */
  get missing(): number {
    return this.#missed.size;
  }

  /** Those that are asked for next, from that one on where they are many. */
  missed(from: number): readonly string[] {
    return turnOf([...this.#missed], from);
  }

  /** The entry was taken in with its body. */
  found(hash: string): void {
    this.#missed.delete(hash);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#retry.close();
    await this.#running;
  }

  async #eraseNow(): Promise<void> {
    try {
      await this.#erase();
    } catch {
      this.#retry.start();
    } finally {
      this.#running = undefined;
    }
  }

  async #erase(): Promise<void> {
    const { chains, store, log } = this.#ports;
    while (this.#open.size > 0 && !this.#closed) {
      const targets = [...this.#open];
      try {
        await store.eraseBodies(targets.flatMap((hash) => chains.get(hash) ?? []));
      } catch (caught) {
        log.error('erased bodies are still on the disk; it is tried again', {
          bodies: targets.length,
          text: asFault(caught).message,
        });
        throw caught;
      }
      for (const hash of targets) this.#open.delete(hash);
    }
  }

  /** The erasure has no right, or none any more. */
  async #lookFor(place: Place): Promise<void> {
    await this.#running;
    if (this.#closed) return;
    const [held] = await this.#ports.store.read([place]).catch(() => []);
    if (held?.entry.bodiless === true && held.entry.archived !== true && this.by(place.hash) === undefined)
      this.#missed.add(place.hash);
  }
}

/** Erase entries about one entry that are kept: who gives it without body sends the one that counts with it. */
const HEARD_OF_ONE_MAX = 4;
