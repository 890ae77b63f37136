import { HASH_BYTES } from './tree.ts';

/** Slots for each hash, at least. */
const ROOM = 2;
const SMALLEST = 1_024;

/** A list of hashes that knows where each stands: 32 bytes a hash and 8 to 16 for the table. */
export class KnownHashes {
  #hashes = Buffer.alloc(SMALLEST * HASH_BYTES);
  /** Open addressing: number of a hash and one, 0 where the slot is free. */
  #slots = new Uint32Array(ROOM * SMALLEST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Number of the hash in the list; undefined where it is not there. */
  indexOf(hash: Buffer): number | undefined {
    const found = this.#slots[this.#slotOf(hash)] ?? 0;
    return found === 0 ? undefined : found - 1;
  }

  /** False for one that is there already. */
  add(hash: Buffer): boolean {
    if (ROOM * this.#length >= this.#slots.length) this.#grow();
    const slot = this.#slotOf(hash);
    if (this.#slots[slot] !== 0) return false;
    this.#hashes.set(hash, this.#length * HASH_BYTES);
    this.#length += 1;
    this.#slots[slot] = this.#length;
    return true;
  }

  /** The slot of the hash, or the free one where it belongs. SHA-256 spreads by itself. */
  #slotOf(hash: Buffer): number {
    for (let slot = hash.readUInt32LE() % this.#slots.length; ; slot = (slot + 1) % this.#slots.length) {
      const found = this.#slots[slot] ?? 0;
      if (found === 0 || hash.equals(this.#hashes.subarray((found - 1) * HASH_BYTES, found * HASH_BYTES))) return slot;
    }
  }

  #grow(): void {
    const hashes = Buffer.alloc(2 * this.#hashes.byteLength);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    this.#slots = new Uint32Array(2 * this.#slots.length);
    for (let at = 0; at < this.#length; at += 1)
      this.#slots[this.#slotOf(hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))] = at + 1;
  }
}
