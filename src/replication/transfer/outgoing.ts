import type { Clock } from '../../base/clock.ts';
import { fault } from '../../base/errors.ts';
import { PUSH_BYTES_IN_FLIGHT, TRANSFER_READ_TURN_MS, TRANSFER_SENDING_BYTES_MAX } from '../../base/limits.ts';
import { ByteBudget } from '../../operator/contents.ts';
import type { FileCopy } from '../../operator/file-record.ts';

/** Files that were read to be sent; `leave`: they are sent, or will not be. */
export interface Reading {
  readonly copies: readonly FileCopy[];
  readonly leave: () => void;
}

export interface ReadRequest {
  /** Names the first file that is read: what it is known to be as large as. */
  readonly key: string;
  readonly read: () => Promise<readonly FileCopy[]>;
  /** Whoever it is for has left. */
  readonly isGone: () => boolean;
}

export const NOTHING_READ: Reading = { copies: [], leave: () => {} };

/** Sizes that are remembered. */
const SIZES_MAX = 1_024;

const bytesOf = (copies: readonly FileCopy[]): number =>
  copies.reduce((sum, { content }) => sum + content.byteLength, 0);

/**
 * Bounds what is held in memory to be sent to all peers together. Small files pass: each channel holds few of them, and one slow peer must not hold up
 * the others'. Large ones wait for room in the order in which they came. How large a file is shows when it was read, so one is
 * read at a time; where there is no room it is let go, and read again when there is.
 */
export class Outgoing {
  readonly #clock: Clock;
  readonly #room: ByteBudget;
  readonly #smallBytes: number;
  /** Of large files, by key, oldest first. */
  readonly #sizes = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, totalBytes = TRANSFER_SENDING_BYTES_MAX, smallBytes = PUSH_BYTES_IN_FLIGHT) {
    this.#clock = clock;
    this.#room = new ByteBudget(totalBytes);
    this.#smallBytes = smallBytes;
  }

  /** Throws what `read` throws, and `NETWORK_CHANNEL_CLOSED` where nobody is there any more when its turn comes. */
  async read(request: ReadRequest): Promise<Reading> {
    const reading = this.#sizes.has(request.key) ? undefined : await this.#inTurn(() => this.#readNew(request));
    return reading ?? this.#readLarge(request);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = this.#turn.then(() => this.#overOrLate(done));
    return done;
  }

  /** A read that hangs must not hold up everybody. */
  #overOrLate(done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(TRANSFER_READ_TURN_MS, resolve);
      const end = (): void => {
        cancel();
        resolve();
      };
      done.then(end, end);
    });
  }

  /** Undefined: it is large and there is no room for it; nobody holds it any more. */
  async #readNew({ key, read, isGone }: ReadRequest): Promise<Reading | undefined> {
    if (isGone()) throw nobody();
    const copies = await read();
    const bytes = bytesOf(copies);
    if (bytes <= this.#smallBytes) return { copies, leave: () => {} };
    this.#remember(key, bytes);
    const leave = this.#room.takeNow(bytes);
    return leave && { copies, leave };
  }

  async #readLarge({ key, read, isGone }: ReadRequest): Promise<Reading> {
    const leave = await this.#room.take(this.#sizes.get(key) ?? this.#smallBytes, true);
    try {
      if (isGone()) throw nobody();
      const copies = await read();
      this.#sizes.delete(key);
      if (bytesOf(copies) > this.#smallBytes) this.#remember(key, bytesOf(copies));
      return { copies, leave };
    } catch (caught) {
      leave();
      throw caught;
    }
  }

  #remember(key: string, bytes: number): void {
    this.#sizes.set(key, bytes);
    for (const oldest of this.#sizes.keys()) if (this.#sizes.size > SIZES_MAX) this.#sizes.delete(oldest);
  }
}

const nobody = (): Error => fault('NETWORK_CHANNEL_CLOSED', 'nobody waits for the files any more');
