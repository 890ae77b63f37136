import type { Clock } from '../base/clock.ts';
import { fault } from '../base/errors.ts';
import { LIVENESS_TICK_MS, PING_INTERVAL_MS, PING_TIMEOUT_MS } from '../base/limits.ts';
import { type Channel, checked } from './network.ts';

/** One channel for as long as the connection lasts: each frame comes back as it is. */
export const PING_PROTOCOL = '/holdfast/ping/1';

const PING_BYTES_MAX = 64;
const TICKS_UNTIL_PING = PING_INTERVAL_MS / LIVENESS_TICK_MS;
const TICKS_UNTIL_SILENT = PING_TIMEOUT_MS / LIVENESS_TICK_MS - 1;

/** Sends every ping back. */
export const answerPings = async (channel: Channel): Promise<void> => {
  for await (const frame of channel) {
    checked(channel, () => checkPing(frame));
    await channel.send(frame);
  }
};

const checkPing = ({ byteLength }: Uint8Array): void => {
  if (byteLength > PING_BYTES_MAX)
    throw fault('NETWORK_FRAME_OVERSIZE', `a ping of ${byteLength} bytes; at most ${PING_BYTES_MAX}`);
};

/** A connection as far as liveness is concerned. */
export interface Watched {
  /** Opens the channel that pings go over. */
  openPing(): Promise<Channel>;
  /** Called once, when nothing was heard for too long. */
  silent(): void;
}

/** The watch over one connection. */
export interface Watch {
  readonly rttMs: number | undefined;
  /** Some byte came in, of whatever protocol. */
  heard(): void;
  stop(): void;
}

/**
 * Pings every watched connection each `PING_INTERVAL_MS` and reports one on which no byte at all came in for
 * `PING_TIMEOUT_MS`. Silence is counted in ticks of the event loop's own timer, not in elapsed time: a loop that was
 * blocked for seconds makes one tick, and reads what waits in its sockets before the next.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #watches = new Set<ConnectionWatch>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(connection: Watched): Watch {
    const watch = new ConnectionWatch(this.#clock, connection, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    this.#cancel ??= this.#schedule();
    return watch;
  }

  close(): void {
    this.#cancel?.();
    for (const watch of [...this.#watches]) watch.stop();
  }

  #schedule(): () => void {
    return this.#clock.after(LIVENESS_TICK_MS, () => {
      for (const watch of [...this.#watches]) watch.tick();
      this.#cancel = this.#watches.size === 0 ? undefined : this.#schedule();
    });
  }
}

class ConnectionWatch implements Watch {
  rttMs: number | undefined;
  #silentTicks = 0;
  #ticksToPing = 1;
  #pinging = false;
  #stopped = false;
  #channel: Channel | undefined;
  readonly #clock: Clock;
  readonly #connection: Watched;
  readonly #onStop: () => void;

  constructor(clock: Clock, connection: Watched, onStop: () => void) {
    this.#clock = clock;
    this.#connection = connection;
    this.#onStop = onStop;
  }

  heard(): void {
    this.#silentTicks = 0;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#onStop();
    this.#channel?.abort('the connection is gone');
  }

  tick(): void {
    this.#silentTicks += 1;
    if (this.#silentTicks > TICKS_UNTIL_SILENT) {
      this.stop();
      this.#connection.silent();
      return;
    }
    this.#ticksToPing -= 1;
    if (this.#ticksToPing > 0 || this.#pinging) return;
    this.#ticksToPing = TICKS_UNTIL_PING;
    this.#pinging = true;
    void this.#ping().finally(() => (this.#pinging = false));
  }

  async #ping(): Promise<void> {
    try {
      this.#channel ??= await this.#connection.openPing();
      if (this.#stopped) throw fault('NETWORK_CHANNEL_CLOSED', 'the connection is gone');
      const sentMs = this.#clock.monotonicMs();
      await this.#channel.send(new Uint8Array(8));
      const answer = await this.#channel[Symbol.asyncIterator]().next();
      if (answer.done === true) throw fault('NETWORK_CHANNEL_CLOSED', 'the peer closed the ping channel');
      this.rttMs = this.#clock.monotonicMs() - sentMs;
      this.heard();
    } catch {
      // Whether the connection is alive is told by the bytes on it; here only the channel is given up.
      this.#channel?.abort('the ping failed');
      this.#channel = undefined;
    }
  }
}
