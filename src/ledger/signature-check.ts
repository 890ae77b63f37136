import type { Logger } from '../base/log.ts';
import type { Cursor, HeldEntry } from './ledger.ts';
import type { SignatureMark } from './store.ts';

/** Verified at a time: few, so that a write to disk never waits long for the same thread pool. */
const SLICE = 8;

export interface SignatureCheckPorts {
  /** Entries in order of arrival from the cursor on. */
  read(cursor: Cursor, limit: number): Promise<readonly HeldEntry[]>;
  holds(held: HeldEntry): Promise<boolean> | boolean;
  saveMark(mark: SignatureMark): void;
  readonly log: Logger;
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
  #running: Promise<void> | undefined;
  #closed = false;

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

  /** The ledger grew to `end`; `known` were verified on the way in. */
  extend(end: Cursor, known: readonly Cursor[]): void {
    this.#end = end;
    for (const cursor of known) this.#known.add(cursor);
    this.#skipKnown();
    this.start();
  }

  /** Goes on in the background, if there is anything to check. */
  start(): void {
    if (this.#running !== undefined || this.#closed || this.#checkedTo >= this.#end) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything held at the time was checked. */
  async finished(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    this.#saveMark();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closed && this.#checkedTo < this.#end) {
        const slice = await this.#ports.read(this.#checkedTo, SLICE);
        await Promise.all(slice.map((held) => this.#check(held)));
        const last = slice.at(-1);
        const next = last === undefined ? this.#end : last.cursor + 1;
        for (let cursor = this.#checkedTo; cursor < next; cursor += 1) this.#known.delete(cursor);
        this.#checkedTo = next;
        this.#skipKnown();
      }
      this.#saveMark();
    } catch (caught) {
      this.#ports.log.warn('cannot check signatures in the background', { cause: String(caught) });
      this.#closed = true;
    }
  }

  #saveMark(): void {
    this.#ports.saveMark({ checkedTo: this.#checkedTo, bad: [...this.#bad] });
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
