import { type Clock, sleep } from '../base/clock.ts';
import { asFault, hasCode } from '../base/errors.ts';
import { HISTORY_ASK_MAX_MS, HISTORY_ASK_MIN_MS, HISTORY_LOOK_MS } from '../base/limits.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import { Retry } from '../base/retry.ts';
import type { Policies } from '../policy/policies.ts';
import type { Pruning } from '../policy/pruning.ts';

interface Ports {
  readonly policies: Pick<Policies, 'notices'> & {
    readonly pruning?: Pick<Pruning, 'need' | 'lacking' | 'askForLeaves' | 'fill'> | undefined;
  };
  readonly clock: Clock;
  readonly log: Logger;
}

/** Asks others for what the book lacks, as long as it does: first for the settled state, then for the bodies. */
export class HistoryKeeper implements Resource {
  readonly #ports: Ports;
  readonly #stopping = new AbortController();
  #retry: Retry;
  /** Resolves when those that it took the place of have ended. */
  #replaced: Promise<unknown> = Promise.resolve();
  /** What it is asked for: another is asked for at once. */
  #lacking = '';
  readonly #onChanged = (): void => this.#look();
  #cancel: () => void;
  #told = false;

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#retry = this.#createRetry();
    ports.policies.notices.on('policy:changed', this.#onChanged);
    this.#cancel = (): void => {};
    this.#tick();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#cancel();
    this.#ports.policies.notices.off('policy:changed', this.#onChanged);
    await Promise.all([this.#replaced, this.#retry.close()]);
  }

  #createRetry(): Retry {
    const pauses = { minMs: HISTORY_ASK_MIN_MS, maxMs: HISTORY_ASK_MAX_MS };
    return new Retry(this.#ports.clock, pauses, () => this.#ask());
  }

  #tick(): void {
    this.#look();
    this.#cancel = this.#ports.clock.after(HISTORY_LOOK_MS, () => this.#tick());
  }

  #look(): void {
    const { pruning } = this.#ports.policies;
    const need = pruning?.need();
    if (pruning === undefined || need === undefined) {
      this.#told = false;
      return;
    }
    if (!this.#told) this.#ports.log.warn(`${need.message}; other nodes are asked for it`);
    this.#told = true;
    const lacking = pruning.lacking().join();
    if (lacking !== this.#lacking) {
      this.#lacking = lacking;
      this.#replaced = Promise.all([this.#replaced, this.#retry.close()]);
      this.#retry = this.#createRetry();
    }
    this.#retry.start();
  }

  async #ask(): Promise<void> {
    const { policies, log } = this.#ports;
    const { pruning } = policies;
    const { signal } = this.#stopping;
    if (pruning?.need() === undefined) return;
    try {
      if (await pruning.askForLeaves(signal)) {
        log.info('the settled state that was lacking is here, and makes the root that was signed');
        return;
      }
      const { bodies } = await pruning.fill(signal);
      if (bodies > 0)
        log.warn(
          `the bodies of ${bodies} entries that had been dropped are on this disk again: the policies in force rest on them`,
          {
            hint: 'an erasure in what is settled, or a lost file, has made them necessary; to drop them once more: blockchain prune',
          },
        );
    } catch (caught) {
      if (!signal.aborted) log.debug('cannot fetch the history back now', { text: asFault(caught).message });
      throw caught;
    }
    const need = pruning.need();
    if (need !== undefined) throw need;
  }
}

/**
 * Resolves when the book holds what the ledger held; one that lacks history is waited for. Rejects with the signal's
 * reason.
 */
export const bookKnown = async (
  policies: Pick<Policies, 'caughtUp'>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> => {
  for (;;) {
    try {
      await policies.caughtUp();
      return;
    } catch (caught) {
      if (!hasCode(caught, 'ENTRY_ARCHIVED')) throw caught;
    }
    await sleep(clock, HISTORY_ASK_MIN_MS, signal);
  }
};
