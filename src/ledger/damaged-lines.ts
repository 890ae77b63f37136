import type { Logger } from '../base/log.ts';
import type { Chains } from './chain.ts';
import type { DamagedLine } from './ledger.ts';
import type { EntryStore } from './store.ts';

/** What tells whether the entry of a damaged line is back. */
export interface DamagedLinesPorts {
  /** The own key. */
  readonly author: string;
  readonly chains: Chains;
  readonly store: Pick<EntryStore, 'damaged'>;
}

/** Tells people of a damaged line that was met: its file, place and, as far as known, entry. */
export const logDamaged = (log: Logger, line: DamagedLine): void =>
  log.error('a line of the journal is damaged: set aside, asked for again from peers', { ...line });

/**
 * Which damaged lines still matter. The line itself stays as it is for good; it is mended once its entry is held again,
 * or, where nothing tells whose it was, once every known peer was asked and none holds anything that is lacking here.
 */
export class DamagedLines {
  readonly #ports: DamagedLinesPorts;
  readonly #compared = new Set<DamagedLine>();

  constructor(ports: DamagedLinesPorts) {
    this.#ports = ports;
  }

  /** Those whose entries may be lacking. */
  open(): readonly DamagedLine[] {
    return this.#ports.store.damaged.filter((line) => !this.#compared.has(line) && !this.#isHeldAgain(line));
  }

  get mended(): number {
    return this.#ports.store.damaged.length - this.open().length;
  }

  /**
   * An own entry beyond the end of the own log was once there: its number must not be used again, whatever the peers
   * lack.
   */
  get isOwnLogBehind(): boolean {
    return this.#ports.store.damaged.some((line) => this.#isOwnAhead(line));
  }

  /** No known peer holds anything that is lacking here. */
  nothingLacks(): void {
    for (const line of this.#ports.store.damaged) if (!this.#isOwnAhead(line)) this.#compared.add(line);
  }

  #isHeldAgain({ author, seq }: DamagedLine): boolean {
    return author !== undefined && seq !== undefined && this.#ports.chains.rivals(author, seq).length > 0;
  }

  #isOwnAhead({ author, seq }: DamagedLine): boolean {
    const { author: own, chains } = this.#ports;
    return author === own && (seq ?? 0) > (chains.head(own)?.seq ?? 0);
  }
}
