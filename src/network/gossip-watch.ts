import { RPC } from '@libp2p/gossipsub/message';
import type { Clock } from '../base/clock.ts';
import { fault, textOf } from '../base/errors.ts';
import {
  GOSSIP_BURST_MAX,
  GOSSIP_BYTES_MAX,
  GOSSIP_CONTROLS_BURST_MAX,
  GOSSIP_CONTROLS_PER_SECOND_MAX,
  GOSSIP_PER_SECOND_MAX,
  GOSSIP_TOPICS_BURST_MAX,
  GOSSIP_TOPICS_PER_SECOND_MAX,
} from '../base/limits.ts';
import { Pace } from '../base/pace.ts';

/** What one message of the gossip protocol may hold; gossipsub decodes by the same bounds. */
export const GOSSIP_DECODE_LIMITS = {
  maxSubscriptions: 64,
  maxMessages: 1_024,
  maxIhaveMessageIDs: 5_000,
  maxIwantMessageIDs: 5_000,
  maxControlMessages: 128,
  maxIdontwantMessageIDs: 512,
  maxPeerInfos: 16,
} as const;
/**
 * One message of the gossip protocol: it holds the largest entry and what goes with it. A longer one is
 * `NETWORK_GOSSIP_OVERSIZE`.
 */
export const GOSSIP_RPC_BYTES_MAX = 2 * GOSSIP_BYTES_MAX;

const LIMITS = {
  subscriptions: GOSSIP_DECODE_LIMITS.maxSubscriptions,
  messages: GOSSIP_DECODE_LIMITS.maxMessages,
  control: {
    ihave: GOSSIP_DECODE_LIMITS.maxControlMessages,
    ihave$: { messageIDs: GOSSIP_DECODE_LIMITS.maxIhaveMessageIDs },
    iwant: GOSSIP_DECODE_LIMITS.maxControlMessages,
    iwant$: { messageIDs: GOSSIP_DECODE_LIMITS.maxIwantMessageIDs },
    graft: GOSSIP_DECODE_LIMITS.maxControlMessages,
    prune: GOSSIP_DECODE_LIMITS.maxControlMessages,
    prune$: { peers: GOSSIP_DECODE_LIMITS.maxPeerInfos },
    idontwant: GOSSIP_DECODE_LIMITS.maxControlMessages,
    idontwant$: { messageIDs: GOSSIP_DECODE_LIMITS.maxIdontwantMessageIDs },
  },
};

/** Bytes of a varint that counts to the largest message. */
const PREFIX_BYTES_MAX = 4;

/**
 * Reads along what one peer sends by gossip. gossipsub drops what is malformed, too long or too much without a word;
 * whoever sends such is told apart here. `push` throws `NETWORK_GOSSIP_MALFORMED`, `NETWORK_GOSSIP_OVERSIZE`,
 * `NETWORK_FLOOD`.
 */
export class GossipWatch {
  readonly #messages: Pace;
  readonly #controls: Pace;
  readonly #topics: Pace;
  readonly #isJoined: (topic: string) => boolean;
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** `isJoined`: this node hears gossip about that topic; nobody sends it any other. */
  constructor(clock: Clock, isJoined: (topic: string) => boolean) {
    this.#isJoined = isJoined;
    this.#messages = new Pace(clock, { burst: GOSSIP_BURST_MAX, perSecond: GOSSIP_PER_SECOND_MAX });
    this.#controls = new Pace(clock, { burst: GOSSIP_CONTROLS_BURST_MAX, perSecond: GOSSIP_CONTROLS_PER_SECOND_MAX });
    this.#topics = new Pace(clock, { burst: GOSSIP_TOPICS_BURST_MAX, perSecond: GOSSIP_TOPICS_PER_SECOND_MAX });
  }

  /** The stream begins anew: another took its place. */
  restart(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  push(chunk: Uint8Array): void {
    this.#held.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#heldBytes += chunk.byteLength;
    for (;;) {
      const size = this.#size();
      if (size === undefined || this.#heldBytes < size.prefix + size.bytes) return;
      const joined = this.#joined();
      this.#judge(joined.subarray(size.prefix, size.prefix + size.bytes));
      const rest = joined.subarray(size.prefix + size.bytes);
      this.#held = rest.byteLength > 0 ? [rest] : [];
      this.#heldBytes = rest.byteLength;
    }
  }

  #joined(): Buffer {
    const [first = Buffer.alloc(0), ...others] = this.#held;
    if (others.length === 0) return first;
    const joined = Buffer.concat(this.#held);
    this.#held = [joined];
    return joined;
  }

  /** The length before a message, as a varint; undefined while it is not all there. */
  #size(): { readonly prefix: number; readonly bytes: number } | undefined {
    const first = this.#held[0];
    if (first === undefined) return undefined;
    const start = first.byteLength >= PREFIX_BYTES_MAX ? first : this.#joined();
    let bytes = 0;
    for (let at = 0; at < PREFIX_BYTES_MAX; at += 1) {
      const byte = start[at];
      if (byte === undefined) return undefined;
      bytes += (byte & 0x7f) * 2 ** (7 * at);
      if (byte >= 0x80) continue;
      if (bytes > GOSSIP_RPC_BYTES_MAX) break;
      return { prefix: at + 1, bytes };
    }
    throw fault('NETWORK_GOSSIP_OVERSIZE', `it announced a gossip message of more than ${GOSSIP_RPC_BYTES_MAX} bytes`);
  }

  #judge(bytes: Uint8Array): void {
    if (!this.#messages.take()) throw fault('NETWORK_FLOOD', 'it gossips without end');
    let rpc: RPC;
    try {
      rpc = RPC.decode(bytes, { limits: LIMITS });
    } catch (caught) {
      throw fault('NETWORK_GOSSIP_MALFORMED', `it sent gossip that cannot be read: ${textOf(caught)}`, {
        cause: caught,
      });
    }
    const { ihave = [], iwant = [], graft = [], prune = [] } = rpc.control ?? {};
    const controls = ihave.length + iwant.length + graft.length + prune.length;
    if (!this.#controls.take(controls)) throw fault('NETWORK_FLOOD', 'it offers and asks for gossip without end');
    if (!this.#topics.take(rpc.subscriptions.length))
      throw fault('NETWORK_FLOOD', 'it joins and leaves gossip topics without end');
    for (const message of rpc.messages) this.#judgeMessage(message);
  }

  #judgeMessage({ data, from, seqno, signature, key, topic }: RPC.Message): void {
    const bytes = data?.byteLength ?? 0;
    if (!this.#isJoined(topic))
      throw fault('NETWORK_GOSSIP_MALFORMED', 'it sent gossip about a topic that this node has not joined');
    if ([from, seqno, signature, key].some((each) => each !== undefined))
      throw fault('NETWORK_GOSSIP_MALFORMED', 'it sent gossip with a sender; here entries name their author');
    if (bytes > GOSSIP_BYTES_MAX)
      throw fault('NETWORK_GOSSIP_OVERSIZE', `it sent ${bytes} bytes; at most ${GOSSIP_BYTES_MAX}`);
  }
}
