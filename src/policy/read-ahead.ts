import type { Cursor, HeldEntry, Ledger } from '../ledger/ledger.ts';

/** Some entries in order of arrival; none at the end of the ledger. */
export interface Piece {
  readonly held: readonly HeldEntry[];
  /** Where the next piece begins. */
  readonly next: Cursor;
}

interface Reading {
  readonly cursor: Cursor;
  /** Of the ledger when it began. */
  readonly size: Cursor;
  readonly held: Promise<readonly HeldEntry[]>;
}

/** Reads a ledger piece by piece: the disk reads the next one while somebody works on the one before. */
export class ReadAhead {
  readonly #ledger: Pick<Ledger, 'follow' | 'size'>;
  readonly #entries: number;
  #ahead: Reading | undefined;

  /** `entries`: how many a piece has at most. */
  constructor(ledger: Pick<Ledger, 'follow' | 'size'>, entries: number) {
    this.#ledger = ledger;
    this.#entries = entries;
  }

  /** The entries from `cursor` on. Rejects as the ledger's `follow`; asked again, it reads again. */
  async piece(cursor: Cursor): Promise<Piece> {
    const reading = this.#ahead?.cursor === cursor ? this.#ahead : this.#read(cursor);
    this.#ahead = undefined;
    const held = await reading.held;
    const last = held.at(-1);
    // Nothing up to the end: what is there is damaged, and set aside by the ledger.
    const next = last === undefined ? reading.size : last.cursor + 1;
    if (next < this.#ledger.size) this.#ahead = this.#read(next);
    // Whoever asks for it hears of it; nobody may.
    this.#ahead?.held.catch(() => {});
    return { held, next };
  }

  /** The ledger may give out otherwise by now what was read ahead: it is read again. */
  forget(): void {
    this.#ahead = undefined;
  }

  #read(cursor: Cursor): Reading {
    return { cursor, size: this.#ledger.size, held: this.#ledger.follow(cursor, this.#entries) };
  }
}
