import type { Clock } from '../base/clock.ts';
import type { DiskHealth } from '../base/disk.ts';
import { asFault, type HoldfastError } from '../base/errors.ts';
import { DISK_RETRY_MAX_MS, DISK_RETRY_MIN_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { Retry } from '../base/retry.ts';
import type { EntryStore } from './store.ts';

/** The store that may fail, the disk that hears of it, and the ledger that goes on afterwards. */
export interface RecoveryPorts {
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly disk: DiskHealth;
  readonly log: Logger;
  /** Writes go on. */
  onRecovered(): void;
}

/** What becomes of a ledger whose store failed: it refuses writes until the store was opened again and checked. */
export class Recovery {
  readonly #ports: RecoveryPorts;
  readonly #retry: Retry;
  #failure: HoldfastError | undefined;

  constructor(ports: RecoveryPorts) {
    this.#ports = ports;
    const pauses = { minMs: DISK_RETRY_MIN_MS, maxMs: DISK_RETRY_MAX_MS };
    this.#retry = new Retry(ports.clock, pauses, () => this.#attempt());
  }

  /** Why nothing is written just now. */
  get failure(): HoldfastError | undefined {
    return this.#failure;
  }

  /** A write failed; returns what its callers are told. */
  failed(caught: unknown): HoldfastError {
    const failure = this.#note(caught);
    this.#ports.log.error('the ledger cannot be written; reads go on', { text: failure.message, hint: failure.hint });
    this.#retry.start();
    return failure;
  }

  close(): Promise<void> {
    return this.#retry.close();
  }

  #note(caught: unknown): HoldfastError {
    const failure = asFault(caught);
    this.#failure = failure;
    this.#ports.disk.failed('ledger', failure);
    return failure;
  }

  async #attempt(): Promise<void> {
    const { store, disk, log } = this.#ports;
    try {
      await store.reopen();
    } catch (caught) {
      throw this.#note(caught);
    }
    this.#failure = undefined;
    disk.works('ledger');
    log.info('the ledger is written again');
    this.#ports.onRecovered();
  }
}
