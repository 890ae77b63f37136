import { silentLogger } from '../../src/base/log.ts';
import { merkleLeaf, merkleRoot } from '../../src/codec/merkle.ts';
import { type Entry, withoutBody } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import type { HeldEntry } from '../../src/ledger/ledger.ts';
import { type Checkpoint, readCheckpoint, signCheckpoint } from '../../src/receipt/checkpoint.ts';
import { Archiver } from '../../src/receipt/tiles/archiver.ts';
import { createAuthor, genesisOf, seedOf } from './ledger-authors.ts';

const KEY = signingKeyFromSeed(seedOf(7));
export const SECRET = 'Jane-Doe-4711';

const author = createAuthor(1, genesisOf(signingKeyFromSeed(seedOf(1))));
/** Entries with a body that says it, and its number. Made once: a signature each. */
export const ENTRIES = Array.from({ length: 700 }, (_, at) => author.next({ content: { person: `${SECRET} ${at}.` } }));

/** A node: its ledger in memory, its receipts, the archive on disk. */
export class ArchivingNode {
  readonly held = new Map<string, Entry>();
  readonly order: string[] = [];
  readonly erased = new Set<string>();
  incarnation = '0123456789abcdef';
  archiver: Archiver;
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.archiver = this.#start();
  }

  #start(): Archiver {
    return new Archiver({
      ...{ dir: this.#dir, log: silentLogger },
      ledger: {
        byHash: async (entry): Promise<HeldEntry | undefined> => {
          const found = this.held.get(entry);
          if (found === undefined) return undefined;
          return { entry: this.erased.has(entry) ? withoutBody(found) : found, cursor: 0, receivedMs: 1 };
        },
        erased: () => [...this.erased],
      },
      evidence: { newest: () => this.checkpoint(), entries: async (from, to) => this.order.slice(from, to) },
    });
  }

  restart(): void {
    this.archiver = this.#start();
  }

  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.held.set(entry.hash, entry);
      this.order.push(entry.hash);
    }
  }

  get root(): Buffer {
    return merkleRoot(this.order.map((entry) => merkleLeaf(Buffer.from(entry, 'hex'))));
  }

  checkpoint(): Checkpoint | undefined {
    if (this.order.length === 0) return undefined;
    const origin = { network: 'a'.repeat(64), node: KEY.author, incarnation: this.incarnation };
    return readCheckpoint(signCheckpoint(KEY, origin, { size: this.order.length, root: this.root }));
  }

  async settle(): Promise<void> {
    for (let steps = 0; await this.archiver.step(); steps += 1) if (steps > 1_000) throw new Error('it does not end');
  }
}
