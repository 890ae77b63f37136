import { NumberList } from '../base/number-list.ts';
import type { Position } from './journal-files.ts';
import type { Cursor } from './ledger.ts';

/** Where the line of each cursor lies: 24 bytes a line. */
export class Positions {
  readonly #files = new NumberList();
  readonly #offsets = new NumberList();
  readonly #lengths = new NumberList();

  get length(): number {
    return this.#files.length;
  }

  at(cursor: Cursor): Position | undefined {
    const file = this.#files.at(cursor);
    return file === undefined
      ? undefined
      : { file, offset: this.#offsets.at(cursor) ?? 0, length: this.#lengths.at(cursor) ?? 0 };
  }

  push({ file, offset, length }: Position): void {
    this.#files.push(file);
    this.#offsets.push(offset);
    this.#lengths.push(length);
  }

  /** The line lies elsewhere now. */
  set(cursor: Cursor, { file, offset, length }: Position): void {
    this.#files.set(cursor, file);
    this.#offsets.set(cursor, offset);
    this.#lengths.set(cursor, length);
  }

  /** Bytes of the line, its newline included; 0 where there is none. */
  lengthOf(cursor: Cursor): number {
    return this.#lengths.at(cursor) ?? 0;
  }
}
