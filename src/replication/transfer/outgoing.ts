import type { Clock } from '../../base/clock.ts';
import { fault } from '../../base/errors.ts';
import {
  PULL_RETRY_MAX_MS,
  PULL_RETRY_MIN_MS,
  PUSH_BYTES_IN_FLIGHT,
  TRANSFER_READ_TURN_MS,
  TRANSFER_SENDING_BYTES_MAX,
} from '../../base/limits.ts';
import { ByteBudget } from '../../operator/contents.ts';
import type { FileCopy } from '../../operator/file-record.ts';

/** Files that were read to be sent; `leave`: they are sent, or will not be. */
export interface Reading {
  readonly copies: readonly FileCopy[];
  readonly leave: () => void;
  /** It takes room until `leave`. */
  readonly large: boolean;
  /** The first file is large and there is no room for it: nothing is held, and so long was read in vain. */
  readonly passedOverMs?: number;
}

/** Files that are to be read to be sent to one peer. */
export interface ReadRequest {
  /** Names the first file that is read: what it is known to be as large as. */
  readonly key: string;
  readonly read: () => Promise<readonly FileCopy[]>;
  /** Whoever it is for has left. */
  readonly isGone: () => boolean;
  /** The operator that asks for it, and asks again: it gets a place in line. */
  readonly peer?: string;
}

/** Nothing was read, and nothing has to be given back. */
export const NOTHING_READ: Reading = { copies: [], leave: () => {}, large: false };

/** Who was passed over comes before others for so long, and twice as long as it has waited so far. */
export const LINE_MS = 4 * PULL_RETRY_MIN_MS;
/** Sizes that are remembered. */
const SIZES_MAX = 1_024;

const bytesOf = (copies: readonly FileCopy[]): number =>
  copies.reduce((sum, { content }) => sum + content.byteLength, 0);

/**
 * Bounds what is held in memory to be sent to all peers together. Small files pass: each channel holds few of them. A
 * large one for which there is no room is passed over at once, since whoever waited for it in silence would be given
 * up, and what lies behind it would wait too. A peer that was passed over is in line: when it asks again there is room
 * for it before those who came later. How large a file is shows when it was read, so one is read at a time.
 */
export class Outgoing {
  readonly #clock: Clock;
  readonly #room: ByteBudget;
  readonly #smallBytes: number;
  /** Of large files, by key, oldest first. */
  readonly #sizes = new Map<string, number>();
  /** Peers that were passed over, in the order in which they came. */
  readonly #line = new Map<string, { readonly sinceMs: number; readonly untilMs: number }>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, totalBytes = TRANSFER_SENDING_BYTES_MAX, smallBytes = PUSH_BYTES_IN_FLIGHT) {
    this.#clock = clock;
    this.#room = new ByteBudget(totalBytes);
    this.#smallBytes = smallBytes;
  }

  /** Throws what `read` throws, and `NETWORK_CHANNEL_CLOSED` where nobody is there any more when its turn comes. */
  async read(request: ReadRequest): Promise<Reading> {
    const bytes = this.#sizes.get(request.key);
    if (bytes === undefined) return this.#inTurn(() => this.#readNew(request));
    const leave = this.#roomFor(request, bytes);
    return leave === undefined ? passedOver(0) : this.#readLarge(request, leave);
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

  async #readNew(request: ReadRequest): Promise<Reading> {
    if (request.isGone()) throw nobody();
    const startMs = this.#clock.monotonicMs();
    const copies = await request.read();
    const bytes = bytesOf(copies);
    if (bytes <= this.#smallBytes) return { copies, leave: () => {}, large: false };
    this.#remember(request.key, bytes);
    const leave = this.#roomFor(request, bytes);
    return leave === undefined ? passedOver(this.#clock.monotonicMs() - startMs) : { copies, leave, large: true };
  }

  /** What gives the room back; undefined where there is none, or others come first. */
  #roomFor({ peer }: ReadRequest, bytes: number): (() => void) | undefined {
    const nowMs = this.#clock.monotonicMs();
    for (const [other, { untilMs }] of this.#line) if (untilMs <= nowMs) this.#line.delete(other);
    const [next = peer] = this.#line.keys();
    const leave = next === peer ? this.#room.takeNow(bytes) : undefined;
    if (peer === undefined) return leave;
    const sinceMs = this.#line.get(peer)?.sinceMs ?? nowMs;
    // Who asks again waits about as long as it has waited so far. Who does not ask any more must not keep the others
    // out.
    const untilMs = nowMs + Math.min(LINE_MS + 2 * (nowMs - sinceMs), 2 * PULL_RETRY_MAX_MS);
    if (leave === undefined) this.#line.set(peer, { sinceMs, untilMs });
    else this.#line.delete(peer);
    return leave;
  }

  async #readLarge({ key, read, isGone }: ReadRequest, leave: () => void): Promise<Reading> {
    try {
      if (isGone()) throw nobody();
      const copies = await read();
      this.#sizes.delete(key);
      if (bytesOf(copies) > this.#smallBytes) this.#remember(key, bytesOf(copies));
      return { copies, leave, large: true };
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

const passedOver = (passedOverMs: number): Reading => ({ ...NOTHING_READ, passedOverMs });

const nobody = (): Error => fault('NETWORK_CHANNEL_CLOSED', 'nobody waits for the files any more');
