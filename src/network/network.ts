import type { EventEmitter } from 'node:events';
import type { Resource } from '../base/lifecycle.ts';

/** A node's Ed25519 public key as 64 hex digits: its identity here, in the ledger (author) and in libp2p (peer id). */
export type PeerKey = string;

/** A network address as people write it: `HOST:PORT`. */
export type Address = string;

/**
 * What a receiver says of a stranger's message. `reject` blames the sender, who is cut off; `ignore` does not. Only
 * `accept` is passed on.
 */
export type Verdict = 'accept' | 'ignore' | 'reject';

/** A node with which there is a connection. */
export interface ConnectedPeer {
  readonly key: PeerKey;
  /** Where it is connected from or to; for a dialled peer the address that was dialled. */
  readonly address: Address;
  readonly outbound: boolean;
  /** Wall clock, milliseconds. */
  readonly sinceMs: number;
  /** Last ping round trip in milliseconds; undefined before the first. */
  readonly rttMs: number | undefined;
}

/** A peer that broke a protocol and is kept out for a while. */
export interface Expelled {
  readonly key: PeerKey;
  /** What it did: `NETWORK_GOSSIP_REJECTED`, `LEDGER_SYNC_MALFORMED` … */
  readonly code: string;
  readonly text: string;
  /** Wall clock, milliseconds. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** An address that the node keeps dialling for ever. */
export interface DialTarget {
  readonly address: Address;
  /** The key that must answer there; undefined for a seed address, where any node of the network will do. */
  readonly key?: PeerKey | undefined;
}

/** How an address that is kept dialled stands, for `get connections` and `test network`. */
export interface DialState extends DialTarget {
  readonly connected: boolean;
  /** The address turned out to be this node's own: it is not dialled any more. */
  readonly own: boolean;
  /** Another process answers there with this node's key. */
  readonly twin: boolean;
  readonly attempts: number;
  /** Of the last dial that failed, or that the connection was lost. */
  readonly lastError: string | undefined;
  /** The connection was lost, and no dial since has told whether the peer is out of reach. */
  readonly lost: boolean;
}

/**
 * A two-way stream of frames with one peer for one protocol. `send` resolves when the frame may be followed by
 * another (back-pressure); iterating yields the peer's frames until it has closed its side.
 * Every failure is a `NETWORK_…` error.
 */
export interface Channel extends AsyncIterable<Uint8Array> {
  readonly peer: PeerKey;
  send(frame: Uint8Array): Promise<void>;
  /** Says that nothing more will be sent; the peer's frames can still be read. */
  finish(): Promise<void>;
  /** Drops the channel at once, both ways. Safe to call at any time. */
  abort(reason?: unknown): void;
  /** As {@link Network.blame}, for the peer at the other end. */
  blame(caught: unknown): void;
}

/** Checks what a peer sent; where that fails no honest node has sent it, and the peer is to blame. */
export const checked = <T>(peer: { blame(caught: unknown): void }, check: () => T): T => {
  try {
    return check();
  } catch (caught) {
    peer.blame(caught);
    throw caught;
  }
};

/** Who may do what over a connection. */
export interface Gate {
  /** Members use every protocol, hear gossip and count as peers. */
  isMember(key: PeerKey): boolean;
  /** What others may ask for, and are asked for, for `GUEST_MS_MAX` from when they connect; then they are dropped. */
  readonly guestProtocols: ReadonlySet<string>;
}

/** What a network tells of its peers. */
export interface NetworkNotices {
  'peer:up': [ConnectedPeer];
  'peer:down': [PeerKey];
  /** This node has dialled a key that is no member, which may use the protocols for guests. */
  'guest:up': [ConnectedPeer];
}

/** How long an opening, a dial or a request is waited for; `signal` ends it before. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** The port to other nodes. Forms: libp2p over TCP (`libp2p.ts`), in-process for tests (`memory.ts`). */
export interface Network extends Resource {
  readonly self: PeerKey;
  /** As bound. */
  readonly address: Address;
  readonly notices: EventEmitter<NetworkNotices>;
  /** The connected members. */
  peers(): readonly ConnectedPeer[];
  /**
   * From now on only members count as peers; others may use the protocols for guests, for a moment. Without a gate
   * everybody is a member. A member that is none any more is dropped at the next {@link recheck}.
   */
  setGate(gate: Gate): void;
  /** Who is a member may have changed. */
  recheck(): void;

  /**
   * Serves a protocol (`/holdfast/<name>/<major>`). A handler that throws aborts its channel; it never harms the node.
   */
  handle(protocol: string, serve: (channel: Channel) => Promise<void>): void;
  /**
   * Opens a channel to a connected peer; to one that is no member for the protocols for guests alone.
   * `NETWORK_NO_GRANT`, `NETWORK_NOT_CONNECTED`, `NETWORK_PROTOCOL_UNSUPPORTED`, `NETWORK_TIMEOUT`.
   */
  open(peer: PeerKey, protocol: string, options?: RequestOptions): Promise<Channel>;
  /** One frame there, one frame back. */
  request(peer: PeerKey, protocol: string, frame: Uint8Array, options?: RequestOptions): Promise<Uint8Array>;

  /** Gossip: a shortcut that may lose messages. The verdict decides whether the message is passed on. */
  subscribe(topic: string, receive: (data: Uint8Array, from: PeerKey) => Promise<Verdict>): void;
  publish(topic: string, data: Uint8Array): Promise<void>;

  /** Replaces the set of addresses that are dialled for ever, with jitter and backoff (`REDIAL_…_MS`). */
  keepDialled(targets: readonly DialTarget[]): void;
  /** Whether it was told whom to keep dialled, be it nobody: before that `dialStates` says nothing. */
  readonly knowsTargets: boolean;
  dialStates(): readonly DialState[];
  /**
   * Dials once now. `NETWORK_UNREACHABLE`; `NETWORK_WRONG_PEER` where another key answers than asked for;
   * `NETWORK_SELF` where this node answers itself, by whatever detour; `NETWORK_TWIN` where another process has its
   * key.
   */
  dial(target: DialTarget, options?: RequestOptions): Promise<ConnectedPeer>;
  /**
   * Resolves when a call to the address is answered, whoever is there, beside any connection. `NETWORK_UNREACHABLE`,
   * `NETWORK_TIMEOUT`.
   */
  call(address: Address): Promise<void>;
  /** Drops the connection; the address is redialled only if it is kept dialled. */
  disconnect(peer: PeerKey): Promise<void>;
  /**
   * The peer sent what no honest node sends: it is cut off (an answer that is on its way is still sent) and kept out
   * for `EXPELLED_MIN_MS`, twice as long each further time.
   */
  blame(peer: PeerKey, caught: unknown): void;
  /** Who is kept out now. */
  expelled(): readonly Expelled[];
}
