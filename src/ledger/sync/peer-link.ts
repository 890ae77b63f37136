import type { Clock } from '../../base/clock.ts';
import { asFault, hasCode } from '../../base/errors.ts';
import type { Channel, Network, PeerKey } from '../../network/network.ts';
import { type HaveMessage, LEDGER_SYNC_BEFORE_ID, LEDGER_SYNC_ID } from './messages.ts';
import { pull, type Pulled, type PullPorts, send } from './protocol.ts';
import { backoffMs } from './state.ts';

/** What one exchange after the other with a peer needs; it tells how each went. */
export interface LinkPorts extends Omit<PullPorts, 'onTold' | 'onGave'> {
  readonly network: Network;
  readonly clock: Clock;
  /** The peer is about to be asked what it holds. */
  onAsking(peer: PeerKey): void;
  onTold(peer: PeerKey, theirs: Parameters<PullPorts['onTold']>[0]): void;
  onGave(peer: PeerKey, entries: number): void;
  onPulled(peer: PeerKey, pulled: Pulled): void;
  onFailed(peer: PeerKey, caught: unknown): void;
  /** Exchanges in a row that brought nothing though they should have. */
  failures(peer: PeerKey): number;
}

/** This node's own channel to one connected peer: asks over it, one exchange at a time, and tells its news. */
export class PeerLink {
  readonly peer: PeerKey;
  readonly #ports: LinkPorts;
  #channel: Promise<Channel> | undefined;
  #running: Promise<void> | undefined;
  /** What came up while an exchange was running: another is due. */
  #again = false;
  #notBeforeMs = 0;
  #cancelTimer: (() => void) | undefined;
  #telling = false;
  #missedNews: HaveMessage | undefined;
  #closed = false;

  constructor(peer: PeerKey, ports: LinkPorts) {
    this.peer = peer;
    this.#ports = ports;
  }

  /** Sees to it that an exchange begins from now on, as soon as the pause after a fruitless one allows. */
  pullSoon(): void {
    if (this.#closed) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    const waitMs = this.#notBeforeMs - this.#ports.clock.monotonicMs();
    if (waitMs <= 0) void this.pullNow();
    else
      this.#cancelTimer ??= this.#ports.clock.after(waitMs, () => {
        this.#cancelTimer = undefined;
        this.pullSoon();
      });
  }

  /** Resolves after an exchange that began after the call; never rejects. */
  async pullNow(): Promise<void> {
    if (this.#running !== undefined) await this.#running;
    if (this.#closed) return;
    this.#running ??= this.#exchange().finally(() => {
      this.#running = undefined;
      this.#notBeforeMs = this.#ports.clock.monotonicMs() + backoffMs(this.#ports.failures(this.peer));
      if (this.#again) {
        this.#again = false;
        this.pullSoon();
      }
    });
    await this.#running;
  }

  /**
   * Tells the peer what is new here. News that cannot be told now are made good by an exchange: it tells our version.
   */
  async tell(news: HaveMessage): Promise<void> {
    if (this.#closed) return;
    if (this.#channel === undefined) {
      this.pullSoon();
      return;
    }
    if (this.#telling) {
      // Without the details: the version alone makes the peer ask.
      this.#missedNews = { ...news, heads: [], forks: [] };
      return;
    }
    this.#telling = true;
    try {
      const channel = await this.#channel;
      for (let next: HaveMessage | undefined = news; next !== undefined; next = this.#takeMissed())
        await send(channel, next);
    } catch (caught) {
      this.#dropChannel(asFault(caught).message);
      this.pullSoon();
    } finally {
      this.#telling = false;
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#dropChannel('the peer is gone');
  }

  #takeMissed(): HaveMessage | undefined {
    const missed = this.#missedNews;
    this.#missedNews = undefined;
    return missed;
  }

  async #exchange(): Promise<void> {
    const { peer } = this;
    try {
      this.#channel ??= this.#open();
      const channel = await this.#channel;
      this.#ports.onAsking(peer);
      const ports: PullPorts = {
        ...this.#ports,
        onTold: (theirs) => this.#ports.onTold(peer, theirs),
        onGave: (entries) => this.#ports.onGave(peer, entries),
      };
      this.#ports.onPulled(peer, await pull(channel, ports));
    } catch (caught) {
      this.#dropChannel(asFault(caught).message);
      if (this.#closed) return;
      this.#again = true;
      this.#ports.onFailed(peer, caught);
    }
  }

  async #open(): Promise<Channel> {
    const { network } = this.#ports;
    try {
      return await network.open(this.peer, LEDGER_SYNC_ID);
    } catch (caught) {
      if (!hasCode(caught, 'NETWORK_PROTOCOL_UNSUPPORTED')) throw caught;
      return network.open(this.peer, LEDGER_SYNC_BEFORE_ID);
    }
  }

  #dropChannel(reason: string): void {
    const channel = this.#channel;
    this.#channel = undefined;
    channel?.then((open) => open.abort(reason)).catch(() => {});
  }
}
