import { lookup } from 'node:dns/promises';
import { createServer, isIP } from 'node:net';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys';
import { gossipsub, type GossipSub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type {
  ComponentLogger,
  Connection,
  Libp2p,
  Logger,
  MultiaddrConnection,
  PeerId,
  PrivateKey,
  Stream,
  Transport,
} from '@libp2p/interface';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import { joinAddress, splitAddress } from '../base/host.ts';
import { fault, systemCode, textOf } from '../base/errors.ts';
import {
  CHANNEL_OPEN_TIMEOUT_MS,
  CHANNEL_WINDOW_BYTES_MAX,
  CONNECTIONS_MAX,
  DIAL_TIMEOUT_MS,
  GOSSIP_TOPIC_BYTES_PER_PEER,
  INBOUND_CONNECTIONS_PENDING_MAX,
  INBOUND_CONNECTIONS_PER_SECOND_MAX,
  STREAM_READ_BUFFER_BYTES_MAX,
  STREAM_WRITE_BUFFER_BYTES_MAX,
  STREAMS_PER_CONNECTION_MAX,
} from '../base/limits.ts';
import { isHash } from '../codec/fields.ts';
import { sha256Hex } from '../codec/hash.ts';
import { KEY_BYTES, keyPairFromSeed } from '../codec/key-pair.ts';
import { multiaddrText } from './addresses.ts';
import { GOSSIP_DECODE_LIMITS, GOSSIP_RPC_BYTES_MAX } from './gossip-watch.ts';
import type { Address, PeerKey } from './network.ts';
import type { SelfCalls } from './self-calls.ts';

/** libp2p as it is set up here. */
export type Libp2pNode = Libp2p<{ readonly pubsub: GossipSub }>;

/** The public key in a libp2p peer id; undefined for one that is not Ed25519. */
export const keyOfPeerId = (id: PeerId): PeerKey | undefined =>
  id.type === 'Ed25519' ? Buffer.from(id.publicKey.raw).toString('hex') : undefined;

/** The libp2p peer id of a key. `NETWORK_KEY_INVALID`. */
export const peerIdOfKey = (key: PeerKey): PeerId => {
  if (!isHash(key)) throw fault('NETWORK_KEY_INVALID', `"${key}" is not a node's key (64 hex digits)`);
  return peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(key, 'hex')));
};

/** Finds out whether the address can be listened on, with a clear error (libp2p's own hides the cause in a text). */
const probe = async (listen: Address, host: string, port: number): Promise<void> => {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  } catch (caught) {
    if (systemCode(caught) === 'EADDRINUSE')
      throw fault('NETWORK_PORT_TAKEN', `another program listens on ${listen} already`, {
        hint: 'stop it, or choose another address with --listen HOST:PORT (port 0 takes a free one)',
        cause: caught,
      });
    throw listenFault(listen, textOf(caught), caught);
  }
};

const listenFault = (listen: Address, why: string, cause: unknown): Error =>
  fault('NETWORK_LISTEN_FAILED', `cannot listen on ${listen}: ${why}`, {
    hint: '--listen needs an address of this machine, and a port that this user may open (1024 and up)',
    cause,
  });

const resolveHost = async (listen: Address, host: string): Promise<string> => {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (caught) {
    throw listenFault(listen, `the name ${host} is unknown`, caught);
  }
};

const keyFromSeed = (seed: Uint8Array): PrivateKey => {
  if (seed.byteLength !== KEY_BYTES)
    throw fault('NETWORK_KEY_INVALID', `a node's private key has ${KEY_BYTES} bytes, not ${seed.byteLength}`);
  // libp2p would take 25 ms to find the public half in JavaScript.
  return privateKeyFromRaw(Buffer.concat([seed, keyPairFromSeed(seed).publicKey]));
};

/** Makes what connections run over, when libp2p starts. */
export type TransportFactory = (components: { readonly logger: ComponentLogger }) => Transport;

/** What a libp2p node is made of, and whom it asks and tells about connections. */
export interface NodeSettings {
  readonly seed: Uint8Array;
  readonly listen: Address;
  /** What connections run over; TCP where left out. */
  readonly transport?: TransportFactory | undefined;
  /** Told of each encrypted connection before anything else runs over it. */
  readonly onSecured: (connection: MultiaddrConnection) => void;
  /** Told of each raw connection that comes in, and then whether the node at its other end has another key. */
  readonly selfCalls: SelfCalls;
  /** Others neither hear gossip nor are heard. */
  readonly isMember: (key: PeerKey) => boolean;
  /** No connection is made with such a key. */
  readonly isExpelled: (key: PeerKey) => boolean;
  /** Told of each stream on which a peer gossips to this node. */
  readonly onGossip: (stream: Stream, connection: Connection) => void;
}

/** Says nothing: libp2p's own asks for each stream anew whether stderr is a terminal, and makes three texts of it. */
const SILENT: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => SILENT,
});

/** Creates and starts libp2p with our settings; see DESIGN.md for the reason of each. */
export const startLibp2pNode = async (settings: NodeSettings): Promise<Libp2pNode> => {
  const privateKey = keyFromSeed(settings.seed);
  const { host, port } = splitAddress(settings.listen);
  const ip = await resolveHost(settings.listen, host);
  if (settings.transport === undefined) await probe(settings.listen, ip, port);
  const denyKey = (id: PeerId): boolean => {
    const key = keyOfPeerId(id);
    return key === undefined || settings.isExpelled(key);
  };
  const { selfCalls } = settings;
  const observe = (_: PeerId, connection: MultiaddrConnection): boolean => {
    settings.onSecured(connection);
    return false;
  };
  const node = await createLibp2p({
    start: false,
    privateKey,
    logger: { forComponent: () => SILENT },
    addresses: { listen: [multiaddrText(joinAddress({ host: ip, port }))] },
    transports: [settings.transport ?? tcp({ outboundSocketInactivityTimeout: 0, inboundSocketInactivityTimeout: 0 })],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
        maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
        // Early streams come within the first packets, before the connection has its listener: all may be early.
        maxEarlyStreams: STREAMS_PER_CONNECTION_MAX,
        streamOptions: {
          maxStreamWindowSize: CHANNEL_WINDOW_BYTES_MAX,
          maxReadBufferLength: STREAM_READ_BUFFER_BYTES_MAX,
          maxWriteBufferLength: STREAM_WRITE_BUFFER_BYTES_MAX,
        },
      }),
    ],
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_CONNECTIONS_PER_SECOND_MAX,
      maxIncomingPendingConnections: INBOUND_CONNECTIONS_PENDING_MAX,
      inboundUpgradeTimeout: DIAL_TIMEOUT_MS,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: DIAL_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: CHANNEL_OPEN_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: CHANNEL_OPEN_TIMEOUT_MS,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    connectionGater: {
      denyInboundConnection: (connection) => {
        selfCalls.came(connection);
        return false;
      },
      denyInboundEncryptedConnection: (id, connection) => {
        selfCalls.isOfOther(connection);
        return denyKey(id);
      },
      denyOutboundEncryptedConnection: denyKey,
      denyInboundUpgradedConnection: observe,
      denyOutboundUpgradedConnection: observe,
    },
    services: { identify: identify(), pubsub: createGossip(settings) },
  });
  try {
    await node.start();
  } catch (caught) {
    await Promise.resolve(node.stop()).catch(() => {});
    // libp2p puts the stack of each address into its text.
    throw listenFault(settings.listen, textOf(caught).split('\n', 1)[0] ?? '', caught);
  }
  return node;
};

/** Below every threshold of gossipsub: nothing is sent to such a peer, and nothing of it is read. */
const STRANGER_SCORE = -1_000_000;

type GossipFactory = ReturnType<typeof gossipsub>;
type Registrar = Parameters<GossipFactory>[0]['registrar'];

/** gossipsub keeps the streams that peers gossip on to itself; here they are told of when it takes them. */
const listeningIn = (registrar: Registrar, onGossip: NodeSettings['onGossip']): Registrar => ({
  getProtocols: () => registrar.getProtocols(),
  handle: (protocol, handler, options) =>
    registrar.handle(
      protocol,
      (stream, connection) => {
        const handled = handler(stream, connection);
        onGossip(stream, connection);
        return handled;
      },
      options,
    ),
  unhandle: (protocol, options) => registrar.unhandle(protocol, options),
  getHandler: (protocol) => registrar.getHandler(protocol),
  use: (protocol, middleware) => registrar.use(protocol, middleware),
  unuse: (protocol) => registrar.unuse(protocol),
  getMiddleware: (protocol) => registrar.getMiddleware(protocol),
  register: (protocol, topology, options) => registrar.register(protocol, topology, options),
  unregister: (id) => registrar.unregister(id),
  getTopologies: (protocol) => registrar.getTopologies(protocol),
});

const createGossip = ({ isMember, onGossip }: NodeSettings): GossipFactory => {
  const create = gossipsub({
    // Entries are signed by their authors; a second signature over each message costs three times the CPU.
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: (message) => Buffer.from(sha256Hex(message.data), 'hex'),
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    emitSelf: false,
    fallbackToFloodsub: false,
    maxInboundDataLength: GOSSIP_RPC_BYTES_MAX,
    maxOutboundBufferSize: STREAM_WRITE_BUFFER_BYTES_MAX,
    maxTopicBytesPerPeer: GOSSIP_TOPIC_BYTES_PER_PEER,
    decodeRpcLimits: GOSSIP_DECODE_LIMITS,
    // A site, a container host and every test has many nodes behind one address.
    scoreParams: {
      IPColocationFactorWeight: 0,
      appSpecificWeight: 1,
      appSpecificScore: (peer) => {
        const key = keyOfPeerId(peerIdFromString(peer));
        return key !== undefined && isMember(key) ? 0 : STRANGER_SCORE;
      },
    },
  });
  return ({ privateKey, peerId, peerStore, registrar, connectionManager, logger }) =>
    create({
      ...{ privateKey, peerId, peerStore, connectionManager, logger },
      registrar: listeningIn(registrar, onGossip),
    });
};
