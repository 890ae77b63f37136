import { RECEIPT_PAGE_ENTRIES, WITNESS_TOLD_MAX } from '../base/limits.ts';
import type { Resource } from '../base/lifecycle.ts';
import { fault } from '../base/errors.ts';
import type { PastCheckpoint } from './checkpoint-file.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { FetchEntries } from './memory-tree.ts';
import { ReceiptLog } from './receipt-log.ts';
import { findSplit, type SplitView } from './split-view.ts';
import { HASH_BYTES, rootAt } from './tree.ts';

/**
 * A log that this node witnesses: the checkpoints that it cosigned, and a copy of the entries. One caller at a time.
 */
export class WitnessedLog implements Resource {
  readonly #log: ReceiptLog;
  /** The newest cosigned checkpoint whose entries are all here, checked. */
  #copied: Checkpoint | undefined;
  /** Checkpoints of others that are ahead of the copy. */
  #later: Checkpoint[] = [];

  private constructor(log: ReceiptLog) {
    this.#log = log;
  }

  static async open(dir: string): Promise<WitnessedLog> {
    const log = await ReceiptLog.open(dir);
    const opened = new WitnessedLog(log);
    const { last } = log.checkpoints;
    // No search where all was copied: a damaged line among the older ones, not needed to go on, would end it.
    const isWhole = last !== undefined && last.checkpoint.size <= log.size;
    const copied = (isWhole ? last : await log.checkpoints.upToSize(log.size))?.checkpoint;
    // What was copied and not synced may not have survived a crash: then it is copied again.
    if (copied !== undefined && (await log.keepUpTo(copied))) opened.#copied = copied;
    else await log.cut(0);
    return opened;
  }

  /** The checkpoint cosigned last. */
  get last(): Checkpoint | undefined {
    return this.#log.checkpoints.last?.checkpoint;
  }

  /** When that counts from. */
  get lastTime(): number | undefined {
    return this.#log.checkpoints.last?.time;
  }

  /** Entries that are here and known to be those of a checkpoint. */
  get copied(): number {
    return this.#copied?.size ?? 0;
  }

  /** Durable when it resolves. */
  keep(cosigned: Checkpoint): Promise<void> {
    return this.#log.checkpoints.append(cosigned);
  }

  upToTime(time: number): Promise<PastCheckpoint | undefined> {
    return this.#log.checkpoints.upToTime(time);
  }

  /** Those that are here of a range. */
  entries(from: number, to: number): Promise<Buffer> {
    return this.#log.entries(Math.min(from, this.copied), Math.min(to, this.copied));
  }

  /**
   * Copies the entries up to the checkpoint cosigned last, and resolves with the split views that show then.
   * `RECEIPT_PROOF_BAD` where the log gives others.
   */
  async copy(fetch: FetchEntries): Promise<readonly SplitView[]> {
    const { last } = this;
    if (last === undefined || this.copied === last.size) return [];
    await this.#log.cut(this.copied);
    while (this.#log.size < last.size) {
      const to = Math.min(last.size, this.#log.size + RECEIPT_PAGE_ENTRIES);
      const hashes = await fetch(this.#log.size, to);
      if (hashes.byteLength > (to - this.#log.size) * HASH_BYTES) throw otherEntries();
      await this.#log.append(hashes);
    }
    if (!(await rootAt(this.#log, last.size)).equals(last.root)) {
      await this.#log.cut(this.copied);
      throw otherEntries();
    }
    this.#copied = last;
    const later = this.#later;
    this.#later = [];
    const found = await Promise.all(later.map((other) => this.compare(other)));
    return found.flatMap((split) => split ?? []);
  }

  /** The proof where another checkpoint of this log is none of the same history; one ahead of the copy waits for it. */
  async compare(other: Checkpoint): Promise<SplitView | undefined> {
    const { last } = this;
    if (last?.size === other.size && !last.root.equals(other.root))
      return { older: last, newer: other, root: other.root, proof: [] };
    if (this.#copied !== undefined && other.size <= this.#copied.size) return findSplit(this.#log, this.#copied, other);
    this.#later = [...this.#later, other].slice(-WITNESS_TOLD_MAX);
    return undefined;
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}

const otherEntries = (): Error =>
  fault('RECEIPT_PROOF_BAD', 'the log gives other entries than those that it signed for');
