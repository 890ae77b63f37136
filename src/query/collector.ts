import { fault } from '../base/errors.ts';
import { QUERY_RESULT_BYTES_MAX, QUERY_RESULTS_BYTES_MAX } from '../base/limits.ts';
import type { Holdings } from '../operator/file-record.ts';
import type { SqlRow } from '../sqlite/sqlite.ts';
import { parseChunk } from './answer.ts';
import type { PartRecord } from './jobs.ts';
import type { AnswerListener } from './remote/protocol.ts';

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

/** Bytes of rows that one query may hold, over all its parts. */
export class Budget {
  readonly #room: ResultRoom;
  #held = 0;
  #closed = false;

  constructor(room: ResultRoom) {
    this.#room = room;
  }

  take(bytes: number): void {
    if (this.#closed) return;
    if (this.#held + bytes > QUERY_RESULT_BYTES_MAX)
      throw fault('QUERY_RESULT_OVERSIZE', `the rows of the query exceed ${QUERY_RESULT_BYTES_MAX} bytes`, {
        hint: 'aggregate, select fewer columns or add a LIMIT',
      });
    this.#room.take(bytes);
    this.#held += bytes;
  }

  giveBack(bytes: number): void {
    if (this.#closed) return;
    this.#held -= bytes;
    this.#room.giveBack(bytes);
  }

  /** The query has ended: gives everything back, and counts nothing that a slow operator still sends. */
  close(): void {
    this.giveBack(this.#held);
    this.#closed = true;
  }
}

/** What an answer is kept as: rows for the reader, or the bytes as they came for the merge. */
export type Keep = 'rows' | 'chunks';

/** Takes up the answer of one operator, checked chunk by chunk. Nothing of it counts until it is complete. */
export class AnswerCollector implements AnswerListener {
  readonly rows: SqlRow[] = [];
  readonly chunks: Uint8Array[] = [];
  /** Files that the operator lacks and knows of. */
  behind = 0;
  /** What the answer was made from. */
  held: Holdings = new Map();
  readonly #width: number;
  readonly #keep: Keep;
  readonly #budget: Budget;
  readonly #part: PartRecord;
  readonly #onAlive: () => void;
  #bytes = 0;

  constructor(width: number, keep: Keep, budget: Budget, part: PartRecord, onAlive: () => void) {
    this.#width = width;
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
    this.#budget.take(bytes.byteLength);
    this.#bytes += bytes.byteLength;
    // Who sends rows is not asked again elsewhere: two whole answers would not fit where one does.
    this.#onAlive();
    const rows = parseChunk(bytes, this.#width);
    this.#part.block(rows.length);
    if (this.#keep === 'rows') for (const row of rows) this.rows.push(row);
    // A copy: the bytes may be a view of a larger buffer, which would go to the merging thread as a whole.
    else this.chunks.push(new Uint8Array(bytes));
    return rows.length;
  }

  ended(held: Holdings): void {
    this.held = held;
  }

  /** Operator policy id; empty where it is no operator. */
  get operator(): string {
    return this.#part.operator;
  }

  /** Forgets what came from an operator that failed or was too slow. */
  drop(): void {
    this.#budget.giveBack(this.#bytes);
    this.#bytes = 0;
    this.rows.length = 0;
    this.chunks.length = 0;
  }
}
