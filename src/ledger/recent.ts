import { LEDGER_CACHE_BYTES_MAX, LEDGER_CACHE_ENTRIES_MAX } from '../base/limits.ts';
import type { Cursor, HeldEntry } from './ledger.ts';
import { onItsOwn, rawBytes } from './own-bytes.ts';

const remembered = (held: HeldEntry): HeldEntry => {
  const raw = onItsOwn(held.entry.raw);
  return raw === held.entry.raw ? held : { ...held, entry: { ...held.entry, raw } };
};

/** The entries that came last, so that whoever follows the ledger live needs no disk. Bounded in number and bytes. */
export class RecentEntries {
  readonly #entries = new Map<Cursor, HeldEntry>();
  /** None is before this one. */
  #from: Cursor = 0;
  #bytes = 0;

  get(cursor: Cursor): HeldEntry | undefined {
    return this.#entries.get(cursor);
  }

  /** They come in the order of their cursors. */
  add(held: HeldEntry): void {
    if (this.#entries.size === 0) this.#from = held.cursor;
    this.#entries.set(held.cursor, remembered(held));
    this.#bytes += rawBytes(held.entry.raw);
    for (; this.#entries.size > LEDGER_CACHE_ENTRIES_MAX || this.#bytes > LEDGER_CACHE_BYTES_MAX; this.#from += 1)
      this.remove(this.#from);
  }

  remove(cursor: Cursor): void {
    const held = this.#entries.get(cursor);
    if (held === undefined) return;
    this.#entries.delete(cursor);
    this.#bytes -= rawBytes(held.entry.raw);
  }
}
