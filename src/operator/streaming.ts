import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { BUFFER_BYTES_MAX, FILE_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { Trouble } from '../base/trouble.ts';
import { fromImage } from '../sqlite/procedure-host.ts';
import type { Column } from '../topology/topology.ts';
import type { FileRecord } from './file-record.ts';
import type { TableName } from './names.ts';
import type { BufferStatus, BufferThreshold } from './operator.ts';
import type { FileJob, JobResult } from './store/jobs.ts';
import type { StoredBuffer } from './store/read-procedures.ts';

/** As documented: a minute or 10 KB. */
const DEFAULT_THRESHOLD: BufferThreshold = { seconds: 60, bytes: 10_240, writeImmediate: false };
/** A flush that failed because of the machine (a full disk) is tried again. */
const RETRY_MS = 5_000;

/** How rows reach their buffer and become files, and where those go that cannot. */
export interface StreamingPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Puts a job to the writer; the callback sees results in the order of the commits. */
  apply(job: FileJob, onResult: (result: JobResult) => void): Promise<JobResult>;
  /** Columns of a table that has got rows already. */
  columns(name: TableName): Promise<readonly Column[]>;
  /** Record's time, later than all before. */
  time(): string;
  /** Resolves when own files may be numbered. */
  numberingAllowed(): Promise<void>;
  /** Takes over rows that cannot be made a file of, whole and durable. */
  onPoison(name: TableName, content: Uint8Array, caught: unknown): Promise<void>;
}

/** One table's rows that are not in a file yet. They lie in the table's database: what is here are counts of it. */
interface Buffer extends TableName {
  rows: number;
  bytes: number;
  /** Appends that have not landed yet, and what they bring. */
  readonly onTheirWay: Map<Promise<unknown>, number>;
  /** Monotonic time of the oldest row; undefined while empty. */
  sinceMs: number | undefined;
  /** Monotonic time of the last flush; undefined before the first. */
  flushedMs: number | undefined;
  threshold: Partial<BufferThreshold>;
  filePuts: number;
  fileRows: number;
  streamingPuts: number;
  streamingRows: number;
  flushing: Promise<void> | undefined;
  readonly trouble: Trouble;
  cancelTimer: () => void;
}

const keyOf = ({ dbms, table }: TableName): string => `${dbms}.${table}`;

/** With what is on its way. */
const isFull = ({ bytes, onTheirWay }: Buffer): boolean =>
  [...onTheirWay.values()].reduce((sum, coming) => sum + coming, bytes) >= BUFFER_BYTES_MAX;

/**
 * Streaming mode: rows are durable in a buffer when they are acknowledged, and become a file by time or volume. Buffer
 * and file are in one database, so the rows change from one to the other in one transaction.
 */
export class StreamBuffers {
  readonly #ports: StreamingPorts;
  readonly #buffers = new Map<string, Buffer>();
  #default: BufferThreshold = DEFAULT_THRESHOLD;
  #closed = false;

  /** `stored`: what lies in the databases from before. */
  constructor(ports: StreamingPorts, stored: readonly StoredBuffer[]) {
    this.#ports = ports;
    this.recount(stored);
  }

  /**
   * What lies in the databases, in place of what was counted: a failed commit may be there all the same. No result may
   * come meanwhile.
   */
  recount(stored: readonly StoredBuffer[]): void {
    const lying = new Map(stored.map((buffer) => [this.#buffer(buffer), buffer]));
    for (const buffer of this.#buffers.values()) {
      const { rows, bytes } = lying.get(buffer) ?? { rows: 0, bytes: 0 };
      const sinceMs = rows > 0 ? (buffer.sinceMs ?? this.#ports.clock.monotonicMs()) : undefined;
      Object.assign(buffer, { rows, bytes, sinceMs });
      this.#schedule(buffer);
    }
  }

  /**
   * Puts rows into the buffer; resolves when they are durable, or in the table where `write_immediate` is set and the
   * flush does not fail: a failure after the rows are durable is no failure of the call.
   */
  async append(job: Extract<FileJob, { kind: 'append' }>): Promise<{ readonly rows: number }> {
    const buffer = this.#buffer(job);
    const threshold = this.#threshold(buffer);
    while (isFull(buffer)) await this.#lessen(buffer);
    const landing = this.#ports.apply(job, (landed) => {
      if (landed.kind !== 'appended') return;
      buffer.rows += landed.rows;
      buffer.bytes += landed.bytes;
      buffer.sinceMs ??= this.#ports.clock.monotonicMs();
      buffer.streamingPuts += 1;
      buffer.streamingRows += landed.rows;
    });
    buffer.onTheirWay.set(landing, job.content.byteLength);
    const result = await landing.finally(() => buffer.onTheirWay.delete(landing));
    if (result.kind === 'failed') throw fromImage(result.fault);
    // The rows are durable: whoever heard of a failure now would send them again.
    if (threshold.writeImmediate) await this.#flush(buffer).catch((caught: unknown) => this.#tryAgain(buffer, caught));
    else this.#schedule(buffer);
    return { rows: result.kind === 'appended' ? result.rows : 0 };
  }

  async #lessen(buffer: Buffer): Promise<void> {
    await Promise.allSettled(buffer.onTheirWay.keys());
    if (buffer.bytes >= BUFFER_BYTES_MAX) await this.#flush(buffer);
  }

  /** Counts a file put of a table, for `get streaming`. */
  countFile(name: TableName, rows: number): void {
    const buffer = this.#buffer(name);
    buffer.filePuts += 1;
    buffer.fileRows += rows;
  }

  /** Makes files of all that is buffered; of one database or table where named. */
  async flush(dbms?: string, table?: string): Promise<void> {
    const wanted = [...this.#buffers.values()].filter(
      (buffer) => (dbms ?? buffer.dbms) === buffer.dbms && (table ?? buffer.table) === buffer.table,
    );
    await Promise.all(wanted.map((buffer) => this.#flush(buffer)));
  }

  /** Of one table, or without it the default of all. 0 seconds and 0 bytes reset to the documented values. */
  setThreshold(change: Partial<BufferThreshold>, name: TableName | undefined): void {
    const resets = change.seconds === 0 && change.bytes === 0;
    for (const value of [change.seconds ?? 1, change.bytes ?? 1])
      if (!resets && !(value > 0 && Number.isFinite(value)))
        throw fault('INGEST_THRESHOLD', `${value} is not a threshold`, {
          hint: 'time and volume are above 0; both 0 reset them',
        });
    if (name === undefined) this.#default = resets ? DEFAULT_THRESHOLD : { ...this.#default, ...change };
    else {
      const buffer = this.#buffer(name);
      buffer.threshold = resets ? {} : { ...buffer.threshold, ...change };
    }
    for (const buffer of this.#buffers.values()) this.#schedule(buffer);
  }

  status(): readonly BufferStatus[] {
    const nowMs = this.#ports.clock.monotonicMs();
    return [...this.#buffers.values()].map((buffer) => {
      const threshold = this.#threshold(buffer);
      const { dbms, table, rows, bytes, filePuts, fileRows, streamingPuts, streamingRows, sinceMs } = buffer;
      const secondsLeft = Math.max(0, threshold.seconds - (nowMs - (sinceMs ?? nowMs)) / 1_000);
      const { flushedMs } = buffer;
      const secondsSinceFlush = flushedMs === undefined ? undefined : (nowMs - flushedMs) / 1_000;
      return {
        dbms,
        table,
        rows,
        bytes,
        threshold,
        secondsLeft,
        secondsSinceFlush,
        filePuts,
        fileRows,
        streamingPuts,
        streamingRows,
      };
    });
  }

  /** Buffered rows stay where they are, durable, until the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancelTimer } of this.#buffers.values()) cancelTimer();
    await Promise.allSettled([...this.#buffers.values()].flatMap(({ flushing }) => flushing ?? []));
  }

  #buffer({ dbms, table }: TableName): Buffer {
    const key = keyOf({ dbms, table });
    const held = this.#buffers.get(key);
    if (held !== undefined) return held;
    const counts = { rows: 0, bytes: 0, filePuts: 0, fileRows: 0, streamingPuts: 0, streamingRows: 0 };
    const idle = { sinceMs: undefined, flushedMs: undefined, flushing: undefined, cancelTimer: () => {} };
    const trouble = new Trouble(this.#ports.log, `the buffer of ${key} is flushed again`);
    const buffer: Buffer = { dbms, table, ...counts, ...idle, trouble, threshold: {}, onTheirWay: new Map() };
    this.#buffers.set(key, buffer);
    return buffer;
  }

  #threshold(buffer: Buffer): BufferThreshold {
    return { ...this.#default, ...buffer.threshold };
  }

  /** Flushes in the background when a threshold is reached, else when the time is up. */
  #schedule(buffer: Buffer, leastMs = 0): void {
    buffer.cancelTimer();
    if (this.#closed || buffer.sinceMs === undefined) return;
    const { seconds, bytes } = this.#threshold(buffer);
    const leftMs = buffer.sinceMs + seconds * 1_000 - this.#ports.clock.monotonicMs();
    const waitMs = Math.max(leastMs, buffer.bytes >= bytes ? 0 : leftMs);
    if (waitMs > 0) {
      buffer.cancelTimer = this.#ports.clock.after(waitMs, () => this.#schedule(buffer));
      return;
    }
    this.#flush(buffer).catch((caught: unknown) => this.#tryAgain(buffer, caught));
  }

  #tryAgain(buffer: Buffer, caught: unknown): void {
    const { message } = asFault(caught);
    buffer.trouble.meets(caught, `the buffer of ${keyOf(buffer)} cannot be flushed; it is tried again: ${message}`);
    this.#schedule(buffer, RETRY_MS);
  }

  /** Callers that come while one is under way share the next one: it takes all that was buffered until then. */
  async #flush(buffer: Buffer): Promise<void> {
    await buffer.flushing?.catch(() => {});
    buffer.flushing ??= this.#flushAll(buffer).finally(() => {
      buffer.flushing = undefined;
    });
    return buffer.flushing;
  }

  /** What was buffered until now, in as many files as it takes. */
  async #flushAll(buffer: Buffer): Promise<void> {
    let left = buffer.bytes;
    do left -= await this.#flushOnce(buffer);
    while (left > 0);
  }

  /** Makes one file of what was buffered first; returns how many bytes left the buffer. */
  async #flushOnce(buffer: Buffer): Promise<number> {
    if (buffer.sinceMs === undefined) return Number.POSITIVE_INFINITY;
    await this.#ports.numberingAllowed();
    const { dbms, table } = buffer;
    const columns = await this.#ports.columns(buffer);
    const result = await this.#ports.apply(
      { kind: 'flush', dbms, table, columns, time: this.#ports.time(), bytesMax: FILE_BYTES_MAX },
      (landed) => {
        if (landed.kind === 'stored') {
          buffer.flushedMs = this.#ports.clock.monotonicMs();
          this.#forget(buffer, { rows: landed.record.rows, bytes: landed.content?.byteLength ?? 0 });
          this.#tellCut(landed.record, landed.cut ?? 0);
        } else if (landed.kind === 'empty') this.#forget(buffer, buffer);
      },
    );
    if (result.kind === 'stored') return result.content?.byteLength ?? Number.POSITIVE_INFINITY;
    if (result.kind !== 'failed') return Number.POSITIVE_INFINITY;
    if (result.buffer === undefined) throw fromImage(result.fault);
    const { content, rows, upTo } = result.buffer;
    await this.#ports.onPoison(buffer, content, fromImage(result.fault));
    const discarded = await this.#ports.apply({ kind: 'discard', dbms, table, upTo }, (landed) => {
      if (landed.kind === 'discarded') this.#forget(buffer, { rows, bytes: content.byteLength });
    });
    if (discarded.kind === 'failed') throw fromImage(discarded.fault);
    return content.byteLength;
  }

  /** The rows were acknowledged: nobody is there to be told but who reads the log. */
  #tellCut({ dbms, table, file }: FileRecord, cut: number): void {
    if (cut === 0) return;
    this.#ports.log.warn(
      `${cut} values of file ${file} of ${dbms}.${table}, which came as rows, have a time of day that a column of dates does not keep; where it is archived, it has them whole`,
    );
  }

  /** Rows have left the buffer; what came meanwhile waits from now on. */
  #forget(buffer: Buffer, gone: { readonly rows: number; readonly bytes: number }): void {
    const [rows, bytes] = [buffer.rows - gone.rows, buffer.bytes - gone.bytes];
    buffer.trouble.ends();
    Object.assign(buffer, { rows, bytes, sinceMs: rows > 0 ? this.#ports.clock.monotonicMs() : undefined });
    this.#schedule(buffer);
  }
}
