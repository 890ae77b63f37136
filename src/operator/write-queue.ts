import type { Clock } from '../base/clock.ts';
import { fault, hasCode } from '../base/errors.ts';
import { GROUP_COMMIT_BYTES_MAX, GROUP_COMMIT_FILES_MAX, UNSURE_LOOK_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { imageOf } from '../sqlite/procedure-host.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { TableDrop } from '../topology/topology.ts';
import { pack } from './contents.ts';
import type { FileJob, JobResult } from './store/jobs.ts';
import { writing } from './store/write-procedures.ts';

/** The databases that are written, and whose member numbers their rows carry. */
export interface WriteQueuePorts {
  readonly sqlite: Sqlite;
  readonly clock: Clock;
  readonly log: Logger;
  /** Own operator policy id. */
  readonly origin: string;
  /** Member numbers of the cluster's operators by their id, as the policies have them now. */
  members(): ReadonlyMap<string, number>;
}

interface Waiting {
  readonly job: FileJob;
  /** Called in the order in which the jobs were applied, before any promise goes on. */
  readonly onResult: (result: JobResult) => void;
  readonly resolve: (result: JobResult) => void;
}

const contentOf = (job: FileJob): Uint8Array | undefined => {
  if (job.kind === 'copy' || job.kind === 'repair' || job.kind === 'hand') return job.copy.content;
  return job.kind === 'new' || job.kind === 'append' ? job.content : undefined;
};

const withContent = (job: FileJob, content: Uint8Array): FileJob => {
  if (job.kind === 'copy' || job.kind === 'repair' || job.kind === 'hand')
    return { ...job, copy: { ...job.copy, content } };
  return job.kind === 'new' || job.kind === 'append' ? { ...job, content } : job;
};

/**
 * The one way to the writer. What arrives while a transaction is on its way forms the next one (group commit), so the
 * price of a flush to the disk is shared by all that wait for it. A result is never a rejection.
 */
export class WriteQueue {
  readonly #ports: WriteQueuePorts;
  #waiting: Waiting[] = [];
  /** To be done while no transaction is on its way. */
  #between: (() => Promise<void>)[] = [];
  readonly #whenUnsure: (() => Promise<void>)[] = [];
  /** A commit of unknown end may have left something since `whenUnsure` was done. */
  #unsure = false;
  /** It was not tried yet since that was last said: what failed once fails at once again. */
  #untried = false;
  #cancelLook: () => void = () => {};
  #ownFrom = 1;
  #heard: () => readonly TableDrop[] = () => [];
  readonly #onMended = (): void => this.lookAgain();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(ports: WriteQueuePorts) {
    this.#ports = ports;
    ports.sqlite.notices.on('databases:mended', this.#onMended);
  }

  /** From now on own file ids are at least that, whatever the databases say. */
  numberFrom(atLeast: number): void {
    this.#ownFrom = Math.max(this.#ownFrom, atLeast);
  }

  /** Asked before each transaction for the drops that are to begin with it, in its database. */
  beginsWith(heard: () => readonly TableDrop[]): void {
    this.#heard = heard;
  }

  get length(): number {
    return this.#waiting.length;
  }

  submit(job: FileJob, onResult: (result: JobResult) => void = () => {}): Promise<JobResult> {
    if (this.#closed)
      return Promise.resolve({ kind: 'failed', fault: imageOf(fault('OPERATOR_CLOSED', 'the operator is stopped')) });
    return new Promise((resolve) => {
      this.#waiting.push({ job, onResult, resolve });
      this.#running ??= this.#run();
    });
  }

  /** Does `work` while no transaction is on its way: what it reads then is what the results so far have told. */
  between<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(fault('OPERATOR_CLOSED', 'the operator is stopped'));
    return new Promise((resolve, reject) => {
      this.#between.push(() => work().then(resolve, reject));
      this.#running ??= this.#run();
    });
  }

  /**
   * `work` is done while no transaction is on its way, each time that a commit of unknown end may have left something:
   * when databases are open again after a failed write, and when the writer's thread ended. Where it fails, again with
   * the next commit or after a second.
   */
  whenUnsure(work: () => Promise<void>): void {
    this.#whenUnsure.push(work);
  }

  /** What `whenUnsure` says is to be done. */
  lookAgain(): void {
    this.#unsure = true;
    this.#untried = true;
    this.#running ??= this.#run();
  }

  /** Takes no more; resolves when what was taken is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ports.sqlite.notices.off('databases:mended', this.#onMended);
    this.#cancelLook();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Whatever else arrives in this turn of the event loop joins.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length + this.#between.length > 0 || (this.#unsure && this.#untried)) {
      if (this.#unsure) await this.#look();
      for (const work of this.#between.splice(0)) await work();
      if (this.#waiting.length > 0) await this.#commit(this.#takeGroup());
    }
    this.#running = undefined;
  }

  async #look(): Promise<void> {
    this.#unsure = false;
    this.#untried = false;
    this.#cancelLook();
    try {
      for (const work of this.#whenUnsure) await work();
    } catch {
      // Whoever reads knows what failed and has said it.
      this.#unsure = true;
      if (!this.#closed) this.#cancelLook = this.#ports.clock.after(UNSURE_LOOK_MS, () => this.lookAgain());
    }
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex(({ job }, index) => {
      bytes += contentOf(job)?.byteLength ?? 0;
      return index > 0 && (index >= GROUP_COMMIT_FILES_MAX || bytes > GROUP_COMMIT_BYTES_MAX);
    });
    const count = end < 0 ? this.#waiting.length : end;
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return group;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const { sqlite, origin, log } = this.#ports;
    const contents = pack(group.map(({ job }) => contentOf(job) ?? new Uint8Array()));
    const jobs = group.map(({ job }, index) => withContent(job, contents[index] ?? new Uint8Array()));
    let results: readonly JobResult[];
    try {
      const applied = await sqlite.write(writing, 'apply', {
        ...{ origin, members: this.#ports.members(), ownFrom: this.#ownFrom, heard: this.#heard(), jobs },
      });
      results = applied.results;
      for (const { text, data } of applied.undone)
        log.warn(`a database of an earlier version is brought over at a later start: ${text}`, data);
    } catch (caught) {
      results = group.map(() => ({ kind: 'failed', fault: imageOf(caught) }));
      if (hasCode(caught, 'SQLITE_THREAD_DIED')) this.lookAgain();
    }
    for (const [index, { onResult }] of group.entries()) onResult(results[index] as JobResult);
    for (const [index, { resolve }] of group.entries()) resolve(results[index] as JobResult);
  }
}
