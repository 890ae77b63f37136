import type { HoldfastError } from '../base/errors.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Place } from './place.ts';
import type { PlaceTable } from './place-table.ts';
import type { Cursor, DamagedLine, HeldEntry } from './ledger.ts';

/** How far the single signatures were checked, kept so that a restart does not check all of them again. */
export interface SignatureMark {
  /** Every entry before this cursor was checked. */
  readonly checkedTo: number;
  /** Cursors of those that do not hold though a later entry vouches for them. */
  readonly bad: readonly number[];
}

/** A body, and the entry that it is of. */
export interface PlacedBody {
  readonly place: Place;
  readonly body: Uint8Array;
}

/** Where entries are kept. Forms: memory (`memory-ledger.ts`), journal and index (`disk-store.ts`). */
export interface EntryStore extends Resource {
  readonly index: 'level' | 'memory';
  readonly damaged: readonly DamagedLine[];
  /** What was kept, in order. Handed over: asked for once. */
  places(): PlaceTable;
  signatureMark(): SignatureMark;
  /** Network id, where anything is kept. */
  network(): string | undefined;
  /** Why nothing can be written; undefined while all is well. */
  readonly failure: HoldfastError | undefined;
  /**
   * Resolves when all of it is durable; after a failure (`LEDGER_DISK_FAILED`) it refuses until `reopen`. `cursorOf`
   * knows what is held and what is being written.
   */
  write(entries: readonly HeldEntry[], cursorOf: (hash: string) => Cursor | undefined): Promise<void>;
  /** After a failure: resolves when exactly what was acknowledged is kept and more can be written; throws while not. */
  reopen(): Promise<void>;
  /** One answer a place, in order; undefined for a line that turned out to be damaged. */
  read(places: readonly Place[]): Promise<readonly (HeldEntry | undefined)[]>;
  /**
   * Makes the bodies of these entries unreadable for good, wherever the store keeps them. `LEDGER_DISK_FAILED`: try
   * again.
   */
  eraseBodies(places: readonly Place[]): Promise<void>;
  /**
   * Drops the bodies of these entries and marks them as archived; resolves with the bytes that are free by that. What
   * was not done when it fails (`LEDGER_DISK_FAILED`), or when the signal ends it, is as it was.
   */
  archiveBodies(places: readonly Place[], signal?: AbortSignal): Promise<number>;
  /** Puts back bodies of archived entries, which are those of their headers. `LEDGER_DISK_FAILED`. */
  restoreBodies(bodies: readonly PlacedBody[], signal?: AbortSignal): Promise<void>;
  /** Bytes that the entry takes when it is sent, about. */
  bytesOf(place: Place): number;
  saveSignatureMark(mark: SignatureMark): void;
}
