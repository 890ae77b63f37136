import { fault } from '../base/errors.ts';
import { QUERY_RESULT_BYTES_MAX, QUERY_RESULTS_BYTES_MAX } from '../base/limits.ts';
import { ownBytes } from '../base/own-bytes.ts';
import type { Holdings } from '../operator/file-record.ts';
import { parseChunk } from './answer.ts';
import type { PartRecord } from './jobs.ts';
import type { AnswerListener } from './remote/ask.ts';
import { RowChunks } from './row-list.ts';

/** Bytes of rows that all queries of a node may hold together while they collect them. */
export class ResultRoom {
  #left = QUERY_RESULTS_BYTES_MAX;

  take(bytes: number): void {
    if (bytes > this.#left)
      throw fault('QUERY_RESULTS_BUSY', `the rows of all running queries exceed ${QUERY_RESULTS_BYTES_MAX} bytes`, {
        hint: 'try again when the other large queries have ended; aggregate, or add a LIMIT',
      });
    this.#left -= bytes;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/** Bytes of rows that one query may hold, over all its parts, and holds until its result is read. */
export class Budget {
  readonly #room: ResultRoom;
  #held = 0;
  #sealed = false;

  constructor(room: ResultRoom) {
    this.#room = room;
  }

  /** Returns how many count. */
  take(bytes: number): number {
    if (this.#sealed) return 0;
    if (this.#held + bytes > QUERY_RESULT_BYTES_MAX)
      throw fault('QUERY_RESULT_OVERSIZE', `the rows of the query exceed ${QUERY_RESULT_BYTES_MAX} bytes`, {
        hint: 'aggregate, select fewer columns or add a LIMIT',
      });
    this.#room.take(bytes);
    this.#held += bytes;
    return bytes;
  }

  giveBack(bytes: number): void {
    const given = Math.min(bytes, this.#held);
    this.#held -= given;
    this.#room.giveBack(given);
  }

  /** The query has ended: nothing counts that a slow operator still sends. */
  seal(): void {
    this.#sealed = true;
  }

  /** The result was read, or there is none: gives everything back. */
  close(): void {
    this.seal();
    this.giveBack(this.#held);
  }
}

/** What an answer is kept for: to be read, or to be merged with others in a thread. */
export type Keep = 'rows' | 'chunks';

/** Takes up the answer of one operator, checked chunk by chunk. Nothing of it counts until it is complete. */
export class AnswerCollector implements AnswerListener {
  readonly rows: RowChunks;
  readonly chunks: Uint8Array[] = [];
  /** Files that the operator lacks and knows of. */
  behind = 0;
  /** What the answer was made from. */
  held: Holdings = new Map();
  /** Origins whose rows it left out, since they count in another cluster. */
  left: readonly string[] = [];
  readonly #width: number;
  readonly #keep: Keep;
  readonly #budget: Budget;
  readonly #part: PartRecord;
  readonly #onAlive: () => void;
  #bytes = 0;

  constructor(width: number, keep: Keep, budget: Budget, part: PartRecord, onAlive: () => void) {
    this.#width = width;
    this.rows = new RowChunks(width);
    this.#keep = keep;
    this.#budget = budget;
    this.#part = part;
    this.#onAlive = onAlive;
  }

  accepted(behind: number): void {
    this.behind = behind;
    this.#part.accepted(behind);
    this.#onAlive();
  }

  chunk(bytes: Uint8Array): number {
    this.#bytes += this.#budget.take(bytes.byteLength);
    // Who sends rows is not asked again elsewhere: two whole answers would not fit where one does.
    this.#onAlive();
    const rows = parseChunk(bytes, this.#width);
    this.#part.block(rows.length);
    if (this.#keep === 'rows') this.rows.add(ownBytes(bytes), rows);
    else this.chunks.push(forThread(bytes));
    return rows.length;
  }

  ended(held: Holdings, left: readonly string[]): void {
    this.held = held;
    this.left = left;
  }

  /** Operator policy id; empty where it is no operator. */
  get operator(): string {
    return this.#part.operator;
  }

  /** Forgets what came from an operator that failed or was too slow. */
  drop(): void {
    this.#budget.giveBack(this.#bytes);
    this.#bytes = 0;
    this.rows.clear();
    this.chunks.length = 0;
  }
}

/** What crosses to a thread is copied, unless it lies in memory that threads share. */
const forThread = (bytes: Uint8Array): Uint8Array => {
  if (bytes.byteLength < SHARED_FROM_BYTES) return new Uint8Array(bytes);
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  copy.set(bytes);
  return copy;
};
const SHARED_FROM_BYTES = 65_536;
