import { SYNC_AUTHORS_MAX, SYNC_COVERED_FRAME_MAX, SYNC_COVERED_LOG_HASHES, SYNC_COVERED_MAX } from '../base/limits.ts';
import { sortInSlices, type Sliced } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import { LeafTree } from '../codec/leaf-tree.ts';
import type { Entry, RawEntry } from '../entry/entry.ts';

const HASH_BYTES = 32;
/** Hashes, and logs (each a leaf and its JSON), that are worked off between two turns of the event loop. */
const HASHES_SLICE = 1_000;
const LOGS_SLICE = 250;

interface Log {
  /** With room for more. */
  bytes: Buffer;
  length: number;
}

/** The entries that a snapshot covers, of each author from the first on, and none that a fork makes void. */
export class CoveredLogs {
  readonly #logs = new Map<string, Log>();
  #entries = 0;

  /** Entries in all. */
  get entries(): number {
    return this.#entries;
  }

  /** Their authors. */
  get size(): number {
    return this.#logs.size;
  }

  /** More hashes of an author's entries (32 bytes each), those after what was added before. */
  add(author: string, hashes: Uint8Array): void {
    this.#entries += hashes.byteLength / HASH_BYTES;
    const log = this.#logs.get(author);
    if (log === undefined) {
      // A copy: what is kept would keep the whole frame.
      this.#logs.set(author, { bytes: Buffer.from(hashes), length: hashes.byteLength });
      return;
    }
    const length = log.length + hashes.byteLength;
    if (length > log.bytes.byteLength) {
      const grown = Buffer.alloc(Math.max(length, 2 * log.bytes.byteLength));
      grown.set(log.bytes);
      log.bytes = grown;
    }
    log.bytes.set(hashes, log.length);
    log.length = length;
  }

  has({ hash, header: { author, seq } }: Pick<Entry, 'hash' | 'header'>): boolean {
    const at = (seq - 1) * HASH_BYTES;
    return this.log(author).toString('hex', at, at + HASH_BYTES) === hash;
  }

  authors(): readonly string[] {
    return [...this.#logs.keys()].sort();
  }

  /** The hashes of an author's entries, 32 bytes each. */
  log(author: string): Buffer {
    const log = this.#logs.get(author);
    return log === undefined ? Buffer.alloc(0) : log.bytes.subarray(0, log.length);
  }

  /** The root over all (FOLD.md, Z3), 64 hex digits. */
  *root(): Sliced<string> {
    const leaves = new LeafTree();
    let [done, ended] = [0, 0];
    for (const author of yield* sortInSlices([...this.#logs.keys()], (a, b) => (a < b ? -1 : 1))) {
      const log = this.log(author);
      const hashes = new LeafTree();
      for (let at = 0; at < log.byteLength; at += HASH_BYTES) {
        hashes.add(log.subarray(at, at + HASH_BYTES));
        if ((done += 1) % HASHES_SLICE === 0) yield;
      }
      const [seq, hash] = [log.byteLength / HASH_BYTES, log.toString('hex', Math.max(0, log.byteLength - HASH_BYTES))];
      leaves.add(canonicalBytes({ author, hash, root: hashes.root(), seq }));
      if ((ended += 1) % LOGS_SLICE === 0) yield;
    }
    return leaves.root();
  }
}

/** What lets another take in what a snapshot covers without its bodies. */
export interface Cover {
  /** Genesis, the entries of a majority of root keys that make the snapshot, and what these cite. */
  readonly proof: readonly RawEntry[];
  readonly logs: CoveredLogs;
}

/** Whether an honest node takes so much in one answer; a log that is cut counts again in its next frame. */
export const fitsAnswer = ({ size, entries }: Pick<CoveredLogs, 'size' | 'entries'>): boolean => {
  const once = entries + SYNC_COVERED_LOG_HASHES * size;
  const frames = Math.ceil(once / (SYNC_COVERED_FRAME_MAX - SYNC_COVERED_LOG_HASHES));
  return size <= SYNC_AUTHORS_MAX && once + SYNC_COVERED_LOG_HASHES * frames <= SYNC_COVERED_MAX;
};
