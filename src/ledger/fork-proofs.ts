import type { EventEmitter } from 'node:events';
import { asFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Equivocation, LedgerNotices } from './ledger.ts';
import { proveFork, type VoucherSource } from './proof.ts';
import { tell } from './tell.ts';

/** The proofs of equivocation, as far as the two entries of a fork could be read. */
export class ForkProofs {
  readonly #source: VoucherSource;
  readonly #notices: EventEmitter<LedgerNotices>;
  readonly #log: Logger;
  readonly #proofs = new Map<string, Equivocation>();
  /** Authors with a fork whose two entries could not be read. */
  readonly #open = new Set<string>();

  constructor(source: VoucherSource, notices: EventEmitter<LedgerNotices>, log: Logger) {
    this.#source = source;
    this.#notices = notices;
    this.#log = log;
  }

  get size(): number {
    return this.#proofs.size;
  }

  list(): readonly Equivocation[] {
    return [...this.#proofs.values()];
  }

  /** Whether an author's fork lacks its proof: an entry that could not be read may have come again. */
  lacks(author: string): boolean {
    return this.#open.has(author);
  }

  /** Makes the proof of an author's fork, and tells of it. */
  async prove(author: string): Promise<void> {
    const fork = this.#source.chains.fork(author);
    if (fork === undefined) return;
    const proof = await proveFork(this.#source, author, fork).catch((caught: unknown) => {
      this.#log.error('a proof of equivocation cannot be read', { author, text: asFault(caught).message });
    });
    if (proof === undefined) {
      this.#open.add(author);
      return;
    }
    this.#open.delete(author);
    this.#proofs.set(author, proof);
    this.#log.warn('an author equivocated; its entries are void from there on', { author, seq: fork.seq });
    tell(this.#notices, this.#log, 'ledger:equivocation', proof);
  }

  /** What an entry of the author said was erased: a proof that holds it is made anew. */
  async erased(author: string): Promise<void> {
    if (this.#proofs.has(author)) await this.prove(author);
  }
}
