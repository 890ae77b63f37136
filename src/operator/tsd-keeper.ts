import type { Clock } from '../base/clock.ts';
import { asFault } from '../base/errors.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import { Trouble } from '../base/trouble.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { FileStore } from './file-store.ts';
import { writing } from './store/write-procedures.ts';

/** After a file: many that come together are written together. */
const DELAY_MS = 50;
/** For member numbers that change while no file comes. */
const LOOK_MS = 5_000;

/** What the TSD tables are kept with, and the member numbers that they show. */
export interface TsdKeeperPorts {
  readonly sqlite: Sqlite;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether there are TSD tables; without them only rows are renumbered. */
  readonly tables: boolean;
  members(): ReadonlyMap<string, number>;
}

/**
 * Keeps the documented TSD tables in `almgm` up with the records: behind them by a moment, complete after a start.
 * `tsd_name` of the rows follows the member numbers in any case: queries for committed rows go by it.
 */
export class TsdKeeper implements Resource {
  readonly #ports: TsdKeeperPorts;
  readonly #store: FileStore;
  readonly #trouble: Trouble;
  /** Members of the last derivation; empty after one that failed. */
  #members = '';
  /** There are records that the tables lack: then a run is due soon, or one is under way. */
  #stale = true;
  #cancel: () => void = () => {};
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(ports: TsdKeeperPorts, store: FileStore) {
    this.#ports = ports;
    this.#store = store;
    this.#trouble = new Trouble(ports.log, 'the TSD tables are complete again');
    if (ports.tables) {
      store.notices.on('file:stored', this.#onStored);
      store.notices.on('file:mended', this.#onStored);
    }
    this.#schedule(0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#store.notices.off('file:stored', this.#onStored);
    this.#store.notices.off('file:mended', this.#onStored);
    this.#cancel();
    await this.#running;
    // After an orderly stop nothing is missing.
    if (this.#stale) await this.#derive();
  }

  readonly #onStored = (): void => {
    if (this.#stale) return;
    this.#stale = true;
    if (this.#running === undefined) this.#schedule(DELAY_MS);
  };

  #schedule(ms: number): void {
    this.#cancel();
    this.#cancel = this.#ports.clock.after(ms, () => {
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    const members = JSON.stringify([...this.#ports.members()].sort());
    if (this.#stale || members !== this.#members) {
      this.#stale = false;
      this.#members = members;
      await this.#derive();
    }
    this.#running = undefined;
    if (!this.#closed) this.#schedule(this.#delayMs());
  }

  #delayMs(): number {
    return this.#stale ? DELAY_MS : LOOK_MS;
  }

  async #derive(): Promise<void> {
    try {
      const { sqlite, tables } = this.#ports;
      const step = (): Promise<boolean> =>
        tables
          ? sqlite.write(writing, 'deriveTsd', this.#store.origin, this.#ports.members())
          : sqlite.write(writing, 'renumber', this.#ports.members());
      // What is left when it is closed is done after the next start.
      while ((await step()) && !this.#closed) continue;
      this.#trouble.ends();
    } catch (caught) {
      this.#trouble.meets(caught, `the TSD tables are behind; they are completed later: ${asFault(caught).message}`);
      this.#members = '';
    }
  }
}
