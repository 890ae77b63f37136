import {
  type Connection,
  type ComponentLogger,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type ListenerEvents,
  type Logger,
  type MultiaddrConnection,
  type Transport,
  TypedEventEmitter,
  transportSymbol,
  type Upgrader,
} from '@libp2p/interface';
import { AbstractMultiaddrConnection } from '@libp2p/utils';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { addressOfMultiaddr, multiaddrText } from '../../src/network/addresses.ts';
import type { Address } from '../../src/network/network.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A call that nobody answers is tried again after so long each, as TCP does. */
const SYN_AGAIN_MS = [1_000, 3_000, 7_000];

type Bytes = Parameters<AbstractMultiaddrConnection['sendData']>[0];

/**
 * Hosts in one process whose libp2p connections run over timers instead of sockets, with the ends of TCP: what is sent while the
 * path is cut comes when it heals, an abort meanwhile is heard by nobody, and a call goes unanswered. libp2p's own transport in memory tells
 * each end of the other's end at once, so it cannot be cut. Time is that of `setTimeout`.
 */
export class Libp2pWire {
  readonly #random: SeededRandom;
  readonly #listeners = new Map<Address, WireListener>();
  readonly #lanes = new Map<string, Lane>();
  /** Ways that are cut: `from to`. */
  readonly #cut = new Set<string>();
  /** When each call was made, by `performance.now()`. */
  readonly callsMs: number[] = [];
  /** Pieces of data that were sent, and their bytes. */
  readonly sent = { pieces: 0, bytes: 0 };

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** The transport of the node that listens at an address. */
  transport(host: Address): (components: { readonly logger: ComponentLogger }) => Transport {
    return ({ logger }) => new WireTransport(this, host, logger.forComponent('wire'));
  }

  /** Nothing comes from one to the other, nor back. */
  cut(a: Address, b: Address): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  /** Nothing comes from one to the other. */
  cutOneWay(from: Address, to: Address): void {
    this.#cut.add(`${from} ${to}`);
  }

  heal(): void {
    this.#cut.clear();
    for (const lane of this.#lanes.values()) lane.go();
  }

  isCut(from: Address, to: Address): boolean {
    return this.#cut.has(`${from} ${to}`);
  }

  /** Carries something from one host to another, in order. */
  carry(from: Address, to: Address, arrive: () => void): void {
    const way = `${from} ${to}`;
    let lane = this.#lanes.get(way);
    if (lane === undefined) {
      lane = new Lane(this.#random.fork(way), () => this.#cut.has(way));
      this.#lanes.set(way, lane);
    }
    lane.carry(arrive);
  }

  listen(address: Address, listener: WireListener): void {
    if (this.#listeners.has(address)) throw new Error(`${address} is taken`);
    this.#listeners.set(address, listener);
  }

  unlisten(address: Address): void {
    this.#listeners.delete(address);
  }

  /** Resolves with who listens there once the call got through and back; rejects where nobody does, or with the signal's reason. */
  async call(from: Address, to: Address, signal: AbortSignal): Promise<WireListener> {
    this.callsMs.push(performance.now());
    for (let attempt = 0; this.isCut(from, to) || this.isCut(to, from); attempt += 1)
      await pause(SYN_AGAIN_MS[attempt] ?? 8_000, signal);
    await new Promise<void>((resolve) => this.carry(from, to, () => this.carry(to, from, resolve)));
    signal.throwIfAborted();
    const listener = this.#listeners.get(to);
    if (listener === undefined) throw Object.assign(new Error(`nobody listens at ${to}`), { code: 'ECONNREFUSED' });
    return listener;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

/** One way between two hosts. */
class Lane {
  readonly #random: SeededRandom;
  readonly #isCut: () => boolean;
  readonly #waiting: (() => void)[] = [];
  #underWay = false;

  constructor(random: SeededRandom, isCut: () => boolean) {
    this.#random = random;
    this.#isCut = isCut;
  }

  carry(arrive: () => void): void {
    this.#waiting.push(arrive);
    this.go();
  }

  go(): void {
    if (this.#underWay || this.#waiting.length === 0 || this.#isCut()) return;
    this.#underWay = true;
    setTimeout(
      () => {
        this.#underWay = false;
        // What is sent within one such time goes together.
        if (!this.#isCut()) for (const arrive of this.#waiting.splice(0)) arrive();
        this.go();
      },
      this.#random.integer(1, 4),
    );
  }
}

/** One end of a connection. */
class WireEnd extends AbstractMultiaddrConnection {
  readonly #wire: Libp2pWire;
  readonly #way: readonly [from: Address, to: Address];
  #other: WireEnd | undefined;

  constructor(
    wire: Libp2pWire,
    way: readonly [from: Address, to: Address],
    about: { readonly log: Logger; readonly direction: MultiaddrConnection['direction'] },
  ) {
    super({ ...about, remoteAddr: multiaddr(multiaddrText(way[1])) });
    this.#wire = wire;
    this.#way = way;
  }

  join(other: WireEnd): void {
    this.#other = other;
  }

  sendData(data: Bytes): { readonly sentBytes: number; readonly canSendMore: boolean } {
    const bytes = data.slice();
    this.#wire.sent.pieces += 1;
    this.#wire.sent.bytes += bytes.byteLength;
    this.#carry((other) => other.arrived(bytes));
    return { sentBytes: bytes.byteLength, canSendMore: true };
  }

  sendReset(): void {
    // The one packet that tells of it is not sent again.
    if (!this.#wire.isCut(...this.#way)) this.#carry((other) => other.wasReset());
  }

  async sendClose(): Promise<void> {
    this.#carry((other) => other.onTransportClosed());
  }

  sendPause(): void {}

  sendResume(): void {}

  arrived(bytes: Uint8Array): void {
    if (this.status === 'open') this.onData(bytes);
    else this.sendReset();
  }

  wasReset(): void {
    if (this.status === 'open' || this.status === 'closing') this.onRemoteReset();
  }

  #carry(arrive: (other: WireEnd) => void): void {
    const other = this.#other;
    if (other !== undefined) this.#wire.carry(...this.#way, () => arrive(other));
  }
}

class WireTransport implements Transport {
  readonly [transportSymbol] = true;
  readonly [Symbol.toStringTag] = '@holdfast/wire';
  readonly #wire: Libp2pWire;
  readonly #host: Address;
  readonly #log: Logger;

  constructor(wire: Libp2pWire, host: Address, log: Logger) {
    this.#wire = wire;
    this.#host = host;
    this.#log = log;
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const to = addressOfMultiaddr(address.toString());
    const listener = await this.#wire.call(this.#host, to, options.signal);
    const near = new WireEnd(this.#wire, [this.#host, to], { log: this.#log, direction: 'outbound' });
    const far = new WireEnd(this.#wire, [to, this.#host], { log: this.#log, direction: 'inbound' });
    near.join(far);
    far.join(near);
    listener.take(far);
    try {
      return await options.upgrader.upgradeOutbound(near, options);
    } catch (caught) {
      near.abort(caught instanceof Error ? caught : new Error(String(caught)));
      throw caught;
    }
  }

  createListener({ upgrader }: CreateListenerOptions): Listener {
    return new WireListener(this.#wire, this.#host, upgrader);
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses;
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses;
  }
}

class WireListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #wire: Libp2pWire;
  readonly #host: Address;
  readonly #upgrader: Upgrader;
  readonly #closing = new AbortController();

  constructor(wire: Libp2pWire, host: Address, upgrader: Upgrader) {
    super();
    this.#wire = wire;
    this.#host = host;
    this.#upgrader = upgrader;
  }

  async listen(): Promise<void> {
    this.#wire.listen(this.#host, this);
    queueMicrotask(() => this.safeDispatchEvent('listening'));
  }

  take(connection: MultiaddrConnection): void {
    this.#upgrader.upgradeInbound(connection, { signal: this.#closing.signal }).catch((caught: unknown) => {
      connection.abort(caught instanceof Error ? caught : new Error(String(caught)));
    });
  }

  getAddrs(): Multiaddr[] {
    return [multiaddr(multiaddrText(this.#host))];
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    this.#wire.unlisten(this.#host);
    this.#closing.abort();
    queueMicrotask(() => this.safeDispatchEvent('close'));
  }
}
