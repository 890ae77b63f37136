import type { Clock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import { TWINS_ANSWERS_MIN, TWINS_INTERVAL_MS, TWINS_QUIET_MS } from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { SigningKey } from '../../entry/keys.ts';
import { type Channel, checked, type Network, type PeerKey } from '../../network/network.ts';
import {
  decodeOthers,
  decodePresence,
  encodeOthers,
  encodePresence,
  makePresence,
  type Presence,
  presenceHolds,
  TWINS_PROTOCOL,
} from './messages.ts';
import { HeardPresences, TwinState } from './state.ts';

/** What watching for a twin needs: the network to ask through, the key to sign with, and whom to tell. */
export interface TwinWatchPorts {
  readonly network: Network;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether this node may append now. */
  readonly writes: () => boolean;
  /** Something was heard: look at `twin` and `isClear` again. */
  readonly onAnswer: () => void;
}

/** Finds another running node with this node's key, through the peers that both are connected to (SPEC). */
export class TwinWatch implements Resource {
  readonly #ports: TwinWatchPorts;
  readonly #instance: string;
  readonly #heard = new HeardPresences();
  readonly #state: TwinState;
  /** Peers whose program is older than the protocol: they can tell nothing. */
  readonly #mute = new Set<PeerKey>();
  readonly #asking = new Set<PeerKey>();
  #cancel: () => void = () => {};
  #closed = false;

  constructor(ports: TwinWatchPorts) {
    this.#ports = ports;
    this.#instance = Buffer.from(ports.random.bytes(16)).toString('hex');
    this.#state = new TwinState(this.#instance);
    ports.network.handle(TWINS_PROTOCOL, (channel) => this.#serve(channel));
    ports.network.notices.on('peer:down', this.#onDown);
    this.#schedule(0);
  }

  /** Another living node with the own key; undefined while none is known. */
  get twin(): Presence | undefined {
    return this.#state.twin(this.#ports.clock.monotonicMs());
  }

  /** Whether a twin that is connected to the peer would have been noticed by now. */
  isClear(peer: PeerKey): boolean {
    const nowMs = this.#ports.clock.monotonicMs();
    return this.#mute.has(peer) || this.#state.isClear(peer, nowMs, TWINS_QUIET_MS, TWINS_ANSWERS_MIN);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ports.network.notices.off('peer:down', this.#onDown);
    this.#cancel();
  }

  /** It may come back with a newer program, or never. */
  readonly #onDown = (peer: PeerKey): void => {
    this.#mute.delete(peer);
    this.#state.forget(peer);
  };

  #schedule(ms: number): void {
    this.#cancel = this.#ports.clock.after(ms, () => {
      for (const { key } of this.#ports.network.peers()) void this.#ask(key);
      this.#schedule(TWINS_INTERVAL_MS);
    });
  }

  async #ask(peer: PeerKey): Promise<void> {
    if (this.#asking.has(peer) || this.#mute.has(peer)) return;
    this.#asking.add(peer);
    const { network, key, clock, log, writes, onAnswer } = this.#ports;
    try {
      const own = makePresence(key, { instance: this.#instance, writes: writes(), seen: [...this.#state.seen()] });
      const options = { timeoutMs: TWINS_INTERVAL_MS * 2 };
      const others = decodeOthers(await network.request(peer, TWINS_PROTOCOL, encodePresence(own), options));
      if (this.#closed || !network.peers().some(({ key: connected }) => connected === peer)) return;
      const genuine = others.filter((presence) => presenceHolds(key.author, presence));
      this.#state.answered(peer, genuine, clock.monotonicMs());
    } catch (caught) {
      if (hasCode(caught, 'NETWORK_PROTOCOL_UNSUPPORTED')) this.#mute.add(peer);
      this.#state.forget(peer);
      log.debug(`${peer} does not say whether this node has a twin`, { error: caught });
    } finally {
      this.#asking.delete(peer);
    }
    if (!this.#closed) onAnswer();
  }

  async #serve(channel: Channel): Promise<void> {
    for await (const frame of channel) {
      const presence = checked(channel, () => decodePresence(frame));
      const genuine = presenceHolds(channel.peer, presence);
      const others = genuine ? this.#heard.hear(channel.peer, presence, this.#ports.clock.monotonicMs()) : [];
      await channel.send(encodeOthers(others));
      break;
    }
    await channel.finish();
  }
}
