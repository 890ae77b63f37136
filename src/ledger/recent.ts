import { LEDGER_CACHE_BYTES_MAX, LEDGER_CACHE_ENTRIES_MAX } from '../base/limits.ts';
import type { RawEntry } from '../entry/entry.ts';
import type { Cursor, HeldEntry } from './ledger.ts';

export const rawBytes = ({ header, signature, body }: RawEntry): number =>
  header.byteLength + signature.byteLength + body.byteLength;

/**
 * An entry in memory of its own: small buffers are cut from larger ones (Node's pool, a frame of many entries), and each would keep all of
 * that for as long as it is remembered.
 */
const onItsOwn = (held: HeldEntry): HeldEntry => {
  const { raw } = held.entry;
  const memory = Buffer.allocUnsafeSlow(rawBytes(raw));
  let at = 0;
  const moved = (bytes: Uint8Array): Uint8Array => {
    memory.set(bytes, at);
    at += bytes.byteLength;
    return memory.subarray(at - bytes.byteLength, at);
  };
  const [header, signature, body] = [moved(raw.header), moved(raw.signature), moved(raw.body)];
  return { ...held, entry: { ...held.entry, raw: { header, signature, body } } };
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
    this.#entries.set(held.cursor, onItsOwn(held));
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
