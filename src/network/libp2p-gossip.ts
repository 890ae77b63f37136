import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import type { Connection, PeerId, Stream } from '@libp2p/interface';
import type { Clock } from '../base/clock.ts';
import { fault, textOf } from '../base/errors.ts';
import { GOSSIP_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { rejectedFault } from './exchange.ts';
import type { Gatekeeper } from './gate.ts';
import { GossipWatch } from './gossip-watch.ts';
import { keyOfPeerId, type Libp2pNode } from './libp2p-node.ts';
import type { Links } from './links.ts';
import type { Network, PeerKey, Verdict } from './network.ts';
import { gatherWindowUpdates } from './window-updates.ts';

const VERDICTS: Record<Verdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/**
 * Gossip of the port over gossipsub: what peers send is read along, and whoever sends what no honest node does is to
 * blame.
 */
export class Libp2pGossip implements Pick<Network, 'subscribe' | 'publish'> {
  readonly #pubsub: Libp2pNode['services']['pubsub'];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #links: Links;
  readonly #gatekeeper: Gatekeeper;

  constructor({ services }: Libp2pNode, clock: Clock, log: Logger, links: Links, gatekeeper: Gatekeeper) {
    this.#pubsub = services.pubsub;
    this.#clock = clock;
    this.#log = log;
    this.#links = links;
    this.#gatekeeper = gatekeeper;
  }

  /** What reads along on a new connection. */
  newWatch(): GossipWatch {
    return new GossipWatch(this.#clock, (topic) => this.#pubsub.topicValidators.has(topic));
  }

  /** Reads along what a peer gossips. */
  listenIn(stream: Stream, connection: Connection): void {
    const key = keyOfPeerId(connection.remotePeer);
    if (key === undefined) return;
    const gossip = this.#links.on(key, connection)?.gossip ?? this.newWatch();
    gossip.restart();
    gatherWindowUpdates(stream);
    stream.addEventListener('message', ({ data }) => {
      if (this.#gatekeeper.isExpelled(key)) return;
      try {
        for (const piece of data instanceof Uint8Array ? [data] : data) gossip.push(piece);
      } catch (caught) {
        this.#gatekeeper.blame(key, caught);
      }
    });
  }

  subscribe(topic: string, receive: (data: Uint8Array, from: PeerKey) => Promise<Verdict>): void {
    this.#pubsub.topicValidators.set(topic, async (from: PeerId, message: Message) => {
      const key = keyOfPeerId(from);
      if (key === undefined || message.data.byteLength > GOSSIP_BYTES_MAX) return TopicValidatorResult.Reject;
      try {
        const verdict = await receive(message.data, key);
        if (verdict === 'reject') this.#gatekeeper.blame(key, rejectedFault());
        return VERDICTS[verdict];
      } catch (caught) {
        this.#log.error(`the receiver of ${topic} failed: ${textOf(caught)}`);
        return TopicValidatorResult.Ignore;
      }
    });
    this.#pubsub.subscribe(topic);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (data.byteLength > GOSSIP_BYTES_MAX)
      throw fault('NETWORK_GOSSIP_OVERSIZE', `gossip of ${data.byteLength} bytes; at most ${GOSSIP_BYTES_MAX}`);
    try {
      await this.#pubsub.publish(topic, data);
    } catch (caught) {
      throw fault('NETWORK_GOSSIP_FAILED', `gossip was not sent: ${textOf(caught)}`, { cause: caught });
    }
  }
}
