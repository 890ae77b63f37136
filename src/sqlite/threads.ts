import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { type DiskHealth, unwatchedDisk } from '../base/disk.ts';
import { fault, type HoldfastError, textOf } from '../base/errors.ts';
import {
  DISK_RETRY_MAX_MS,
  DISK_RETRY_MIN_MS,
  SQLITE_CLOSE_MS,
  SQLITE_READERS,
  SQLITE_WAITING_MAX,
  SQLITE_YOUNG_MB_MAX,
} from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { Retry } from '../base/retry.ts';
import { type FaultImage, fromImage, type Mended, type ProcedureRequest, type StreamStep } from './procedure-host.ts';
import type { Sqlite, SqliteNotices } from './sqlite.ts';
import { numbered, sqliteOver } from './transport.ts';

/** Where the databases lie, and how many threads read them beside the one that writes. */
export interface ThreadsOptions {
  /** Absolute; made when the first database is. */
  readonly dir: string;
  readonly readers?: number;
  readonly log: Logger;
  /** Told how writes end. */
  readonly disk?: DiskHealth;
}

/** What a thread is started with. */
export interface ThreadData {
  readonly dir: string;
  readonly writer: boolean;
  /** One 32-bit flag: 1 once the node stops, seen by running statements through `holdfast_deadline()`. */
  readonly stop: SharedArrayBuffer;
}

/** How a procedure ended in its thread. */
export type ThreadOutcome = { readonly value: unknown } | { readonly fault: FaultImage };
/** `failing`: of a database that rests because the disk failed a write. */
export type ThreadReply = ThreadOutcome & { readonly failing: FaultImage | undefined };

interface Waiting {
  readonly request: ProcedureRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: HoldfastError) => void;
  /** A stream's requests go to the thread that holds it. */
  readonly lane: Lane | undefined;
}

/** One thread and the one request that it works on. A thread that ended is started again for the next request. */
class Lane {
  readonly data: ThreadData;
  readonly #name: string;
  readonly #log: Logger;
  #worker: Worker | undefined;
  #current: Waiting | undefined;
  /** Streams that it holds. */
  streams = 0;
  #onIdle: () => void = () => {};
  /** Called with each reply of a thread in which a database rests. */
  onFailing: (failure: FaultImage) => void = () => {};

  constructor(name: string, data: ThreadData, log: Logger) {
    this.#name = name;
    this.data = data;
    this.#log = log;
  }

  get busy(): boolean {
    return this.#current !== undefined;
  }

  set onIdle(task: () => void) {
    this.#onIdle = task;
  }

  /** The lane must not be busy. */
  work(waiting: Waiting): void {
    this.#current = waiting;
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(waiting.request);
    } catch (caught) {
      this.#finish((current) =>
        current.reject(
          fault('SQLITE_PROCEDURE', `the arguments cannot cross threads: ${textOf(caught)}`, { cause: caught }),
        ),
      );
    }
  }

  /** Waits a bounded time for the running request and for the databases to be closed in order. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', () => resolve());
      systemClock.after(SQLITE_CLOSE_MS, resolve);
    });
    worker.postMessage('close');
    await ended;
    // A statement that will not stop is left to the end of the process: every commit is on disk already.
    worker.unref();
    void worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      name: this.#name,
      workerData: this.data,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: SQLITE_YOUNG_MB_MAX },
    });
    let failure: unknown;
    worker.on('message', (reply: ThreadReply) => {
      if (reply.failing !== undefined) this.onFailing(reply.failing);
      this.#finish((current) =>
        'fault' in reply ? current.reject(fromImage(reply.fault)) : current.resolve(reply.value),
      );
    });
    worker.on('error', (caught) => {
      failure = caught;
    });
    worker.on('exit', (status) => {
      this.#worker = undefined;
      const stopping = new Int32Array(this.data.stop)[0] === 1;
      if (!stopping)
        this.#log.error(`the thread ${this.#name} ended; the next call starts it again`, {
          status,
          error: textOf(failure),
        });
      this.#finish((current) => current.reject(stopping ? closedFault() : diedFault(this.#name, failure)));
    });
    return worker;
  }

  #finish(settle: (current: Waiting) => void): void {
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined) settle(current);
    this.#onIdle();
  }
}

const closedFault = (): HoldfastError => fault('SQLITE_CLOSED', 'the databases are closed');

const diedFault = (name: string, cause: unknown): HoldfastError =>
  fault('SQLITE_THREAD_DIED', `the thread ${name} ended during the call: ${textOf(cause)}`, {
    hint: 'whether a write was done is unknown: look before it is repeated',
    cause,
  });

/** Requests in order of arrival, each to the first thread that is free for it. */
class Lanes {
  readonly lanes: readonly Lane[];
  readonly #waiting: Waiting[] = [];
  #closed = false;

  constructor(lanes: readonly Lane[]) {
    this.lanes = lanes;
    for (const lane of lanes) lane.onIdle = () => this.#feed(lane);
  }

  request(request: ProcedureRequest, lane?: Lane): Promise<unknown> {
    if (this.#closed) return Promise.reject(closedFault());
    // Ending a stream frees what others wait for: it is never refused.
    if (this.#waiting.length >= SQLITE_WAITING_MAX && request.kind !== 'end')
      return Promise.reject(
        fault('SQLITE_OVERLOADED', `${SQLITE_WAITING_MAX} calls wait for the databases`, { hint: 'try again later' }),
      );
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject, lane });
      const free = lane ?? this.lanes.find((candidate) => !candidate.busy);
      if (free !== undefined) this.#feed(free);
    });
  }

  /**
   * Where a new stream is held up least; of equals the first, so that one after the other finds its pages and
   * statements warm.
   */
  quietest(): Lane | undefined {
    const load = ({ busy, streams }: Lane): number => streams + (busy ? 1 : 0);
    return [...this.lanes].sort((a, b) => load(a) - load(b))[0];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(closedFault());
    await Promise.all(this.lanes.map((lane) => lane.close()));
  }

  #feed(lane: Lane): void {
    if (lane.busy) return;
    const next = this.#waiting.findIndex((waiting) => waiting.lane === undefined || waiting.lane === lane);
    const [waiting] = next < 0 ? [] : this.#waiting.splice(next, 1);
    if (waiting !== undefined) lane.work(waiting);
  }
}

/**
 * The port with one writer thread and several readers, so that no statement ever blocks the event loop. Threads are
 * started by the first call that needs them. Calls: `SQLITE_OVERLOADED`, `SQLITE_THREAD_DIED`, `SQLITE_CLOSED`.
 */
export const startSqliteThreads = (options: ThreadsOptions): Sqlite => {
  const { dir, readers = SQLITE_READERS, log, disk = unwatchedDisk } = options;
  const stop = new SharedArrayBuffer(4);
  const lane = (name: string, writer: boolean): Lane => new Lane(name, { dir, writer, stop }, log);
  const writer = lane('sqlite-writer', true);
  const writing = new Lanes([writer]);
  const reading = new Lanes(Array.from({ length: readers }, (_, index) => lane(`sqlite-reader-${index + 1}`, false)));
  const notices = new EventEmitter<SqliteNotices>();
  const mending = new Retry(systemClock, { minMs: DISK_RETRY_MIN_MS, maxMs: DISK_RETRY_MAX_MS }, async () => {
    await Promise.all(reading.lanes.map((reader) => reading.request({ kind: 'mend' }, reader)));
    const { names, failing } = (await writing.request({ kind: 'mend' })) as Mended;
    // Where nothing rests any more, the thread may have ended since and forgotten what did.
    if (names.length > 0 || failing === undefined) notices.emit('databases:mended');
    if (failing !== undefined) throw fromImage(failing);
    disk.works('databases');
    log.info('the databases are written again');
  });
  writer.onFailing = (failure) => {
    disk.failed('databases', fromImage(failure));
    mending.start();
  };
  let streams = 0;

  return sqliteOver({
    notices,
    call: (side, { module }, name, args) =>
      (side === 'write' ? writing : reading).request({ kind: 'call', module, name, args }),
    stream({ module }) {
      const stream = (streams += 1);
      let home: Lane | undefined;
      let open = false;
      const leave = (): void => {
        if (open && home !== undefined) home.streams -= 1;
        open = false;
      };
      return async (request) => {
        if (request.kind === 'open' && (home = reading.quietest()) !== undefined) {
          home.streams += 1;
          open = true;
        }
        try {
          const step = (await reading.request(numbered(request, stream, module), home)) as StreamStep | undefined;
          if (step === undefined || step.done) leave();
          return step;
        } catch (caught) {
          leave();
          throw caught;
        }
      };
    },
    async close() {
      Atomics.store(new Int32Array(stop), 0, 1);
      await Promise.all([mending.close(), writing.close(), reading.close()]);
    },
  });
};
