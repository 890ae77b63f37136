import type { Clock } from '../base/clock.ts';
import { fault, type HoldfastError } from '../base/errors.ts';
import { EXPELLED_KEYS_MAX, EXPELLED_MAX_MS, EXPELLED_MIN_MS, STRIKE_WINDOW_MS, STRIKES_MAX } from '../base/limits.ts';
import type { Expelled, PeerKey } from './network.ts';

interface Record {
  /** Times it was expelled, as far as that is remembered. */
  times: number;
  expelled: Expelled | undefined;
  strikes: number;
  strikesSinceMs: number;
  /** Until when it is kept out, and until when that is remembered; monotonic. */
  outUntilMs: number;
  knownUntilMs: number;
}

/** How the peers behave: who did what no honest node does is kept out for a while, each time for twice as long. */
export class Conduct {
  readonly #clock: Clock;
  readonly #records = new Map<PeerKey, Record>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isExpelled(key: PeerKey): boolean {
    const record = this.#records.get(key);
    return record !== undefined && record.outUntilMs > this.#clock.monotonicMs();
  }

  /** Who is kept out now, the longest known first. */
  expelled(): readonly Expelled[] {
    return [...this.#records].flatMap(([key, { expelled }]) =>
      expelled !== undefined && this.isExpelled(key) ? [expelled] : [],
    );
  }

  /** A breach of a protocol. False where it was expelled before and still is. */
  expel(key: PeerKey, { code, message }: HoldfastError): boolean {
    if (this.isExpelled(key)) return false;
    const nowMs = this.#clock.monotonicMs();
    const record = this.#of(key);
    const forMs = Math.min(EXPELLED_MAX_MS, EXPELLED_MIN_MS * 2 ** Math.min(record.times, 16));
    const sinceMs = this.#clock.wallMs();
    record.times += 1;
    record.expelled = { key, code, text: message, sinceMs, untilMs: sinceMs + forMs };
    record.outUntilMs = nowMs + forMs;
    record.knownUntilMs = record.outUntilMs + EXPELLED_MAX_MS;
    return true;
  }

  /** What an honest node does now and then, and an attacker all the time: the error where it was once too often. */
  strike(key: PeerKey, what: string): HoldfastError | undefined {
    const nowMs = this.#clock.monotonicMs();
    const record = this.#of(key);
    if (nowMs - record.strikesSinceMs > STRIKE_WINDOW_MS) {
      record.strikes = 0;
      record.strikesSinceMs = nowMs;
    }
    record.strikes += 1;
    record.knownUntilMs = Math.max(record.knownUntilMs, nowMs + STRIKE_WINDOW_MS);
    return record.strikes > STRIKES_MAX
      ? fault('NETWORK_FLOOD', `${what}, ${record.strikes} times within ${STRIKE_WINDOW_MS} ms`)
      : undefined;
  }

  #of(key: PeerKey): Record {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#records.get(key);
    if (known !== undefined && known.knownUntilMs > nowMs) return known;
    this.#records.delete(key);
    if (this.#records.size >= EXPELLED_KEYS_MAX)
      for (const [other, { knownUntilMs }] of this.#records) {
        if (knownUntilMs <= nowMs || this.#records.size >= EXPELLED_KEYS_MAX) this.#records.delete(other);
        else break;
      }
    const record = {
      ...{ times: 0, expelled: undefined, strikes: 0, strikesSinceMs: nowMs },
      ...{ outUntilMs: Number.NEGATIVE_INFINITY, knownUntilMs: nowMs },
    };
    this.#records.set(key, record);
    return record;
  }
}
