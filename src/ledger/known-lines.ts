import type { IndexRecord } from './index-record.ts';
import type { Position } from './journal-files.ts';
import type { Cursor } from './ledger.ts';
import { PlaceTable } from './place-table.ts';
import { Positions } from './positions.ts';

/** What is known of the lines of a journal, in their order: where each lies, and the place of its entry. */
export class KnownLines {
  readonly positions = new Positions();
  readonly places = new PlaceTable();
  /** Where lines lie that cannot be read. */
  readonly lost: Position[] = [];

  add({ position, place }: IndexRecord): void {
    this.positions.push(position);
    if (place !== undefined) this.places.add(place);
    else {
      this.places.skip();
      this.lost.push(position);
    }
  }

  /** The last line that could be read, and the hash of its entry. */
  get last(): { readonly position: Position; readonly hash: string } | undefined {
    for (let cursor: Cursor = this.positions.length - 1; cursor >= 0; cursor -= 1) {
      const [position, place] = [this.positions.at(cursor), this.places.at(cursor)];
      if (position !== undefined && place !== undefined) return { position, hash: place.hash };
    }
    return undefined;
  }
}
