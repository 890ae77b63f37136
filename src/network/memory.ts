import { EventEmitter } from 'node:events';
import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { DIAL_TIMEOUT_MS, GOSSIP_BYTES_MAX, GUEST_MS_MAX } from '../base/limits.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { sha256Hex } from '../codec/hash.ts';
import { abortedFault, exchange, expelledFault, rejectedFault } from './exchange.ts';
import { Gatekeeper } from './gate.ts';
import { createChannelPair } from './memory-channel.ts';
import { MemoryWire } from './memory-wire.ts';
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

/** How a network in memory behaves. */
export interface MemoryHubOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Each message takes between these many milliseconds. Default 1 to 5. */
  readonly delayMs?: { readonly min: number; readonly max: number };
  /**
   * Probability, for each message, of being lost: a gossip message is gone, a frame of a channel breaks its channel
   * (as a stream of bytes has it: all in order, or broken). Default 0.
   */
  readonly loss?: number;
}

/** Who a node in it is. */
export interface MemoryNodeOptions {
  readonly key: PeerKey;
  /** Default: one made from the key. */
  readonly address?: Address;
  readonly log?: Logger;
}

/**
 * Nodes of one process that reach each other through it: delay, loss and cuts by order, repeatable by clock and chance.
 */
export interface MemoryHub {
  /** A node; a closed one may come back under the same key. */
  node(options: MemoryNodeOptions): Network;
  /** From now on nothing sent by one reaches the other; connections die when that lasts `PING_TIMEOUT_MS`. */
  cutOneWay(from: PeerKey, to: PeerKey): void;
  cut(a: PeerKey, b: PeerKey): void;
  /** Ends the cuts between two nodes, or all. */
  heal(a?: PeerKey, b?: PeerKey): void;
  /** Changes the probability of loss. */
  setLoss(loss: number): void;
}

/** A network in memory without nodes. */
export const createMemoryHub = (options: MemoryHubOptions): MemoryHub => {
  const world: World = {
    clock: options.clock,
    random: options.random,
    nodes: new Map(),
    wire: new MemoryWire(options.clock, options.random, options.delayMs ?? { min: 1, max: 5 }, options.loss ?? 0),
  };
  return {
    node: (nodeOptions) => new MemoryNetwork(world, nodeOptions),
    cutOneWay: (from, to) => world.wire.cut(from, to),
    cut: (a, b) => {
      world.wire.cut(a, b);
      world.wire.cut(b, a);
    },
    heal: (a, b) => world.wire.heal(a, b),
    setLoss: (loss) => world.wire.setLoss(loss),
  };
};

interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly nodes: Map<Address, MemoryNetwork>;
  readonly wire: MemoryWire;
}

/** How one end sees a connection. */
interface End {
  readonly peer: MemoryNetwork;
  readonly address: Address;
  readonly outbound: boolean;
  readonly sinceMs: number;
  readonly channels: Set<Channel>;
  /** Takes the connection out of the wire. */
  readonly release: () => void;
}

class MemoryNetwork implements Network {
  readonly self: PeerKey;
  readonly address: Address;
  readonly notices = new EventEmitter<NetworkNotices>();
  readonly #world: World;
  readonly #log: Logger;
  readonly #ends = new Map<PeerKey, End>();
  readonly #handlers = new Map<string, (channel: Channel) => Promise<void>>();
  readonly #topics = new Map<string, (data: Uint8Array, from: PeerKey) => Promise<Verdict>>();
  readonly #seen = new Set<string>();
  readonly #redialer: Redialer;
  readonly #gatekeeper: Gatekeeper;
  #closed = false;

  constructor(world: World, options: MemoryNodeOptions) {
    this.self = options.key;
    this.address = options.address ?? `${options.key.slice(0, 12)}.memory:1`;
    this.#world = world;
    this.#log = (options.log ?? silentLogger).child('network');
    if (world.nodes.has(this.address))
      throw fault('NETWORK_PORT_TAKEN', `another node listens on ${this.address} already`, {
        hint: 'close it, or choose another address',
      });
    world.nodes.set(this.address, this);
    this.#gatekeeper = new Gatekeeper({
      clock: world.clock,
      log: this.#log,
      connected: () => this.#ends.keys(),
      announce: (key, isUp) => this.#announce(key, isUp),
      drop: (key, reason) => this.#dropKey(key, reason),
    });
    this.#redialer = new Redialer({
      self: this.self,
      clock: world.clock,
      random: world.random,
      log: this.#log,
      dial: (target, timeoutMs) => this.dial(target, { timeoutMs }),
      call: (address) => this.#roundTrip(world.nodes.get(address), { timeoutMs: DIAL_TIMEOUT_MS }),
      connected: () => ({
        keys: new Set(this.#ends.keys()),
        addresses: new Set([...this.#ends.values()].filter((end) => end.outbound).map((end) => end.address)),
      }),
    });
  }

  peers(): readonly ConnectedPeer[] {
    return [...this.#ends].flatMap(([key, end]) => (this.#gatekeeper.isAdmitted(key) ? [this.#peerOf(key, end)] : []));
  }

  setGate(gate: Gate): void {
    this.#gatekeeper.set(gate);
  }

  recheck(): void {
    this.#gatekeeper.look();
  }

  handle(protocol: string, serve: (channel: Channel) => Promise<void>): void {
    this.#handlers.set(protocol, serve);
  }

  async open(peer: PeerKey, protocol: string, options: RequestOptions = {}): Promise<Channel> {
    this.#gatekeeper.checkAsked(peer, protocol);
    const end = this.#ends.get(peer);
    if (end === undefined) throw fault('NETWORK_NOT_CONNECTED', `not connected to ${peer}`);
    await this.#roundTrip(end.peer, options);
    const serve = end.peer.#handlers.get(protocol);
    const otherEnd = end.peer.#ends.get(this.self);
    if (this.#ends.get(peer) !== end || otherEnd === undefined)
      throw fault('NETWORK_CHANNEL_FAILED', `the connection to ${peer} is gone`);
    if (!end.peer.#gatekeeper.mayUse(this.self, protocol))
      throw fault('NETWORK_CHANNEL_FAILED', `${peer} does not know this node as a member of its network`);
    if (serve === undefined) throw fault('NETWORK_PROTOCOL_UNSUPPORTED', `${peer} does not speak ${protocol}`);
    const { wire } = this.#world;
    const [mine, theirs] = createChannelPair(
      [this.self, peer],
      (from, to, deliver, onLost) => wire.carry(from, to, deliver, onLost),
      (by, blamed, caught) => (by === this.self ? this : end.peer).blame(blamed, caught),
    );
    end.channels.add(mine);
    otherEnd.channels.add(theirs);
    void end.peer.#serve(protocol, serve, theirs);
    return mine;
  }

  async request(peer: PeerKey, protocol: string, frame: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    return exchange(this.#world.clock, (within) => this.open(peer, protocol, within), frame, options);
  }

  subscribe(topic: string, receive: (data: Uint8Array, from: PeerKey) => Promise<Verdict>): void {
    this.#topics.set(topic, receive);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (data.byteLength > GOSSIP_BYTES_MAX)
      throw fault('NETWORK_GOSSIP_OVERSIZE', `gossip of ${data.byteLength} bytes; at most ${GOSSIP_BYTES_MAX}`);
    this.#seen.add(sha256Hex(data));
    this.#spread(topic, data, undefined);
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
    const { address, key } = target;
    if (address === this.address || key === this.self) throw fault('NETWORK_SELF', `${address} is this node itself`);
    const peer = this.#world.nodes.get(address);
    if (peer === undefined) {
      await this.#roundTrip(undefined, options);
      throw unreachable(address, 'nobody listens there');
    }
    try {
      await this.#roundTrip(peer, { timeoutMs: DIAL_TIMEOUT_MS, ...options });
    } catch (caught) {
      throw abortedFault(options, caught) ?? unreachable(address, asFault(caught).message);
    }
    if (this.#closed || peer.#closed) throw unreachable(address, 'it is closed');
    for (const [one, other] of [
      [this, peer],
      [peer, this],
    ] as const)
      if (one.#gatekeeper.isExpelled(other.self)) throw expelledFault(address);
    if (key !== undefined && key !== peer.self)
      throw fault('NETWORK_WRONG_PEER', `a different node than expected answers at ${address}`, {
        data: { address, got: peer.self },
      });
    const end = this.#ends.get(peer.self) ?? this.#connect(peer);
    return this.#peerOf(peer.self, end);
  }

  async call(address: Address): Promise<void> {
    const peer = this.#world.nodes.get(address);
    await this.#roundTrip(peer, { timeoutMs: DIAL_TIMEOUT_MS });
    if (peer === undefined) throw unreachable(address, 'nobody listens there');
  }

  async disconnect(peer: PeerKey): Promise<void> {
    this.#dropKey(peer, 'disconnected');
  }

  blame(peer: PeerKey, caught: unknown): void {
    this.#gatekeeper.blame(peer, caught);
  }

  expelled(): readonly Expelled[] {
    return this.#gatekeeper.expelled();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#redialer.close();
    this.#world.nodes.delete(this.address);
    for (const end of [...this.#ends.values()]) this.#drop(end.peer, 'the node was closed');
  }

  #connect(peer: MemoryNetwork): End {
    const sinceMs = this.#world.clock.wallMs();
    const release = this.#world.wire.connect(this.self, peer.self, () => this.#drop(peer, 'the link is silent'));
    const common = { sinceMs, release };
    const end: End = { ...common, peer, address: peer.address, outbound: true, channels: new Set() };
    this.#ends.set(peer.self, end);
    peer.#ends.set(this.self, { ...common, peer: this, address: this.address, outbound: false, channels: new Set() });
    this.#onConnected(peer);
    peer.#onConnected(this);
    return end;
  }

  #onConnected(peer: MemoryNetwork): void {
    const end = this.#ends.get(peer.self);
    if (end === undefined || this.#gatekeeper.came(peer.self)) return;
    this.#world.clock.after(GUEST_MS_MAX, () => {
      const isThis = this.#ends.get(peer.self) === end;
      if (isThis && !this.#gatekeeper.isAdmitted(peer.self)) this.#drop(peer, 'no member of the network');
    });
    if (end.outbound) this.notices.emit('guest:up', this.#peerOf(peer.self, end));
  }

  #announce(key: PeerKey, isUp: boolean): void {
    if (this.#closed) return;
    const end = this.#ends.get(key);
    if (!isUp) {
      this.notices.emit('peer:down', key);
      this.#redialer.onPeerDown(key);
    } else if (end !== undefined) {
      this.notices.emit('peer:up', this.#peerOf(key, end));
      this.#redialer.onPeerUp();
    }
  }

  #dropKey(key: PeerKey, reason: string): void {
    const end = this.#ends.get(key);
    if (end !== undefined) this.#drop(end.peer, reason);
  }

  /** Ends the connection on both sides. */
  #drop(peer: MemoryNetwork, reason: string): void {
    for (const [one, other] of [
      [this, peer],
      [peer, this],
    ] as const) {
      const end = one.#ends.get(other.self);
      if (end === undefined) continue;
      one.#ends.delete(other.self);
      end.release();
      for (const channel of end.channels) channel.abort(new Error(reason));
      if (one.#gatekeeper.isAdmitted(other.self)) one.#gatekeeper.gone(other.self);
      else if (!one.#closed) one.#redialer.onPeerDown(other.self);
    }
  }

  /** There and back: what dialling and opening take. Hangs while the way is cut. */
  #roundTrip(peer: MemoryNetwork | undefined, options: RequestOptions): Promise<void> {
    const { wire, clock } = this.#world;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(options.timeoutMs ?? DIAL_TIMEOUT_MS, () =>
        reject(fault('NETWORK_TIMEOUT', 'no answer in time')),
      );
      const settle = (error?: Error): void => {
        cancel();
        options.signal?.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = (): void => settle(abortedFault(options));
      options.signal?.addEventListener('abort', onAbort, { once: true });
      const there = peer?.self ?? this.self;
      const lost = (): void => settle(fault('NETWORK_CHANNEL_FAILED', 'the way is broken'));
      wire.carry(this.self, there, () => wire.carry(there, this.self, () => settle(), lost), lost);
    });
  }

  async #serve(protocol: string, serve: (channel: Channel) => Promise<void>, channel: Channel): Promise<void> {
    try {
      await serve(channel);
      await channel.finish();
    } catch (caught) {
      this.#log.debug(`${protocol} with ${channel.peer} ended: ${asFault(caught).message}`);
      channel.abort(caught);
    }
  }

  /** Passes gossip on to every peer but the one it came from; receivers know what they have seen. */
  #spread(topic: string, data: Uint8Array, from: PeerKey | undefined): void {
    for (const [key, end] of this.#ends) {
      if (key === from || !end.peer.#topics.has(topic) || !this.#gatekeeper.isMember(key)) continue;
      const copy = new Uint8Array(data);
      this.#world.wire.cast(this.self, key, () => void end.peer.#hear(topic, copy, this.self));
    }
  }

  async #hear(topic: string, data: Uint8Array, from: PeerKey): Promise<void> {
    const receive = this.#topics.get(topic);
    const id = sha256Hex(data);
    if (this.#closed || receive === undefined || this.#seen.has(id) || !this.#gatekeeper.isMember(from)) return;
    this.#seen.add(id);
    try {
      const verdict = await receive(data, from);
      if (verdict === 'accept') this.#spread(topic, data, from);
      if (verdict === 'reject') this.blame(from, rejectedFault());
    } catch (caught) {
      this.#log.error(`the receiver of ${topic} failed: ${asFault(caught).message}`);
    }
  }

  #peerOf(key: PeerKey, end: End): ConnectedPeer {
    const { address, outbound, sinceMs } = end;
    return { key, address, outbound, sinceMs, rttMs: undefined };
  }
}

const unreachable = (address: Address, reason: string): Error =>
  fault('NETWORK_UNREACHABLE', `cannot reach ${address}: ${reason}`, {
    data: { address },
    hint: 'check that a node runs there and that no firewall is between',
  });
