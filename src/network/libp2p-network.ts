import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { EventEmitter } from 'node:events';
import type { Connection, MultiaddrConnection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { fault, textOf } from '../base/errors.ts';
import {
  CHANNEL_OPEN_TIMEOUT_MS,
  CHANNELS_BURST_MAX,
  CHANNELS_PER_PEER_MAX,
  CHANNELS_PER_SECOND_MAX,
  DIAL_TIMEOUT_MS,
  GUEST_MS_MAX,
} from '../base/limits.ts';
import { joinAddress, splitAddress } from '../base/host.ts';
import type { Logger } from '../base/log.ts';
import { Pace } from '../base/pace.ts';
import { addressOfMultiaddr, multiaddrText } from './addresses.ts';
import { ChannelServer } from './channel-server.ts';
import { abortedFault, exchange, expelledFault } from './exchange.ts';
import { Gatekeeper } from './gate.ts';
import { gatherWrites } from './gathered-writes.ts';
import { dialFault, openFault, selfFault, twinFault, wrongPeerFault } from './libp2p-faults.ts';
import { Libp2pGossip } from './libp2p-gossip.ts';
import { keyOfPeerId, type Libp2pNode, peerIdOfKey, startLibp2pNode, type TransportFactory } from './libp2p-node.ts';
import { abortOpen, type Link, Links, peerOf } from './links.ts';
import { answerPings, Liveness, PING_PROTOCOL } from './liveness.ts';
import type {
  Address,
  Channel,
  ConnectedPeer,
  DialState,
  DialTarget,
  Expelled,
  Gate,
  Network,
  NetworkNotices,
  PeerKey,
  RequestOptions,
  Verdict,
} from './network.ts';
import { Redialer } from './redial.ts';
import { callByTcp } from './tcp-call.ts';
import { SelfCalls } from './self-calls.ts';
import { StreamChannel } from './stream-channel.ts';
import { gatherWindowUpdates } from './window-updates.ts';

/** Who a node is and where it listens. */
export interface Libp2pNetworkOptions {
  /** The node's private Ed25519 key, 32 bytes: its identity here is the same as in the ledger. */
  readonly privateKeySeed: Uint8Array;
  /** Where to listen; port 0 takes a free one. */
  readonly listen: Address;
  /** What connections run over; TCP where left out. */
  readonly transport?: TransportFactory;
  /** Resolves when a call over that transport is answered; of TCP where left out. */
  readonly call?: (address: Address) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Starts libp2p and puts the port over it. Called through `libp2p.ts`. */
export const startNetwork = async (options: Libp2pNetworkOptions): Promise<Network> => {
  // What arrives on a raw connection is life of the link that will be made from it; both share one `timeline` object.
  const rawHeard = new WeakMap<object, () => void>();
  const onSecured = (raw: MultiaddrConnection): void => {
    raw.addEventListener('message', () => rawHeard.get(raw.timeline)?.());
    gatherWrites(raw);
  };
  const selfCalls = new SelfCalls(options.clock);
  const made: { network?: Libp2pNetwork } = {};
  const node = await startLibp2pNode({
    seed: options.privateKeySeed,
    listen: options.listen,
    transport: options.transport,
    onSecured,
    selfCalls,
    isMember: (key) => made.network?.isMember(key) ?? true,
    isExpelled: (key) => made.network?.isExpelled(key) ?? false,
    onGossip: (stream, connection) => made.network?.listenIn(stream, connection),
  });
  made.network = new Libp2pNetwork(node, options, rawHeard, selfCalls);
  return made.network;
};

class Libp2pNetwork implements Network {
  readonly self: PeerKey;
  readonly address: Address;
  readonly notices = new EventEmitter<NetworkNotices>();
  readonly #node: Libp2pNode;
  readonly #options: Libp2pNetworkOptions;
  readonly #log: Logger;
  readonly #rawHeard: WeakMap<object, () => void>;
  readonly #selfCalls: SelfCalls;
  readonly #links = new Links();
  readonly #dialling = new Map<Address, Promise<ConnectedPeer>>();
  readonly #liveness: Liveness;
  readonly #redialer: Redialer;
  readonly #gatekeeper: Gatekeeper;
  readonly #server: ChannelServer;
  readonly #gossip: Libp2pGossip;
  #closed = false;

  constructor(
    node: Libp2pNode,
    options: Libp2pNetworkOptions,
    rawHeard: WeakMap<object, () => void>,
    selfCalls: SelfCalls,
  ) {
    this.#node = node;
    this.#options = options;
    this.#rawHeard = rawHeard;
    this.#selfCalls = selfCalls;
    this.#log = options.log.child('network');
    this.self = keyOfPeerId(node.peerId) ?? '';
    const bound = splitAddress(addressOfMultiaddr(node.getMultiaddrs()[0]?.toString() ?? ''));
    this.address = joinAddress({ host: splitAddress(options.listen).host, port: bound.port });
    this.#liveness = new Liveness(options.clock);
    this.#redialer = new Redialer({
      self: this.self,
      clock: options.clock,
      random: options.random,
      log: this.#log,
      dial: (target, timeoutMs) => this.dial(target, { timeoutMs }),
      call: options.call ?? callByTcp,
      connected: () => this.#links.view(),
    });
    this.#gatekeeper = new Gatekeeper({
      clock: options.clock,
      log: this.#log,
      connected: () => this.#links.keys(),
      announce: (key, isUp) => this.#announce(key, isUp),
      drop: (key, reason) => this.#drop(key, reason),
    });
    this.#server = new ChannelServer(options.clock, this.#log, this.#links, this.#gatekeeper);
    this.#gossip = new Libp2pGossip(node, options.clock, this.#log, this.#links, this.#gatekeeper);
    node.addEventListener('connection:open', (event) => this.#onOpen(event.detail));
    node.addEventListener('connection:close', (event) => this.#onClosed(event.detail));
    this.handle(PING_PROTOCOL, answerPings);
  }

  peers(): readonly ConnectedPeer[] {
    return this.#links
      .firsts()
      .filter(({ key }) => this.#gatekeeper.isAdmitted(key))
      .map(peerOf);
  }

  setGate(gate: Gate): void {
    this.#gatekeeper.set(gate);
  }

  recheck(): void {
    this.#gatekeeper.look();
  }

  isMember(key: PeerKey): boolean {
    return this.#gatekeeper.isMember(key);
  }

  isExpelled(key: PeerKey): boolean {
    return this.#gatekeeper.isExpelled(key);
  }

  listenIn(stream: Stream, connection: Connection): void {
    this.#gossip.listenIn(stream, connection);
  }

  blame(peer: PeerKey, caught: unknown): void {
    this.#gatekeeper.blame(peer, caught);
  }

  expelled(): readonly Expelled[] {
    return this.#gatekeeper.expelled();
  }

  handle(protocol: string, serve: (channel: Channel) => Promise<void>): void {
    const onStream = (stream: Stream, connection: Connection): void => {
      const key = keyOfPeerId(connection.remotePeer);
      if (key === undefined) stream.abort(new Error('not an Ed25519 key'));
      else if (protocol !== PING_PROTOCOL && !this.#gatekeeper.mayUse(key, protocol))
        stream.abort(new Error('no member of the network'));
      else if (this.#server.mayOpen(stream, connection, key))
        void this.#server.serve(this.#channel(stream, key), protocol, serve);
    };
    // What is beyond is noticed here: libp2p would reset it without a word.
    const limits = { maxInboundStreams: 4 * CHANNELS_PER_PEER_MAX, maxOutboundStreams: CHANNELS_PER_PEER_MAX };
    // The handler is in place when the call returns; the promise is only about the own peer record.
    this.#node.handle(protocol, onStream, limits).catch((caught: unknown) => {
      if (!this.#closed) this.#log.error(`cannot serve ${protocol}: ${textOf(caught)}`);
    });
  }

  async open(peer: PeerKey, protocol: string, options: RequestOptions = {}): Promise<Channel> {
    this.#gatekeeper.checkAsked(peer, protocol);
    const link = this.#links.of(peer).find((each) => each.connection.status === 'open');
    if (link === undefined) throw fault('NETWORK_NOT_CONNECTED', `not connected to ${peer}`);
    return this.#openOn(link.connection, peer, protocol, options);
  }

  async request(peer: PeerKey, protocol: string, frame: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    return exchange(this.#options.clock, (within) => this.open(peer, protocol, within), frame, options);
  }

  subscribe(topic: string, receive: (data: Uint8Array, from: PeerKey) => Promise<Verdict>): void {
    this.#gossip.subscribe(topic, receive);
  }

  publish(topic: string, data: Uint8Array): Promise<void> {
    return this.#gossip.publish(topic, data);
  }

  keepDialled(targets: readonly DialTarget[]): void {
    this.#redialer.keepDialled(targets);
  }

  get knowsTargets(): boolean {
    return this.#redialer.knowsTargets;
  }

  dialStates(): readonly DialState[] {
    return this.#redialer.states();
  }

  async dial(target: DialTarget, options: RequestOptions = {}): Promise<ConnectedPeer> {
    if (target.key === this.self) throw selfFault(target.address);
    if (target.key !== undefined && this.isExpelled(target.key)) throw expelledFault(target.address);
    const pending = this.#dialling.get(target.address);
    if (pending !== undefined) await pending.catch(() => {});
    const known = this.#links.to(target);
    if (known !== undefined) return peerOf(known);
    const work = this.#dialNow(target, options).finally(() => {
      if (this.#dialling.get(target.address) === work) this.#dialling.delete(target.address);
    });
    this.#dialling.set(target.address, work);
    return work;
  }

  async call(address: Address): Promise<void> {
    await (this.#options.call ?? callByTcp)(address);
  }

  async disconnect(peer: PeerKey): Promise<void> {
    const links = this.#links.of(peer);
    await Promise.all(
      links.map(({ connection }) => connection.close({ signal: AbortSignal.timeout(500) }).catch(() => {})),
    );
    for (const { connection } of links) abortOpen(connection, 'disconnected');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#redialer.close();
    this.#liveness.close();
    await this.#node.stop();
  }

  async #dialNow(target: DialTarget, options: RequestOptions): Promise<ConnectedPeer> {
    const { address, key } = target;
    const expected = key === undefined ? '' : `/p2p/${peerIdOfKey(key).toString()}`;
    const signal = signalOf(options, DIAL_TIMEOUT_MS);
    const startedMs = this.#options.clock.monotonicMs();
    let connection: Connection;
    try {
      connection = await this.#node.dial(multiaddr(`${multiaddrText(address)}${expected}`), { signal });
    } catch (caught) {
      if (/dial self/i.test(textOf(caught)))
        throw (await this.#selfCalls.sinceMs(startedMs)) ? selfFault(address) : twinFault(address);
      throw abortedFault(options, caught) ?? dialFault(address, caught, signal);
    }
    const link = this.#links.first(keyOfPeerId(connection.remotePeer) ?? '');
    if (link === undefined)
      throw fault('NETWORK_UNREACHABLE', `${address} closed the connection at once`, { data: { address } });
    if (key !== undefined && link.key !== key) throw wrongPeerFault(address, link.key);
    return peerOf(link);
  }

  async #openOn(connection: Connection, peer: PeerKey, protocol: string, options: RequestOptions): Promise<Channel> {
    const signal = signalOf(options, CHANNEL_OPEN_TIMEOUT_MS);
    try {
      const stream = await connection.newStream(protocol, { signal, maxOutboundStreams: CHANNELS_PER_PEER_MAX });
      return this.#channel(stream, peer);
    } catch (caught) {
      throw abortedFault(options, caught) ?? openFault(peer, protocol, caught, signal);
    }
  }

  #channel(stream: Stream, peer: PeerKey): StreamChannel {
    gatherWindowUpdates(stream);
    return new StreamChannel(stream, peer, this.#options.clock, (caught) => this.blame(peer, caught));
  }

  #onOpen(connection: Connection): void {
    const key = keyOfPeerId(connection.remotePeer);
    if (key === undefined || this.#closed || connection.status !== 'open') return;
    const watch = this.#liveness.watch({
      openPing: () => this.#openOn(connection, key, PING_PROTOCOL, {}),
      silent: () => {
        this.#log.info(`${key} is silent; dropping the connection`);
        abortOpen(connection, 'silent');
      },
    });
    this.#rawHeard.set(connection.timeline, () => watch.heard());
    const link: Link = {
      connection,
      key,
      address: addressOfMultiaddr(connection.remoteAddr.toString()),
      sinceMs: this.#options.clock.wallMs(),
      watch,
      pace: new Pace(this.#options.clock, { burst: CHANNELS_BURST_MAX, perSecond: CHANNELS_PER_SECOND_MAX }),
      gossip: this.#gossip.newWatch(),
    };
    this.#links.add(link);
    if (this.#links.first(key) !== link) return;
    if (this.#gatekeeper.came(key)) return;
    this.#log.debug(`${key} has no grant: it may redeem an invite`);
    const cancel = this.#options.clock.after(GUEST_MS_MAX, () => {
      if (!this.#gatekeeper.isAdmitted(key)) abortOpen(connection, 'no member of the network');
    });
    connection.addEventListener('close', cancel, { once: true });
    if (connection.direction === 'outbound') this.notices.emit('guest:up', peerOf(link));
  }

  #announce(key: PeerKey, isUp: boolean): void {
    if (this.#closed) return;
    const link = this.#links.first(key);
    if (!isUp) {
      this.notices.emit('peer:down', key);
      this.#redialer.onPeerDown(key);
    } else if (link !== undefined) {
      this.notices.emit('peer:up', peerOf(link));
      this.#redialer.onPeerUp();
    }
  }

  #drop(key: PeerKey, reason: string): void {
    let isNews = false;
    for (const { connection } of this.#links.of(key)) isNews = abortOpen(connection, reason) || isNews;
    if (isNews) this.#log.info(`dropped ${key}: ${reason}`);
  }

  /**
   * A peer's connections stand and fall together: gossipsub keeps its streams on the first and does not move them to
   * another, so a peer that lost one of two would be deaf to gossip for good. Redialling makes a clean start.
   */
  #onClosed(connection: Connection): void {
    const key = keyOfPeerId(connection.remotePeer);
    const link = key === undefined ? undefined : this.#links.on(key, connection);
    if (key === undefined || link === undefined) return;
    const links = this.#links.of(key);
    this.#links.forget(key);
    for (const each of links) {
      each.watch.stop();
      if (each !== link) abortOpen(each.connection, 'another connection to the peer was lost');
    }
    if (this.#gatekeeper.isAdmitted(key)) this.#gatekeeper.gone(key);
    else if (!this.#closed) this.#redialer.onPeerDown(key);
  }
}

const signalOf = (options: RequestOptions, defaultMs: number): AbortSignal => {
  // Node takes whole milliseconds only; what is reckoned from a measured time is none.
  const timeout = AbortSignal.timeout(Math.max(0, Math.ceil(options.timeoutMs ?? defaultMs)));
  return options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
};
