import type { Clock } from '../base/clock.ts';
import { CONSUMER_INTERVAL_MS } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { Consumer, ConsumerOptions, PeerReplication } from './replication.ts';
import type { WantWindow } from './transfer/messages.ts';

/** What a consumer steers: the puller and its window; `onClose` is told when it ends. */
export interface ConsumerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly peers: () => readonly PeerReplication[];
  readonly filled: () => boolean;
  /** Everything in the window is pulled; undefined: nothing but own files. */
  readonly setWindow: (window: (() => WantWindow) | undefined) => void;
  /** Asks the peers what they hold. */
  readonly compare: () => Promise<void>;
  /** Pulls without waiting for pushes; resolves when nothing is under way and nothing can be asked for. */
  readonly pullNow: () => Promise<void>;
  readonly onClose: () => void;
}

/** Milliseconds since 1970 in the form of record times. */
const recordTime = (ms: number): string => {
  const micros = Math.floor(ms * 1_000);
  const millis = Math.floor(micros / 1_000);
  return `${new Date(millis).toISOString().slice(0, -1)}${String(micros - millis * 1_000).padStart(3, '0')}Z`;
};

/** The window of a consumer at this moment. A window that begins at or before 1970 is open. */
export const windowOf = ({ startMs, endMs }: ConsumerOptions): WantWindow => {
  const [from, to] = [startMs(), endMs()];
  return {
    from: from > 0 ? recordTime(from) : null,
    to: to === undefined ? null : recordTime(to),
  };
};

/** Keeps the puller going: the window, the mode, and a comparison at an interval. */
export class PullingConsumer implements Consumer {
  readonly #ports: ConsumerPorts;
  readonly #window: () => WantWindow;
  #mode: 'active' | 'suspend' = 'suspend';
  #cancel: () => void = () => {};
  #closed = false;

  constructor(ports: ConsumerPorts, options: ConsumerOptions) {
    this.#ports = ports;
    this.#window = () => windowOf(options);
    this.setMode(options.mode);
    this.#again();
  }

  get mode(): 'active' | 'suspend' {
    return this.#mode;
  }

  get filled(): boolean {
    return this.#ports.filled();
  }

  setMode(mode: 'active' | 'suspend'): void {
    this.#mode = mode;
    this.#ports.setWindow(mode === 'active' ? this.#window : undefined);
  }

  peers(): readonly PeerReplication[] {
    return this.#ports.peers();
  }

  async syncNow(): Promise<void> {
    await this.#ports.compare();
    await this.#ports.pullNow();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel();
    this.#ports.setWindow(undefined);
    this.#ports.onClose();
  }

  /** With jitter, so that operators that started together do not stay in step. */
  #again(): void {
    if (this.#closed) return;
    const ms = CONSUMER_INTERVAL_MS * (0.75 + this.#ports.random.fraction() / 2);
    this.#cancel = this.#ports.clock.after(ms, () => {
      if (this.#mode === 'active') void this.#ports.compare();
      this.#again();
    });
  }
}
