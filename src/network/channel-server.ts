import type { Connection, Stream } from '@libp2p/interface';
import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { CHANNEL_FIRST_FRAME_MS, CHANNEL_LINGER_MS, CHANNELS_PER_PEER_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Gatekeeper } from './gate.ts';
import type { Links } from './links.ts';
import type { Channel, PeerKey } from './network.ts';
import type { StreamChannel } from './stream-channel.ts';

/** Serves the channels that peers open, and has those pay who open them for nothing. */
export class ChannelServer {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #links: Links;
  readonly #gatekeeper: Gatekeeper;

  constructor(clock: Clock, log: Logger, links: Links, gatekeeper: Gatekeeper) {
    this.#clock = clock;
    this.#log = log;
    this.#links = links;
    this.#gatekeeper = gatekeeper;
  }

  /** Whether the peer may open one more channel: not too many at a time of one protocol, nor too many a second. */
  mayOpen(stream: Stream, connection: Connection, key: PeerKey): boolean {
    const isOne = ({ protocol, direction }: Stream): boolean => protocol === stream.protocol && direction === 'inbound';
    if (this.#links.on(key, connection)?.pace.take() === false)
      this.#gatekeeper.blame(key, fault('NETWORK_FLOOD', 'it opens channels without end'));
    else if (connection.streams.filter(isOne).length <= 2 * CHANNELS_PER_PEER_MAX) return true;
    else this.#gatekeeper.strike(key, `it has more than ${2 * CHANNELS_PER_PEER_MAX} channels of one protocol open`);
    stream.abort(new Error('too many channels'));
    return false;
  }

  /** To the end of its handler; what it fails with is told and ends there. */
  async serve(channel: StreamChannel, protocol: string, serve: (channel: Channel) => Promise<void>): Promise<void> {
    const { peer } = channel;
    const cancel = this.#clock.after(CHANNEL_FIRST_FRAME_MS, () => {
      if (channel.asked || channel.ended) return;
      channel.abort(fault('NETWORK_TIMEOUT', `nothing was asked within ${CHANNEL_FIRST_FRAME_MS} ms`));
      this.#gatekeeper.strike(peer, 'it opens channels and asks nothing');
    });
    try {
      await serve(channel);
      await channel.wind(CHANNEL_LINGER_MS);
    } catch (caught) {
      const error = asFault(caught);
      const level = error.code.startsWith('NETWORK_') ? 'debug' : 'warn';
      this.#log[level](`${protocol} with ${peer} ended: ${error.message}`, { code: error.code });
      // A lost connection takes with it what was just opened.
      if (!channel.asked && this.#links.isOpen(peer)) this.#gatekeeper.strike(peer, 'it opens channels and drops them');
      channel.abort(caught);
    } finally {
      cancel();
    }
  }
}
