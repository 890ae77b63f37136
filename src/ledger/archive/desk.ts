import { hash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import {
  ARCHIVE_ANSWER_MS_MAX,
  ARCHIVE_ANSWERS_MAX,
  ARCHIVE_ANSWERS_PER_PEER_MAX,
  ARCHIVE_LEAF_BYTES_MAX,
  ARCHIVE_QUESTIONS_BURST_MAX,
  ARCHIVE_QUESTIONS_PER_SECOND_MAX,
  ARCHIVE_READ_AT_ONCE,
  SYNC_PEERS_REMEMBERED_MAX,
} from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import { Pace } from '../../base/pace.ts';
import { type Channel, checked, type Network, type PeerKey } from '../../network/network.ts';
import type { Ledger } from '../ledger.ts';
import {
  ARCHIVE_PROTOCOL,
  type ArchiveQuestion,
  batchesOf,
  decodeArchiveQuestion,
  encodeArchiveAnswer,
  encodeBodies,
  encodeLeaves,
} from './messages.ts';
import { Serving } from '../sync/serving.ts';
import { giveWay } from '../../base/slices.ts';
import { LeafTree } from '../../codec/leaf-tree.ts';
import type { ArchivedBody } from './port.ts';

/** What answering the questions of peers needs of the node: bodies and settled states, and whether all are here. */
export interface ArchiveDeskPorts {
  readonly network: Pick<Network, 'handle'>;
  readonly ledger: Pick<Ledger, 'byHash' | 'size'>;
  /** Whether every body that is not erased is here. */
  readonly keepsAll: () => boolean;
  /** The leaves of the state that a snapshot settles; undefined where they are not here. */
  readonly leaves: (snapshot: string) => Promise<readonly Uint8Array[] | undefined>;
  /** The root of that state, as root keys have signed it. */
  readonly rootOf: (snapshot: string) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Leaves that are hashed between two turns of the event loop. */
const CHECK_SLICE = 1_000;

/**
 * Gives out what other nodes have dropped or never had (SPEC.md). What is erased is not given out: the ledger does not
 * either.
 */
export class ArchiveDesk implements Resource {
  readonly #ports: ArchiveDeskPorts;
  readonly #paces = new Map<PeerKey, Pace>();
  /** Whether a settled state is being given out: that takes memory and time, so one at a time. */
  #telling = false;
  /** Whoever asks for the same over and over is answered at a pace of its own. */
  readonly #serving: Serving;
  readonly #answering = new Map<PeerKey, number>();

  constructor(ports: ArchiveDeskPorts) {
    this.#ports = ports;
    this.#serving = new Serving(ports.clock, () => ports.ledger.size);
    ports.network.handle(ARCHIVE_PROTOCOL, (channel) => this.#serve(channel));
  }

  async close(): Promise<void> {
    this.#serving.close();
  }

  async #serve(channel: Channel): Promise<void> {
    const { clock, log } = this.#ports;
    for await (const frame of channel) {
      const question = checked(channel, () => decodeArchiveQuestion(frame));
      checked(channel, () => this.#pace(channel.peer));
      const cancel = clock.after(ARCHIVE_ANSWER_MS_MAX, () =>
        channel.abort(fault('NETWORK_TIMEOUT', 'the answer was not taken in time')),
      );
      const leave = this.#enter(channel.peer);
      try {
        if (leave === undefined) throw busy();
        await this.#answer(channel, question);
      } catch (caught) {
        const { code, message } = asFault(caught);
        log.debug(`no answer to ${channel.peer}`, { code, text: message });
        await channel.send(encodeArchiveAnswer({ answer: 'refused', code, text: message.slice(0, 1_000) }));
      } finally {
        leave?.();
        cancel();
      }
      break;
    }
    await channel.finish();
  }

  #pace(peer: PeerKey): void {
    let pace = this.#paces.get(peer);
    if (pace === undefined) {
      const [oldest] = this.#paces.keys();
      if (oldest !== undefined && this.#paces.size >= SYNC_PEERS_REMEMBERED_MAX) this.#paces.delete(oldest);
      const limits = { burst: ARCHIVE_QUESTIONS_BURST_MAX, perSecond: ARCHIVE_QUESTIONS_PER_SECOND_MAX };
      pace = new Pace(this.#ports.clock, limits);
      this.#paces.set(peer, pace);
    }
    if (!pace.take()) throw fault('LEDGER_ARCHIVE_FLOOD', 'archive: the peer asks without end');
  }

  /** A place among the answers that are being given; undefined where all are taken. */
  #enter(peer: PeerKey): (() => void) | undefined {
    const all = [...this.#answering.values()].reduce((sum, each) => sum + each, 0);
    const own = this.#answering.get(peer) ?? 0;
    if (all >= ARCHIVE_ANSWERS_MAX || own >= ARCHIVE_ANSWERS_PER_PEER_MAX) return undefined;
    this.#answering.set(peer, own + 1);
    return () => {
      const left = (this.#answering.get(peer) ?? 1) - 1;
      if (left === 0) this.#answering.delete(peer);
      else this.#answering.set(peer, left);
    };
  }

  async #answer(channel: Channel, question: ArchiveQuestion): Promise<void> {
    if (question.ask === 'keeps') {
      await channel.send(encodeArchiveAnswer({ answer: 'keeps', all: this.#ports.keepsAll() }));
      return;
    }
    if (question.ask === 'leaves') {
      await this.#sendState(channel, question.snapshot);
      return;
    }
    await this.#sendBodies(channel, [...new Set(question.hashes)]);
    await this.#serving.rest(channel.peer, question.hashes.length);
    await channel.send(encodeArchiveAnswer({ answer: 'end' }));
  }

  async #sendState(channel: Channel, snapshot: string): Promise<void> {
    if (this.#telling) throw busy();
    this.#telling = true;
    try {
      const root = this.#ports.rootOf(snapshot);
      const leaves = root === undefined ? [] : ((await this.#ports.leaves(snapshot)) ?? []);
      if (root === undefined || !(await makeRoot(leaves, root))) {
        await this.#serving.rest(channel.peer, 1 + leaves.length);
        await channel.send(encodeArchiveAnswer({ answer: 'none' }));
        return;
      }
      const bytes = leaves.reduce((sum, leaf) => sum + leaf.byteLength, 0);
      await channel.send(encodeArchiveAnswer({ answer: 'state', leaves: leaves.length, bytes }));
      for (const batch of batchesOf(leaves, (leaf) => leaf.byteLength)) await channel.send(encodeLeaves(batch));
      await this.#serving.rest(channel.peer, 1 + leaves.length);
      await channel.send(encodeArchiveAnswer({ answer: 'end' }));
    } finally {
      this.#telling = false;
    }
  }

  async #sendBodies(channel: Channel, hashes: readonly string[]): Promise<void> {
    for (let at = 0; at < hashes.length; at += ARCHIVE_READ_AT_ONCE) {
      const bodies = await this.#bodies(hashes.slice(at, at + ARCHIVE_READ_AT_ONCE));
      for (const batch of batchesOf(bodies, ({ body }) => body.byteLength)) await channel.send(encodeBodies(batch));
    }
  }

  async #bodies(hashes: readonly string[]): Promise<readonly ArchivedBody[]> {
    const held = await Promise.all(hashes.map((each) => this.#ports.ledger.byHash(each)));
    return held.flatMap((found) => {
      if (found === undefined || found.entry.bodiless === true) return [];
      const { hash: entry, raw, header } = found.entry;
      // What the disk spoilt is not passed on: it would be this node's fault.
      return hash('sha256', raw.body) === header.body ? [{ hash: entry, body: raw.body }] : [];
    });
  }
}

/**
 * An erasure may have left other leaves than those of the root, and whoever gave them out would be taken for a liar.
 */
const makeRoot = async (leaves: readonly Uint8Array[], root: string): Promise<boolean> => {
  const tree = new LeafTree();
  for (const [at, leaf] of leaves.entries()) {
    if (leaf.byteLength > ARCHIVE_LEAF_BYTES_MAX) return false;
    tree.add(leaf);
    if (at % CHECK_SLICE === CHECK_SLICE - 1) await giveWay();
  }
  return tree.root() === root;
};

const busy = (): HoldfastError => fault('LEDGER_ARCHIVE_BUSY', 'too many such questions are being answered');
