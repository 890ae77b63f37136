import { type HoldfastError } from '../base/errors.ts';
import { QUERY_JOBS_MAX } from '../base/limits.ts';
import type { Clock } from '../base/clock.ts';
import type { QueryJob, QueryPart } from './query.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One operator's part while the query runs. */
export class PartRecord {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #part: Mutable<QueryPart>;

  constructor(clock: Clock, of: Pick<QueryPart, 'cluster' | 'operator' | 'address'>) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#part = { ...of, status: 'Sending', rows: 0, blocks: 0, behind: 0, runMs: 0, error: undefined };
  }

  get operator(): string {
    return this.#part.operator;
  }

  accepted(behind: number): void {
    this.#part.behind = behind;
    if (this.#part.status === 'Sending') this.#part.status = 'Processing';
  }

  block(rows: number): void {
    this.#part.blocks += 1;
    this.#part.rows += rows;
  }

  end(status: 'done' | 'Error' | 'Replaced' | 'Behind', error?: string): void {
    this.#part.runMs = this.#clock.monotonicMs() - this.#startedMs;
    this.#part.status = status === 'done' ? (this.#part.rows > 0 ? 'Completed' : 'Empty Set') : status;
    this.#part.error = error;
  }

  view(): QueryPart {
    const running = this.#part.status === 'Sending' || this.#part.status === 'Processing';
    return running ? { ...this.#part, runMs: this.#clock.monotonicMs() - this.#startedMs } : { ...this.#part };
  }
}

/** One query while it runs and afterwards. */
export class JobRecord {
  readonly #clock: Clock;
  readonly #monotonicMs: number;
  readonly #parts: PartRecord[] = [];
  readonly #job: Mutable<Omit<QueryJob, 'parts'>>;

  constructor(clock: Clock, job: number, query: { readonly sql: string; readonly dbms: string }) {
    this.#clock = clock;
    this.#monotonicMs = clock.monotonicMs();
    this.#job = {
      job,
      sql: query.sql,
      dbms: query.dbms,
      table: '',
      status: 'Processing',
      startedMs: clock.wallMs(),
      runMs: 0,
      rows: 0,
      error: undefined,
      remoteSql: '',
      mergeSql: '',
    };
  }

  get number(): number {
    return this.#job.job;
  }

  describe(of: Partial<Pick<QueryJob, 'table' | 'remoteSql' | 'mergeSql'>>): void {
    Object.assign(this.#job, of);
  }

  part(of: Pick<QueryPart, 'cluster' | 'operator' | 'address'>): PartRecord {
    const part = new PartRecord(this.#clock, of);
    this.#parts.push(part);
    return part;
  }

  end(outcome: { readonly rows: number } | { readonly error: HoldfastError }): void {
    this.#job.runMs = this.runMs;
    if ('error' in outcome) {
      this.#job.status = 'Error';
      this.#job.error = `${outcome.error.code}: ${outcome.error.message}`;
    } else {
      this.#job.rows = outcome.rows;
      this.#job.status = outcome.rows > 0 ? 'Completed' : 'Empty Set';
    }
  }

  get runMs(): number {
    return this.#job.status === 'Processing' ? this.#clock.monotonicMs() - this.#monotonicMs : this.#job.runMs;
  }

  get parts(): readonly QueryPart[] {
    return this.#parts.map((part) => part.view());
  }

  view(): QueryJob {
    return { ...this.#job, runMs: this.runMs, parts: this.parts };
  }
}

/** Newest first; finished ones beyond the bound are forgotten. */
export class Jobs {
  readonly #clock: Clock;
  #jobs: JobRecord[] = [];
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(query: { readonly sql: string; readonly dbms: string }): JobRecord {
    const job = new JobRecord(this.#clock, (this.#last += 1), query);
    this.#jobs = [job, ...this.#jobs].slice(0, QUERY_JOBS_MAX);
    return job;
  }

  views(): readonly QueryJob[] {
    return this.#jobs.map((job) => job.view());
  }
}
