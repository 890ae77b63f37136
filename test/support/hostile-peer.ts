import { randomBytes } from 'node:crypto';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { RPC } from '@libp2p/gossipsub/message';
import { identify } from '@libp2p/identify';
import type { Connection, Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { keyPairFromSeed } from '../../src/codec/key-pair.ts';
import { type SigningKey, signingKeyFromSeed } from '../../src/entry/keys.ts';
import { multiaddrText } from '../../src/network/addresses.ts';

const GOSSIP_PROTOCOL = '/meshsub/1.1.0';
const STREAMS_MAX = 100_000;
const POURED_BYTES_MAX = 1_048_576;

/** A length of 4 bytes, big-endian, as it stands before a frame. */
export const lengthPrefix = (bytes: number): Buffer => {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes);
  return prefix;
};

/** A frame as it travels. */
export const framed = (payload: Uint8Array): Buffer => Buffer.concat([lengthPrefix(payload.byteLength), payload]);

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
};

/** A peer that speaks libp2p well and everything above it as it likes; nothing of ours checks what it sends. */
export class HostilePeer {
  /** Its key in libp2p and in the ledger. */
  readonly key: SigningKey;
  readonly #node: Libp2p;
  readonly #connection: Connection;
  #closedAtMs: number | undefined;
  #gossip: Promise<Stream> | undefined;

  private constructor(key: SigningKey, node: Libp2p, connection: Connection) {
    this.key = key;
    this.#node = node;
    this.#connection = connection;
    connection.addEventListener('close', () => (this.#closedAtMs ??= performance.now()));
  }

  /** Connects to a node; `serve` are the protocols that it answers itself. */
  static async connect(
    address: string,
    serve: Readonly<Record<string, (stream: Stream) => void>> = {},
    seed: Uint8Array = randomBytes(32),
  ): Promise<HostilePeer> {
    const node = await createLibp2p({
      privateKey: privateKeyFromRaw(Buffer.concat([seed, keyPairFromSeed(seed).publicKey])),
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [
        yamux({ maxOutboundStreams: STREAMS_MAX, streamOptions: { maxWriteBufferLength: Number.POSITIVE_INFINITY } }),
      ],
      connectionMonitor: { enabled: false },
      services: { identify: identify() },
    });
    for (const [protocol, answer] of Object.entries(serve)) await node.handle(protocol, (stream) => answer(stream));
    const connection = await node.dial(multiaddr(multiaddrText(address)));
    return new HostilePeer(signingKeyFromSeed(seed), node, connection);
  }

  get connected(): boolean {
    return this.#closedAtMs === undefined && this.#connection.status === 'open';
  }

  /** When its connection ended, on the clock of `performance`. */
  get closedAtMs(): number | undefined {
    return this.#closedAtMs;
  }

  stream(protocol: string): Promise<Stream> {
    return this.#connection.newStream(protocol, { maxOutboundStreams: STREAMS_MAX });
  }

  /** Sends frames on a stream of its own, and reads nothing. */
  async frames(protocol: string, ...payloads: readonly Uint8Array[]): Promise<Stream> {
    const stream = await this.stream(protocol);
    for (const payload of payloads) stream.send(framed(payload));
    return stream;
  }

  /** Bytes on the gossip stream, as they are. */
  async gossipBytes(bytes: Uint8Array): Promise<void> {
    this.#gossip ??= this.stream(GOSSIP_PROTOCOL);
    (await this.#gossip).send(bytes);
  }

  /** One message of the gossip protocol. */
  async rpc(rpc: Partial<RPC>): Promise<void> {
    const bytes = RPC.encode({ subscriptions: [], messages: [], ...rpc });
    await this.gossipBytes(Buffer.concat([varint(bytes.byteLength), bytes]));
  }

  async gossip(topic: string, ...payloads: readonly Uint8Array[]): Promise<void> {
    await this.rpc({ messages: payloads.map((data) => ({ topic, data })) });
  }

  /** A gossip message of so many bytes: the same piece again and again. */
  async gossipAtLength(bytes: number, piece: Uint8Array): Promise<void> {
    await this.gossipBytes(varint(bytes));
    let sent = 0;
    await this.forever(
      async () => {
        await this.gossipBytes(piece);
        sent += piece.byteLength;
      },
      () => sent >= bytes,
    );
  }

  /** Sends the same bytes over and over, as fast as they are taken. */
  async pour(stream: Stream, bytes: Uint8Array): Promise<void> {
    await this.forever(() => {
      if (stream.writeBufferLength < POURED_BYTES_MAX) stream.send(bytes);
    });
  }

  /** Does something over and over until it is cut off, or `stop` says so. */
  async forever(attack: () => Promise<void> | void, stop: () => boolean = () => false): Promise<void> {
    while (this.connected && !stop()) {
      try {
        await attack();
      } catch {
        // A stream that was reset or refused: it tries on.
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async close(): Promise<void> {
    await this.#node.stop();
  }
}
