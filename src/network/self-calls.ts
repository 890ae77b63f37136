import { sleep, type Clock } from '../base/clock.ts';

/** A call that came in is told apart from others by then: its handshake has ended, one way or the other. */
const SETTLED_MS = 1_000;
const REMEMBERED_MS = 30_000;

/**
 * Tells whether a node that was dialled and turned out to have the own key is this process, reached by a detour (a
 * forwarded port, the outer address of its host), or another. libp2p refuses such a connection at both ends before
 * anything can be exchanged, so it is told from the calls that came in: one's own is among them, and never becomes a
 * connection.
 */
export class SelfCalls {
  readonly #clock: Clock;
  /** Calls that came in and are not known to be another node's → when. */
  readonly #unknown = new Map<object, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A raw connection came in. */
  came(call: object): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [old, atMs] of this.#unknown) if (nowMs - atMs > REMEMBERED_MS) this.#unknown.delete(old);
    this.#unknown.set(call, nowMs);
  }

  /** It is that of a node with another key. */
  isOfOther(call: object): void {
    this.#unknown.delete(call);
  }

  /** Whether this process was called by itself since then. */
  async sinceMs(ms: number): Promise<boolean> {
    const calls = [...this.#unknown].filter(([, atMs]) => atMs >= ms).map(([call]) => call);
    if (calls.length > 0) await sleep(this.#clock, SETTLED_MS);
    return calls.some((call) => this.#unknown.has(call));
  }
}
