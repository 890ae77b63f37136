import type { Clock } from '../base/clock.ts';
import { DISK_RETRY_MAX_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Cursor, HeldEntry } from './ledger.ts';
import type { SignatureMark } from './store.ts';

/** Verified at any time: few, so that a write to disk never waits long for the same thread pool. */
const LANES = 8;
/** Read at a time, while those before are verified. */
const PIECE = 64;
/**
 * While entries keep coming the check waits for a pause, since it needs the same cores; but no longer than this, and
 * then it checks so many.
 */
const PAUSE_MS = 50;
const PAUSE_WAIT_MS_MAX = 500;
const BUSY_PIECES = 4;

/** Where entries come from, who checks one (`holds`), and where it is kept how far the check has come. */
export interface SignatureCheckPorts {
  /** Entries in order of arrival from the cursor on. */
  read(cursor: Cursor, limit: number): Promise<readonly HeldEntry[]>;
  holds(held: HeldEntry): Promise<boolean> | boolean;
  saveMark(mark: SignatureMark): void;
  readonly log: Logger;
  /** Waits for a pause; where left out, new entries are checked at once. */
  readonly clock?: Clock | undefined;
}

/**
 * Checks, after the fact and in order of arrival, the single signatures that were not needed to accept an entry. One
 * that does not hold is counted and logged; the entry stays authentic, since a later one of its log vouches for it.
 */
export class SignatureCheck {
  readonly #ports: SignatureCheckPorts;
  readonly #bad: Set<Cursor>;
  #checkedTo: Cursor;
  #end: Cursor;
  /** Checked already when they were accepted. */
  readonly #known = new Set<Cursor>();
  /** Resolves to false where entries cannot be read. */
  #running: Promise<boolean> | undefined;
  #closed = false;
  #cancelPause: (() => void) | undefined;
  /** When the first of the entries came that wait for a pause, monotonic milliseconds. */
  #waitsSinceMs: number | undefined;
  /** When entries came last, monotonic milliseconds. */
  #newsAtMs = Number.NEGATIVE_INFINITY;
  /** How many wait for the end of the check. */
  #awaited = 0;

  constructor(ports: SignatureCheckPorts, mark: SignatureMark, end: Cursor) {
    this.#ports = ports;
    this.#bad = new Set(mark.bad);
    this.#checkedTo = Math.min(mark.checkedTo, end);
    this.#end = end;
  }

  /** Counts for `LedgerStatus`. */
  get counts(): { readonly checked: number; readonly unchecked: number; readonly bad: number } {
    const unchecked = this.#end - this.#checkedTo - this.#known.size;
    return { checked: this.#end - unchecked - this.#bad.size, unchecked, bad: this.#bad.size };
  }

  isBad(cursor: Cursor): boolean {
    return this.#bad.has(cursor);
  }

  /** Whether a signature holds; undefined where it was not checked yet. */
  isGood(cursor: Cursor): boolean | undefined {
    if (cursor >= this.#checkedTo && !this.#known.has(cursor)) return undefined;
    return !this.#bad.has(cursor);
  }

  /** The ledger grew to `end`; `known` were verified on the way in. */
  extend(end: Cursor, known: readonly Cursor[]): void {
    this.#end = end;
    for (const cursor of known) this.#known.add(cursor);
    this.#skipKnown();
    this.#newsAtMs = this.#ports.clock?.monotonicMs() ?? this.#newsAtMs;
    this.#startAtPause();
  }

  /** Goes on in the background, if there is anything to check. */
  start(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#waitsSinceMs = undefined;
    if (this.#running !== undefined || this.#closed || this.#checkedTo >= this.#end) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything held at the time was checked, or could not be read; does not wait for a pause. */
  async finished(): Promise<void> {
    this.#awaited += 1;
    // A run that has just given way to new entries, or seen its end, looks no further: another goes on.
    for (const end = this.#end; this.#checkedTo < end;) {
      this.start();
      if ((await this.#running) !== true) break;
    }
    this.#awaited -= 1;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPause?.();
    await this.#running;
    this.#saveMark();
  }

  #startAtPause(): void {
    const { clock } = this.#ports;
    if (clock === undefined) {
      this.start();
      return;
    }
    if (this.#checkedTo >= this.#end || this.#closed) return;
    const nowMs = clock.monotonicMs();
    this.#waitsSinceMs ??= nowMs;
    this.#cancelPause?.();
    const ms = Math.min(PAUSE_MS, Math.max(0, this.#waitsSinceMs + PAUSE_WAIT_MS_MAX - nowMs));
    this.#cancelPause = clock.after(ms, () => this.start());
  }

  async #run(): Promise<boolean> {
    let ahead: readonly HeldEntry[] | undefined;
    try {
      for (let pieces = 0; !this.#closed && this.#checkedTo < this.#end;) {
        if (ahead === undefined && this.#givesWay(pieces)) break;
        const end = this.#end;
        const piece = ahead ?? (await this.#ports.read(this.#checkedTo, PIECE));
        pieces += 1;
        const last = piece.at(-1);
        const next = last === undefined ? end : Math.max(this.#checkedTo, last.cursor + 1);
        [ahead] = await Promise.all([this.#readAhead(next, pieces), this.#checkAll(piece)]);
        this.#passTo(next);
      }
      this.#saveMark();
      this.#startAtPause();
      return true;
    } catch (caught) {
      this.#ports.log.warn('cannot check signatures in the background; it is tried again', { cause: String(caught) });
      this.#cancelPause = this.#ports.clock?.after(DISK_RETRY_MAX_MS, () => this.start());
      return false;
    }
  }

  /** What comes after, so that nobody waits for the disk; undefined where it is to be read when it is needed. */
  async #readAhead(from: Cursor, pieces: number): Promise<readonly HeldEntry[] | undefined> {
    if (from >= this.#end || this.#closed || this.#givesWay(pieces)) return undefined;
    const piece = await this.#ports.read(from, PIECE);
    return piece.length === 0 ? undefined : piece;
  }

  /** Always so many at a time: the next one begins when any is done. */
  async #checkAll(piece: readonly HeldEntry[]): Promise<void> {
    const left = piece.filter(({ cursor }) => cursor >= this.#checkedTo).values();
    const lane = async (): Promise<void> => {
      for (const held of left) await this.#check(held);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  #givesWay(pieces: number): boolean {
    return pieces >= BUSY_PIECES && this.#isBusy();
  }

  /** More entries are coming, and nobody waits for the check. */
  #isBusy(): boolean {
    const { clock } = this.#ports;
    return clock !== undefined && this.#awaited === 0 && clock.monotonicMs() - this.#newsAtMs < PAUSE_MS;
  }

  #saveMark(): void {
    this.#ports.saveMark({ checkedTo: this.#checkedTo, bad: [...this.#bad] });
  }

  #passTo(next: Cursor): void {
    for (let cursor = this.#checkedTo; cursor < next; cursor += 1) this.#known.delete(cursor);
    this.#checkedTo = next;
    this.#skipKnown();
  }

  #skipKnown(): void {
    while (this.#known.delete(this.#checkedTo)) this.#checkedTo += 1;
  }

  async #check(held: HeldEntry): Promise<void> {
    if (this.#known.has(held.cursor) || (await this.#ports.holds(held))) return;
    this.#bad.add(held.cursor);
    const { author, seq } = held.entry.header;
    this.#ports.log.warn('an entry is badly signed; a later one of its author vouches for it', {
      author,
      seq,
      hash: held.entry.hash,
    });
  }
}
