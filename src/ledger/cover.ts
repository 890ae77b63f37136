import type { Sliced } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import { merkleLeaf, merkleRoot } from '../codec/merkle.ts';
import type { Entry, RawEntry } from '../entry/entry.ts';

const HASH_BYTES = 32;
const SLICE = 1_000;

/** The entries that a snapshot covers, of each author from the first on, and none that a fork makes void. */
export class CoveredLogs {
  readonly #logs = new Map<string, Buffer[]>();

  /** More hashes of an author's entries (32 bytes each), those after what was added before. */
  add(author: string, hashes: Uint8Array): void {
    const log = this.#logs.get(author);
    // A copy: what is kept would keep the whole frame.
    if (log === undefined) this.#logs.set(author, [Buffer.from(hashes)]);
    else log.push(Buffer.from(hashes));
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
    const pieces = this.#logs.get(author) ?? [];
    if (pieces.length > 1) pieces.splice(0, pieces.length, Buffer.concat(pieces));
    return pieces[0] ?? Buffer.alloc(0);
  }

  /** The root over all (FOLD.md, Z3), 64 hex digits. */
  *root(): Sliced<string> {
    const leaves: Buffer[] = [];
    let done = 0;
    for (const author of this.authors()) {
      const log = this.log(author);
      const hashes: Buffer[] = [];
      for (let at = 0; at < log.byteLength; at += HASH_BYTES) {
        hashes.push(merkleLeaf(log.subarray(at, at + HASH_BYTES)));
        if ((done += 1) % SLICE === 0) yield;
      }
      const [seq, hash] = [hashes.length, log.toString('hex', Math.max(0, log.byteLength - HASH_BYTES))];
      leaves.push(merkleLeaf(canonicalBytes({ author, hash, root: merkleRoot(hashes).toString('hex'), seq })));
    }
    return merkleRoot(leaves).toString('hex');
  }
}

/** What lets another take in what a snapshot covers without its bodies. */
export interface Cover {
  /** Genesis, the entries of a majority of root keys that make the snapshot, and what these cite. */
  readonly proof: readonly RawEntry[];
  readonly logs: CoveredLogs;
}
