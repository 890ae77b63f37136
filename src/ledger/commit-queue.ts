import { fault, type HoldfastError } from '../base/errors.ts';
import { GROUP_COMMIT_ENTRIES_MAX, LEDGER_QUEUE_MAX } from '../base/limits.ts';
import type { Entry } from '../entry/entry.ts';
import type { AcceptState } from './accept.ts';
import type { HeldEntry } from './ledger.ts';

/** Something that is to go to disk with the next group. */
export interface Job {
  readonly entries: number;
  /** Adds to the group; own entries are given to `sign`. What it throws is the failure of this job alone. */
  stage(state: AcceptState, sign: (entry: Entry) => void): void;
  /** The group is durable; `held` is all of it, in order of arrival. */
  done(held: readonly HeldEntry[]): void;
  fail(caught: unknown): void;
}

/**
 * Group commit: what comes while a group is being written forms the next one. `commit` writes a group and answers its
 * jobs; it never throws.
 */
export class CommitQueue {
  readonly #commit: (group: readonly Job[]) => Promise<void>;
  #jobs: Job[] = [];
  #entries = 0;
  #running: Promise<void> | undefined;

  constructor(commit: (group: readonly Job[]) => Promise<void>) {
    this.#commit = commit;
  }

  /** Why `entries` more cannot be queued: `LEDGER_BUSY`. */
  refusal(entries: number): HoldfastError | undefined {
    return this.#entries + entries <= LEDGER_QUEUE_MAX || this.#entries === 0
      ? undefined
      : fault('LEDGER_BUSY', `${this.#entries} entries wait for the disk`, { hint: 'try again in a moment' });
  }

  push(job: Job): void {
    this.#jobs.push(job);
    this.#entries += job.entries;
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is queued any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // One turn, so that what is asked for together is written together.
    await Promise.resolve();
    while (this.#jobs.length > 0) await this.#commit(this.#takeGroup());
    this.#running = undefined;
  }

  #takeGroup(): readonly Job[] {
    let count = 0;
    let entries = 0;
    for (const job of this.#jobs) {
      if (count > 0 && entries + job.entries > GROUP_COMMIT_ENTRIES_MAX) break;
      count += 1;
      entries += job.entries;
    }
    this.#entries -= entries;
    return this.#jobs.splice(0, count);
  }
}
