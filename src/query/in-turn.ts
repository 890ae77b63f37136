import type { Clock } from '../base/clock.ts';
import { asFault, type HoldfastError } from '../base/errors.ts';
import { QUERY_HEDGES_MAX } from '../base/limits.ts';

/** One try. `alive` is called when the candidate says that it works on it, and whenever it sends something. */
export type Attempt<C, T> = (candidate: C, signal: AbortSignal, alive: () => void) => Promise<T>;

/** How long a candidate is waited for, and what its failures mean. */
export interface InTurnOptions<C> {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The next candidate is tried beside a silent one after this, … */
  readonly hedgeMs: number;
  /** … beside one that works on it and has sent nothing for so long. */
  readonly hedgeSlowMs: number;
  /** Whether a failure is the question's own fault: then nobody else is asked. */
  isFinal(error: HoldfastError): boolean;
  /** All candidates have failed: what to say. */
  exhausted(failures: readonly { readonly candidate: C; readonly error: HoldfastError }[]): HoldfastError;
}

/**
 * Tries candidates in order until one succeeds: the next at once when one fails, and beside it when it is slow. The
 * first success counts and ends the others.
 */
export const inTurn = <C, T>(candidates: readonly C[], attempt: Attempt<C, T>, options: InTurnOptions<C>): Promise<T> =>
  new Race(candidates, attempt, options).run();

class Race<C, T> {
  /** Candidates that were not tried yet, in order. */
  readonly #waiting: C[];
  readonly #attempt: Attempt<C, T>;
  readonly #options: InTurnOptions<C>;
  readonly #running = new Set<AbortController>();
  readonly #failures: { candidate: C; error: HoldfastError }[] = [];
  readonly #outcome = Promise.withResolvers<T>();
  #cancelHedge: () => void = () => {};
  /** Nothing is begun any more. */
  #over = false;

  constructor(candidates: readonly C[], attempt: Attempt<C, T>, options: InTurnOptions<C>) {
    this.#waiting = [...candidates];
    this.#attempt = attempt;
    this.#options = options;
  }

  async run(): Promise<T> {
    const { signal } = this.#options;
    const stop = (): void => this.#outcome.reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.#next();
      return await this.#outcome.promise;
    } finally {
      this.#over = true;
      signal.removeEventListener('abort', stop);
      this.#cancelHedge();
      for (const controller of this.#running) controller.abort(signal.aborted ? signal.reason : REPLACED);
    }
  }

  #next(): void {
    this.#cancelHedge();
    const candidate = this.#waiting.shift();
    if (candidate === undefined) {
      if (this.#running.size === 0) this.#outcome.reject(this.#options.exhausted(this.#failures));
      return;
    }
    const controller = new AbortController();
    this.#running.add(controller);
    this.#hedgeAfter(this.#options.hedgeMs);
    const waiting = this.#waiting.length;
    // Only the newest attempt puts the next one off: while fewer wait than when it began, it is not the newest.
    const alive = (): void => {
      const isNewest = this.#waiting.length === waiting;
      if (isNewest && this.#running.has(controller)) this.#hedgeAfter(this.#options.hedgeSlowMs);
    };
    this.#attempt(candidate, controller.signal, alive).then(
      (value) => {
        this.#running.delete(controller);
        this.#outcome.resolve(value);
      },
      (caught: unknown) => {
        this.#running.delete(controller);
        this.#failed(candidate, asFault(caught));
      },
    );
  }

  #failed(candidate: C, error: HoldfastError): void {
    this.#failures.push({ candidate, error });
    if (this.#over) return;
    if (this.#options.isFinal(error)) this.#outcome.reject(error);
    else if (this.#waiting.length > 0 || this.#running.size === 0) this.#next();
  }

  #hedgeAfter(ms: number): void {
    this.#cancelHedge();
    this.#cancelHedge = this.#options.clock.after(ms, () => {
      if (this.#waiting.length > 0 && this.#running.size < QUERY_HEDGES_MAX) this.#next();
    });
  }
}

/** Why an attempt was ended: another one was faster. */
export const REPLACED = new Error('another operator was faster');
