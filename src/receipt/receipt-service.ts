import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { asFault, fault, type HoldfastError, textOf } from '../base/errors.ts';
import {
  RECEIPT_CLOCK_MS_MAX,
  RECEIPT_GATHER_MS,
  RECEIPT_INTERVAL_MS,
  RECEIPT_NODES_AT_ONCE,
  RECEIPT_PAGE_ENTRIES,
  WITNESS_TOLD_MAX,
} from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { SigningKey } from '../entry/keys.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type Channel, checked, type ConnectedPeer, type Network, type PeerKey } from '../network/network.ts';
import type { PastCheckpoint } from './checkpoint-file.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { WitnessDesk } from './desk.ts';
import { ReceiptKeeper } from './keeper.ts';
import { findKnownAt, type KnownAtPorts } from './known-at.ts';
import {
  type AnswerJson,
  decodeQuestion,
  encodeAnswer,
  encodeHashes,
  proofJson,
  type Question,
  WITNESS_PROTOCOL,
} from './messages.ts';
import { originText, readOrigin } from './origin.ts';
import { ReceiptPeers } from './peers.ts';
import type { KnownAt, Named, ReceiptNotices, Receipts, ReceiptStatus } from './receipts.ts';
import { readSplitView, splitOrigin, type SplitView, splitViewJson } from './split-view.ts';
import { SplitViews } from './split-views.ts';
import { sourcesFor, witnessesOf } from './witness.ts';

/** A witness that refuses or fails is asked again after a pause that doubles up to this. */
const RETRY_MS_MAX = 60_000;

/** What keeping receipts needs of the node: ledger, network and key, and whose word counts. */
export interface ReceiptsPorts {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The receipts' own directory; made where it is missing. */
  readonly dir: string;
  /** Keys of the nodes that have a policy, as far as the ledger holds it at the time of the call. */
  readonly registered: () => Promise<ReadonlySet<PeerKey>>;
  /** Of those who cosigned a checkpoint, whose word counts; `entries`: the hashes of its entries. */
  readonly counting: (
    checkpoint: Checkpoint,
    entries: readonly string[],
    signal: AbortSignal | undefined,
  ) => Promise<ReadonlySet<PeerKey>>;
  /** A node as people know it; default: the beginning of its key. */
  readonly nameOf?: (node: PeerKey) => string;
  /** Least time between two checkpoints; default `RECEIPT_INTERVAL_MS`. */
  readonly intervalMs?: number;
}

/** Begins to keep receipts and to witness those of others. A disk that fails stops neither the node nor the start. */
export const startReceipts = (ports: ReceiptsPorts): Receipts => new ReceiptService(ports);

type Reply = AnswerJson | { readonly hashes: Buffer };

class ReceiptService implements Receipts {
  readonly notices = new EventEmitter<ReceiptNotices>();
  readonly #ports: ReceiptsPorts;
  readonly #keeper: ReceiptKeeper;
  readonly #desk: WitnessDesk;
  readonly #splits: SplitViews;
  readonly #peers: ReceiptPeers;
  readonly #loaded: Promise<void>;
  readonly #intervalMs: number;
  #failure: string | undefined;
  /** By what they say. */
  readonly #damages = new Map<string, HoldfastError>();
  #retryMs: number;
  #dueMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => {};
  #running: Promise<void> | undefined;
  readonly #firstStep: PromiseWithResolvers<void> = Promise.withResolvers();
  #closed = false;
  #told = 0;
  /** Before it belongs to a network, a node takes up nothing that others can prove. */
  #joined: boolean;
  readonly #onAppended = (): void => {
    this.#arm(RECEIPT_GATHER_MS);
    if (this.#joined) return;
    this.#joined = this.#ports.ledger.network !== undefined;
    if (this.#joined) for (const { key } of this.#ports.network.peers()) this.#greet(key);
  };
  readonly #onPeer = ({ key }: ConnectedPeer): void => this.#greet(key);

  constructor(ports: ReceiptsPorts) {
    this.#ports = ports;
    const { ledger, network, key, clock, random, log, dir, registered } = ports;
    this.#intervalMs = ports.intervalMs ?? RECEIPT_INTERVAL_MS;
    this.#retryMs = this.#intervalMs;
    this.#joined = ledger.network !== undefined;
    this.#peers = new ReceiptPeers(network);
    this.#splits = new SplitViews(join(dir, 'split-views'), log);
    this.#keeper = new ReceiptKeeper({
      ...{ ledger, key, clock, random, log },
      dir: join(dir, 'own'),
      witnesses: () => this.#witnessesOf(network.self),
      submit: (...args) => this.#peers.submit(...args),
      shown: async (witness) => (await this.#peers.known(witness, network.self, this.#farAhead())).checkpoint,
    });
    this.#desk = new WitnessDesk({
      ...{ key, clock, log, registered, splits: this.#splits },
      dir: join(dir, 'witnessed'),
      network: () => ledger.network,
      held: () => ledger.size,
      fetch: (origin) => this.#peers.fetch(origin.node, origin),
      onFailed: (caught) => this.#noteDamage(caught),
      onCosigned: (checkpoint) => void this.#tellWitnesses(checkpoint),
      onSplit: (split) => this.#announce(split),
    });
    this.#loaded = this.#splits.load().catch((caught: unknown) => {
      log.error('the proofs of split views cannot be read', { text: textOf(caught) });
    });
    network.handle(WITNESS_PROTOCOL, (channel) => this.#serve(channel));
    network.notices.on('peer:up', this.#onPeer);
    ledger.notices.on('ledger:appended', this.#onAppended);
    this.#arm(RECEIPT_GATHER_MS);
  }

  get evidence(): ReceiptKeeper {
    return this.#keeper;
  }

  async status(): Promise<ReceiptStatus> {
    const { origin } = this.#keeper;
    return {
      origin: origin === undefined ? undefined : originText(origin),
      checkpoint: this.#keeper.newest(),
      witnesses: this.#keeper.witnessStates(),
      witnessed: await this.#desk.states(),
      failure: this.#failure,
    };
  }

  damages(): readonly HoldfastError[] {
    return [...this.#damages.values()];
  }

  splits(): readonly SplitView[] {
    return this.#splits.list();
  }

  async knownAt(node: PeerKey, time: number, signal?: AbortSignal): Promise<KnownAt> {
    const { network, ledger, registered, counting } = this.#ports;
    const present = [network.self, ...network.peers().map(({ key }) => key)];
    const ports: KnownAtPorts = {
      sources: sourcesFor(ledger.network ?? '', node, { registered: await registered(), present }),
      held: ledger.size,
      nameOf: this.#ports.nameOf ?? ((key) => `${key.slice(0, 16)}…`),
      ask: (source) =>
        source === network.self ? this.#ownAnswer(node, time) : this.#peers.known(source, node, time, signal),
      entriesOf: (source, { origin }) =>
        source === network.self
          ? (from, to) => this.#entriesOf(originText(origin), from, to)
          : this.#peers.fetch(source, origin, signal),
      counting: (checkpoint, entries) => counting(checkpoint, entries, signal),
    };
    const known = await findKnownAt(ports, node, time, signal);
    void this.#tellWitnesses(known.checkpoint);
    return known;
  }

  async named(entry: string, signal?: AbortSignal): Promise<readonly Named[]> {
    const nodes = [...(await this.#ports.registered())].sort();
    const named: Named[] = [];
    for (let at = 0; at < nodes.length; at += RECEIPT_NODES_AT_ONCE) {
      const some = nodes.slice(at, at + RECEIPT_NODES_AT_ONCE);
      named.push(...(await Promise.all(some.map((node) => this.#namedBy(node, entry, signal)))));
      signal?.throwIfAborted();
    }
    return named;
  }

  async firstSigned(): Promise<void> {
    if (this.#ports.ledger.network !== undefined) await this.#firstStep.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#firstStep.resolve();
    this.#cancel();
    this.#ports.network.notices.off('peer:up', this.#onPeer);
    this.#ports.ledger.notices.off('ledger:appended', this.#onAppended);
    this.notices.removeAllListeners();
    // It makes their directory.
    await this.#loaded;
    await this.#running;
    await this.#keeper.close();
    await this.#desk.close();
    await this.#splits.close();
  }

  #noteDamage(caught: unknown): void {
    const error = asFault(caught);
    if (error.code === 'RECEIPT_FILES_DAMAGED') this.#damages.set(error.message, error);
  }

  async #witnessesOf(node: PeerKey): Promise<readonly PeerKey[]> {
    const { network } = this.#ports.ledger;
    return network === undefined ? [] : witnessesOf(network, node, await this.#ports.registered());
  }

  /** Seconds since 1970 that no honest clock says. */
  #farAhead(): number {
    return Math.floor((this.#ports.clock.wallMs() + 2 * RECEIPT_CLOCK_MS_MAX) / 1_000);
  }

  /** One step at a time; a checkpoint no sooner than the interval after the last step, other work at once. */
  #arm(ms: number): void {
    if (this.#closed) return;
    const now = this.#ports.clock.monotonicMs();
    const dueMs = Math.max(now + ms, this.#lastMs + this.#intervalMs);
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#cancel();
    if (this.#running !== undefined) return;
    this.#cancel = this.#ports.clock.after(dueMs - now, () => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#running = this.#step().finally(() => {
        this.#running = undefined;
        const due = this.#dueMs;
        this.#dueMs = Number.POSITIVE_INFINITY;
        if (due !== Number.POSITIVE_INFINITY) this.#arm(Math.max(0, due - this.#ports.clock.monotonicMs()));
      });
    });
  }

  async #step(): Promise<void> {
    this.#lastMs = this.#ports.clock.monotonicMs();
    let complete = false;
    try {
      await this.#loaded;
      complete = await this.#keeper.step();
      this.#failure = undefined;
    } catch (caught) {
      if (this.#closed) return;
      const { message } = asFault(caught);
      if (this.#failure !== message) this.#ports.log.error('no receipts are signed just now', { text: message });
      this.#failure = message;
    }
    if (this.#ports.ledger.network !== undefined) this.#firstStep.resolve();
    this.#retryMs = complete ? this.#intervalMs : Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    if (!complete) this.#arm(this.#retryMs);
  }

  /** A peer came: it may be a witness that owes a cosignature, and each can tell the other whom it can convict. */
  #greet(peer: PeerKey): void {
    this.#retryMs = this.#intervalMs;
    this.#arm(RECEIPT_GATHER_MS);
    const splits = this.#splits.list();
    for (let at = 0; at === 0 || at < splits.length; at += WITNESS_TOLD_MAX)
      void this.#exchange(peer, [], splits.slice(at, at + WITNESS_TOLD_MAX));
  }

  /** The other witnesses of a log compare what this one cosigned or was shown. */
  async #tellWitnesses(checkpoint: Checkpoint): Promise<void> {
    const { network, log } = this.#ports;
    const connected = new Set(network.peers().map(({ key }) => key));
    try {
      for (const witness of await this.#witnessesOf(checkpoint.origin.node)) {
        if (witness === network.self) await this.#desk.compare([checkpoint]);
        else if (connected.has(witness)) void this.#exchange(witness, [checkpoint], []);
      }
    } catch (caught) {
      if (!this.#closed) log.warn('a checkpoint cannot be compared with that of others', { text: textOf(caught) });
    }
  }

  /** Some of the split views that can be proven, others each time where they are many. */
  #nextSplits(): readonly SplitView[] {
    const splits = this.#splits.list();
    this.#told = splits.length === 0 ? 0 : (this.#told + WITNESS_TOLD_MAX) % splits.length;
    return [...splits.slice(this.#told), ...splits.slice(0, this.#told)].slice(0, WITNESS_TOLD_MAX);
  }

  /** Tells a peer, and takes up what it can prove. */
  async #exchange(peer: PeerKey, checkpoints: readonly Checkpoint[], splits: readonly SplitView[]): Promise<void> {
    try {
      const told = await this.#peers.compare(peer, checkpoints, splits);
      for (const split of told.splits) await this.#takeUp(split);
      await this.#desk.compare(told.checkpoints);
    } catch (caught) {
      this.#ports.log.debug(`${peer} does not compare receipts`, { text: textOf(caught) });
    }
  }

  async #takeUp(split: SplitView): Promise<void> {
    if (this.#closed || split.newer.origin.network !== this.#ports.ledger.network) return;
    if (await this.#splits.add(split)) this.#announce(split);
  }

  /** For people, and for every node that is connected. */
  #announce(split: SplitView): void {
    if (this.#closed) return;
    this.#ports.log.error('a node showed two histories of what it has accepted', {
      origin: splitOrigin(split),
      sizes: [split.older.size, split.newer.size],
    });
    this.notices.emit('receipt:split', split);
    for (const { key } of this.#ports.network.peers()) void this.#exchange(key, [], [split]);
  }

  async #namedBy(node: PeerKey, entry: string, signal: AbortSignal | undefined): Promise<Named> {
    try {
      if (node !== this.#ports.network.self) return { node, ...(await this.#peers.named(node, entry, signal)) };
      const { index, checkpoint } = this.#placeOf(entry);
      return { node, index, checkpoint };
    } catch (caught) {
      return { node, error: asFault(caught).message };
    }
  }

  #placeOf(entry: string): { readonly index: number; readonly checkpoint: Checkpoint } {
    const checkpoint = this.#keeper.newest();
    const index = this.#keeper.indexOf(entry);
    if (checkpoint !== undefined && index !== undefined && index < checkpoint.size) return { index, checkpoint };
    throw fault('RECEIPT_UNKNOWN', 'the receipts of this node do not name the entry yet');
  }

  async #serve(channel: Channel): Promise<void> {
    for await (const frame of channel) {
      const question = checked(channel, () => decodeQuestion(frame));
      const reply = await this.#answer(channel.peer, question).catch((caught: unknown): AnswerJson => {
        const { code, message } = asFault(caught);
        return { answer: 'refused', code, text: message.slice(0, 1_000) };
      });
      await channel.send('hashes' in reply ? encodeHashes(reply.hashes) : encodeAnswer(reply));
      break;
    }
    await channel.finish();
  }

  async #answer(peer: PeerKey, question: Question): Promise<Reply> {
    await this.#loaded;
    switch (question.ask) {
      case 'cosign':
        return this.#desk.cosign(peer, question);
      case 'compare': {
        for (const split of question.splits) await this.#takeUp(readSplitView(split));
        const cosigned = await this.#desk.compare(question.checkpoints.map(readCheckpoint));
        return {
          answer: 'compared',
          checkpoints: cosigned.map(({ note }) => note),
          splits: this.#nextSplits().map(splitViewJson),
        };
      }
      case 'known': {
        const { checkpoint, final } = await this.#ownAnswer(question.node, question.time);
        return { answer: 'known', checkpoint: checkpoint.note, final };
      }
      case 'entries':
        return { hashes: await this.#entriesOf(question.origin, question.from, question.to) };
      case 'named': {
        const { index, checkpoint } = this.#placeOf(question.entry);
        const proof = await this.#keeper.inclusion(index, checkpoint.size);
        return { answer: 'named', index, proof: proofJson(proof), checkpoint: checkpoint.note };
      }
    }
  }

  /** What this node has of a node's checkpoints, its own or those that it cosigned. */
  async #ownAnswer(node: PeerKey, time: number): Promise<{ readonly checkpoint: Checkpoint; readonly final: boolean }> {
    const isOwn = node === this.#ports.network.self;
    const found = isOwn ? await this.#ownUpTo(time) : (await this.#desk.upToTime(node, time))?.past;
    if (found === undefined)
      throw fault('RECEIPT_UNKNOWN', 'no witnessed checkpoint of that node from before that time');
    const last = isOwn ? this.#keeper.witnessedTo : (await this.#desk.upToTime(node, time))?.lastTime;
    const isPast = time * 1_000 + 2 * RECEIPT_CLOCK_MS_MAX < this.#ports.clock.wallMs();
    return { checkpoint: found.checkpoint, final: isPast || (last ?? 0) > time };
  }

  async #ownUpTo(time: number): Promise<PastCheckpoint | undefined> {
    try {
      return await this.#keeper.upToTime(time);
    } catch (caught) {
      this.#noteDamage(caught);
      throw caught;
    }
  }

  async #entriesOf(origin: string, from: number, to: number): Promise<Buffer> {
    const named = readOrigin(origin);
    const { origin: own } = this.#keeper;
    const last = Math.min(to, from + RECEIPT_PAGE_ENTRIES);
    const isOwn = own !== undefined && originText(own) === origin;
    const signed = this.#keeper.newest()?.size ?? 0;
    const hashes =
      named === undefined
        ? Buffer.alloc(0)
        : isOwn
          ? await this.#keeper.entryBytes(Math.min(from, signed), Math.min(last, signed))
          : await this.#desk.entries(named, from, last);
    if (hashes.byteLength === 0) throw fault('RECEIPT_UNKNOWN', 'the entries of that log are not here');
    return hashes;
  }
}
