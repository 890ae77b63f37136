import { sleep, type Clock } from '../base/clock.ts';
import { asFault, fault, hasCode, type HoldfastError } from '../base/errors.ts';
import {
  HOLDINGS_ORIGINS_MAX,
  HOLDINGS_RANGES_MAX,
  PULL_RETRY_MIN_MS,
  REDIAL_MAX_MS,
  TRANSFER_IDLE_MS,
} from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import { checked, type Network } from '../network/network.ts';
import type { FileRanges } from '../operator/file-record.ts';
import { uniteRanges } from '../operator/ranges.ts';
import type { ClusterPeer } from './replication.ts';
import { NO_FILES } from './transfer/holdings.ts';
import type { FilesByOrigin, TransferMessage } from './transfer/messages.ts';
import { openTransfer, type TransferChannel } from './transfer/protocol.ts';

/** What was done with a peer since start; kept while it is away. */
export interface PeerTally {
  sent: number;
  received: number;
  /** Wall clock, milliseconds. */
  lastExchangeMs: number | undefined;
  /** Of the connection: gone when the next comparison succeeds. */
  linkError: HoldfastError | undefined;
  /** Of a file: gone when the next one succeeds. */
  fileError: HoldfastError | undefined;
  /** Of a push: gone when the next one succeeds, and of no account when the peer has got everything otherwise. */
  pushError: HoldfastError | undefined;
}

/** Who is told what the links learn. */
export interface LinkListener {
  up(peer: ClusterPeer): void;
  down(peer: ClusterPeer): void;
  compared(peer: ClusterPeer, holdings: ReadonlyMap<string, FileRanges>): void;
  announced(peer: ClusterPeer, files: FilesByOrigin): void;
}

/** Who this operator is, and with which peers it keeps in touch. */
export interface LinkPorts {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  /** Own operator policy id. */
  readonly self: string;
  readonly clusterPeers: () => readonly ClusterPeer[];
}

/** A connected peer: watched for as long as it is connected and of the cluster. */
interface Link {
  readonly peer: ClusterPeer;
  readonly stopping: AbortController;
  channel: TransferChannel | undefined;
  /** It runs no operator at the moment. */
  absent: boolean;
  up: boolean;
  readonly comparing: Set<() => void>;
}

/**
 * Keeps one watching channel to each connected peer of the cluster, for as long as it lasts and again with backoff when
 * it breaks, and tells what the peer holds.
 */
export class PeerLinks {
  readonly #ports: LinkPorts;
  readonly #listener: LinkListener;
  readonly #links = new Map<string, Link>();
  readonly #tallies = new Map<string, PeerTally>();
  readonly #onNotice = (): void => this.refresh();
  #closed = false;

  constructor(ports: LinkPorts, listener: LinkListener) {
    this.#ports = ports;
    this.#listener = listener;
    ports.network.notices.on('peer:up', this.#onNotice);
    ports.network.notices.on('peer:down', this.#onNotice);
  }

  /** Starts and ends links as the policies and the connections now are. */
  refresh(): void {
    if (this.#closed) return;
    const connected = new Set(this.#ports.network.peers().map(({ key }) => key));
    const wanted = new Map(
      this.#ports
        .clusterPeers()
        .filter(({ peer, operator }) => connected.has(peer) && operator !== this.#ports.self)
        .map((peer) => [peer.operator, peer]),
    );
    for (const [operator, link] of this.#links) if (wanted.get(operator)?.peer !== link.peer.peer) this.#end(link);
    for (const [operator, peer] of wanted) if (!this.#links.has(operator)) this.#start(peer);
  }

  /** Whether the peer is connected, runs an operator and believes us. */
  isUp(operator: string): boolean {
    return this.#links.get(operator)?.up ?? false;
  }

  /** Peers that are connected, but for those that run no operator. */
  active(): readonly string[] {
    return [...this.#links].filter(([, { absent }]) => !absent).map(([operator]) => operator);
  }

  tally(operator: string): PeerTally {
    let tally = this.#tallies.get(operator);
    if (tally === undefined) {
      tally = {
        ...{ sent: 0, received: 0, lastExchangeMs: undefined },
        ...{ linkError: undefined, fileError: undefined, pushError: undefined },
      };
      this.#tallies.set(operator, tally);
    }
    return tally;
  }

  /** Asks each peer that is up for all its holdings; resolves when each has answered or its link has broken. */
  async compareAll(): Promise<void> {
    await Promise.all([...this.#links.values()].filter(({ up }) => up).map((link) => this.#compare(link)));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ports.network.notices.off('peer:up', this.#onNotice);
    this.#ports.network.notices.off('peer:down', this.#onNotice);
    for (const link of [...this.#links.values()]) this.#end(link);
  }

  #start(peer: ClusterPeer): void {
    const link: Link = {
      peer,
      stopping: new AbortController(),
      channel: undefined,
      absent: false,
      up: false,
      comparing: new Set(),
    };
    this.#links.set(peer.operator, link);
    void this.#keep(link);
  }

  #end(link: Link): void {
    this.#links.delete(link.peer.operator);
    link.stopping.abort('the link is no longer wanted');
    link.channel?.abort('the link is no longer wanted');
    this.#lower(link);
  }

  /** Watches the peer again and again until the link is ended. */
  async #keep(link: Link): Promise<void> {
    const { signal } = link.stopping;
    let waitMs = PULL_RETRY_MIN_MS / 2;
    while (!signal.aborted) {
      try {
        await this.#watch(link, () => (waitMs = PULL_RETRY_MIN_MS / 2));
      } catch (caught) {
        const error = asFault(caught);
        link.absent =
          hasCode(error, 'NETWORK_PROTOCOL_UNSUPPORTED') || error.data['code'] === 'REPLICATION_NOT_RUNNING';
        if (this.#links.get(link.peer.operator) === link) this.tally(link.peer.operator).linkError = error;
      }
      link.channel?.abort('the link starts anew');
      this.#lower(link);
      await sleep(this.#ports.clock, waitMs * (0.5 + this.#ports.random.fraction()), signal).catch(() => {});
      waitMs = Math.min(REDIAL_MAX_MS, waitMs * 2);
    }
  }

  async #watch(link: Link, onGood: () => void): Promise<void> {
    const { network, clock, self } = this.#ports;
    const channel = await openTransfer(network, clock, link.peer.peer, 'watch', self);
    if (link.stopping.signal.aborted) {
      channel.abort('the link is no longer wanted');
      return;
    }
    link.channel = channel;
    channel.expect(TRANSFER_IDLE_MS);
    const reader = new HoldingsReader();
    for (let frame = await channel.read(); frame !== undefined; frame = await channel.read()) {
      const { message } = frame;
      const news = checked(channel, () => reader.push(message));
      if (news === undefined) continue;
      this.#hear(link, news);
      if (!news.full) continue;
      onGood();
      channel.expect(undefined);
      for (const done of link.comparing) done();
      link.comparing.clear();
    }
    throw fault('NETWORK_CHANNEL_CLOSED', 'the peer ended the link');
  }

  #hear(link: Link, news: HoldingsNews): void {
    const { peer } = link;
    const tally = this.tally(peer.operator);
    tally.lastExchangeMs = this.#ports.clock.wallMs();
    tally.linkError = undefined;
    if (!link.up) {
      link.up = true;
      link.absent = false;
      this.#listener.up(peer);
    }
    if (news.full) this.#listener.compared(peer, news.holdings);
    else this.#listener.announced(peer, [...news.holdings]);
  }

  #compare(link: Link): Promise<void> {
    const { channel } = link;
    if (channel === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      link.comparing.add(resolve);
      channel.expect(TRANSFER_IDLE_MS);
      channel.send({ type: 'compare' }).catch((caught: unknown) => channel.abort(caught));
    });
  }

  #lower(link: Link): void {
    link.channel = undefined;
    for (const done of link.comparing) done();
    link.comparing.clear();
    if (!link.up) return;
    link.up = false;
    this.#listener.down(link.peer);
  }
}

interface HoldingsNews {
  /** All that the peer holds, or what it holds since. */
  readonly full: boolean;
  readonly holdings: ReadonlyMap<string, FileRanges>;
}

/** Puts `holdings` messages together; bounded in ranges and origins. */
class HoldingsReader {
  #full = false;
  #inMiddle = false;
  #ranges = 0;
  #holdings = new Map<string, FileRanges>();

  /** The news when a message completes it. Throws `TRANSFER_MALFORMED`. */
  push(message: TransferMessage): HoldingsNews | undefined {
    if (message.type !== 'holdings') throw fault('TRANSFER_MALFORMED', `${message.type} to a watcher`);
    if (!this.#inMiddle) {
      this.#full = message.full;
      this.#holdings = new Map();
      this.#ranges = 0;
    } else if (message.full) throw fault('TRANSFER_MALFORMED', 'holdings begin in the middle of holdings');
    for (const [origin, ranges] of message.origins) {
      this.#ranges += ranges.length;
      this.#holdings.set(origin, uniteRanges(this.#holdings.get(origin) ?? NO_FILES, ranges));
    }
    if (this.#ranges > HOLDINGS_RANGES_MAX || this.#holdings.size > HOLDINGS_ORIGINS_MAX)
      throw fault('TRANSFER_MALFORMED', 'the peer announces more ranges than can be');
    this.#inMiddle = message.more;
    return message.more ? undefined : { full: this.#full, holdings: this.#holdings };
  }
}
