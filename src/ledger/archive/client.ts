import { hash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { asFault, fault } from '../../base/errors.ts';
import {
  ARCHIVE_ANSWER_MS_MAX,
  ARCHIVE_BODIES_MAX,
  ARCHIVE_KEEPS_MAX_MS,
  ARCHIVE_KEEPS_MIN_MS,
  ARCHIVE_LACKED_MS,
  ARCHIVE_READ_AT_ONCE,
  ARCHIVE_KEEPS_STALL_MS,
  ARCHIVE_STALL_MS,
} from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import { type Channel, checked, type ConnectedPeer, type Network, type PeerKey } from '../../network/network.ts';
import {
  ARCHIVE_PROTOCOL,
  type ArchiveAnswer,
  archiveMalformed,
  type ArchiveQuestion,
  decodeArchiveAnswer,
  encodeArchiveQuestion,
} from './messages.ts';
import { LeafTree } from '../../codec/leaf-tree.ts';
import type { Archive, ArchivedBody, ArchiveHolder } from './port.ts';

/** What fetching from archives needs of the node: peers to ask, and the ledger's word to check each answer against. */
export interface ArchiveClientPorts {
  readonly network: Pick<Network, 'open' | 'peers' | 'blame' | 'notices' | 'self'>;
  /** SHA-256 of the body that the header of an entry names; undefined where the header is not held. */
  readonly bodyHash: (entry: string) => Promise<string | undefined>;
  /** Root of the state that a snapshot settles, as root keys have signed it; undefined for none that is held. */
  readonly rootOf: (snapshot: string) => string | undefined;
  /** Nodes with the role archive by the ledger. */
  readonly archives: () => readonly PeerKey[];
  /** How users know a node: name and address. */
  readonly nameOf: (key: PeerKey) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How a peer stands that may have what is dropped here. */
export interface ArchiveSource {
  readonly key: PeerKey;
  readonly name: string | undefined;
  readonly connected: boolean;
  /** By a grant in force; otherwise by its own word. */
  readonly role: boolean;
  /** It says that it has everything: nobody has checked that. */
  readonly says: boolean;
  /** It lacked something that it was asked for, lately. */
  readonly lacked: boolean;
}

/**
 * Asks other nodes for what was dropped here. Everything that comes is checked against what the ledger holds before
 * anybody sees it.
 */
export class ArchiveClient implements Archive, Resource {
  readonly #ports: ArchiveClientPorts;
  /** Connected peers that say that they have everything. */
  readonly #saying = new Set<PeerKey>();
  /** Until when a peer is asked after the others, since it had nothing of what it was asked for. */
  readonly #lacked = new Map<PeerKey, number>();
  readonly #stopping = new AbortController();
  /** Ends the wait until a peer is asked again whether it keeps everything. */
  readonly #cancels = new Map<PeerKey, () => void>();
  readonly #onPeer = ({ key }: ConnectedPeer): void => void this.#askIfKeeps(key, ARCHIVE_KEEPS_MIN_MS);
  readonly #onGone = (key: PeerKey): void => {
    this.#cancels.get(key)?.();
    this.#cancels.delete(key);
    this.#saying.delete(key);
    this.#lacked.delete(key);
  };

  constructor(ports: ArchiveClientPorts) {
    this.#ports = ports;
    ports.network.notices.on('peer:up', this.#onPeer).on('peer:down', this.#onGone);
    for (const { key } of ports.network.peers()) void this.#askIfKeeps(key, ARCHIVE_KEEPS_MIN_MS);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    for (const cancel of this.#cancels.values()) cancel();
    this.#ports.network.notices.off('peer:up', this.#onPeer).off('peer:down', this.#onGone);
  }

  holders(): readonly ArchiveHolder[] {
    return this.sources()
      .filter(({ role, says, lacked }) => role || (says && !lacked))
      .map(({ key, name }) => ({ key, name }));
  }

  /** Who has the role archive and who says that it has everything; those to be asked first stand first. */
  sources(): readonly ArchiveSource[] {
    const { network, nameOf, archives } = this.#ports;
    const connected = new Set(network.peers().map(({ key }) => key));
    const byRole = new Set(archives());
    const all = new Set([...byRole, ...this.#saying]);
    all.delete(network.self);
    return [...all]
      .map((key) => ({
        ...{ key, name: nameOf(key), connected: connected.has(key) },
        ...{ role: byRole.has(key), says: this.#saying.has(key), lacked: this.#hasLacked(key) },
      }))
      .sort((a, b) => rankOf(a) - rankOf(b) || (a.key < b.key ? -1 : 1));
  }

  /** The connected peers that say at this moment that they have everything: what they said before may be old. */
  async confirmed(signal?: AbortSignal): Promise<readonly ArchiveSource[]> {
    const peers = this.#ports.network.peers().map(({ key }) => key);
    const saying = await Promise.all(
      peers.map((peer) =>
        this.#keeps(peer, signal).catch((caught: unknown) => {
          this.#note(peer, caught);
          return false;
        }),
      ),
    );
    signal?.throwIfAborted();
    const keeping = new Set(peers.filter((_, at) => saying[at] === true));
    return this.sources().filter(({ key, connected }) => connected && keeping.has(key));
  }

  async *bodies(hashes: readonly string[], signal?: AbortSignal): AsyncGenerator<ArchivedBody> {
    /** Those that had nothing of a whole batch are not asked again in this call. */
    const useless = new Set<PeerKey>();
    for (let at = 0; at < hashes.length; at += ARCHIVE_BODIES_MAX) {
      const missing = new Map<string, string>();
      for (const [entry, body] of await this.#named(hashes.slice(at, at + ARCHIVE_BODIES_MAX)))
        missing.set(entry, body);
      for (const peer of this.#order()) {
        if (missing.size === 0) break;
        if (useless.has(peer)) continue;
        const before = missing.size;
        yield* this.#bodiesOf(peer, missing, signal);
        signal?.throwIfAborted();
        if (missing.size > 0) this.#lacked.set(peer, this.#ports.clock.monotonicMs() + ARCHIVE_LACKED_MS);
        if (missing.size === before) useless.add(peer);
      }
    }
  }

  async leaves(snapshot: string, signal?: AbortSignal): Promise<readonly Uint8Array[] | undefined> {
    const root = this.#ports.rootOf(snapshot);
    if (root === undefined) return undefined;
    for (const peer of this.#order()) {
      const leaves = await this.#leavesOf(peer, snapshot, root, signal);
      signal?.throwIfAborted();
      if (leaves !== undefined) return leaves;
    }
    return undefined;
  }

  #hasLacked(peer: PeerKey): boolean {
    return (this.#lacked.get(peer) ?? Number.NEGATIVE_INFINITY) > this.#ports.clock.monotonicMs();
  }

  /** The connected peers, those that keep everything first. */
  #order(): readonly PeerKey[] {
    const first = this.sources().filter(({ connected }) => connected);
    const rest = this.#ports.network.peers().map(({ key }) => key);
    rest.sort((a, b) => Number(this.#hasLacked(a)) - Number(this.#hasLacked(b)) || (a < b ? -1 : 1));
    return [...new Set([...first.map(({ key }) => key), ...rest])];
  }

  async #named(entries: readonly string[]): Promise<readonly (readonly [string, string])[]> {
    const named: (readonly [string, string])[] = [];
    for (let at = 0; at < entries.length; at += ARCHIVE_READ_AT_ONCE) {
      const some = entries.slice(at, at + ARCHIVE_READ_AT_ONCE);
      const bodies = await Promise.all(some.map((entry) => this.#ports.bodyHash(entry)));
      for (const [index, entry] of some.entries()) {
        const body = bodies[index];
        if (body !== undefined) named.push([entry, body]);
      }
    }
    return named;
  }

  async *#bodiesOf(
    peer: PeerKey,
    missing: Map<string, string>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ArchivedBody> {
    const asked = [...missing.keys()];
    try {
      for await (const answer of this.#ask(peer, { ask: 'bodies', hashes: asked }, signal)) {
        if (answer.answer !== 'bodies')
          throw this.#blame(peer, archiveMalformed(`${answer.answer} where bodies are due`));
        for (const { hash: entry, body } of answer.bodies) {
          const named = missing.get(entry);
          if (named === undefined) throw this.#blame(peer, archiveMalformed('a body that nobody asked for'));
          if (hash('sha256', body) !== named)
            throw this.#blame(
              peer,
              fault('LEDGER_ARCHIVE_WRONG', `the body of ${entry} is not the one that its author signed`),
            );
          missing.delete(entry);
          yield { hash: entry, body };
        }
      }
    } catch (caught) {
      this.#note(peer, caught);
    }
  }

  async #leavesOf(
    peer: PeerKey,
    snapshot: string,
    root: string,
    signal: AbortSignal | undefined,
  ): Promise<readonly Uint8Array[] | undefined> {
    const leaves: Uint8Array[] = [];
    const tree = new LeafTree();
    let [due, bytes] = [-1, 0];
    try {
      for await (const answer of this.#ask(peer, { ask: 'leaves', snapshot }, signal)) {
        if (answer.answer === 'none') return undefined;
        if (answer.answer === 'state' && due < 0) [due, bytes] = [answer.leaves, answer.bytes];
        else if (answer.answer !== 'leaves' || due < 0)
          throw this.#blame(peer, archiveMalformed(`${answer.answer} out of turn`));
        else
          for (const leaf of answer.leaves) {
            bytes -= leaf.byteLength;
            if (leaves.length === due || bytes < 0)
              throw this.#blame(peer, archiveMalformed('more leaves than it said'));
            // A copy: a leaf that is kept would keep the whole frame.
            leaves.push(Uint8Array.from(leaf));
            tree.add(leaf);
          }
      }
      if (tree.root() === root) return leaves;
      throw this.#blame(peer, fault('LEDGER_ARCHIVE_WRONG', 'the leaves are not those that the snapshot has signed'));
    } catch (caught) {
      this.#note(peer, caught);
      return undefined;
    }
  }

  /** The frames of an answer up to its end; a refusal is thrown. */
  async *#ask(
    peer: PeerKey,
    question: ArchiveQuestion,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Exclude<ArchiveAnswer, { answer: 'end' | 'refused' }>> {
    const { network, clock } = this.#ports;
    const stallMs = question.ask === 'keeps' ? ARCHIVE_KEEPS_STALL_MS : ARCHIVE_STALL_MS;
    const channel = await network.open(peer, ARCHIVE_PROTOCOL, { timeoutMs: stallMs });
    const stop = AbortSignal.any([this.#stopping.signal, ...(signal === undefined ? [] : [signal])]);
    const onStop = (): void => channel.abort(fault('NETWORK_ABORTED', 'the question was given up'));
    stop.addEventListener('abort', onStop);
    const cancel = clock.after(ARCHIVE_ANSWER_MS_MAX, () => channel.abort(tooLong(ARCHIVE_ANSWER_MS_MAX)));
    try {
      if (stop.aborted) return;
      await channel.send(encodeArchiveQuestion(question));
      for (;;) {
        const answer = await this.#next(channel, stallMs);
        if (answer.answer === 'end') return;
        if (answer.answer === 'refused')
          throw fault('LEDGER_ARCHIVE_REFUSED', `the peer refuses: ${answer.text}`, { data: { code: answer.code } });
        yield answer;
        if (answer.answer === 'none' || answer.answer === 'keeps') return;
      }
    } finally {
      cancel();
      stop.removeEventListener('abort', onStop);
      channel.abort('the answer is here, or will not come');
    }
  }

  async #next(channel: Channel, stallMs: number): Promise<ArchiveAnswer> {
    const cancel = this.#ports.clock.after(stallMs, () => channel.abort(tooLong(stallMs)));
    try {
      const next = await channel[Symbol.asyncIterator]().next();
      if (next.done === true) throw fault('NETWORK_CHANNEL_CLOSED', 'archive: the peer ended the answer early');
      return checked(channel, () => decodeArchiveAnswer(next.value));
    } finally {
      cancel();
    }
  }

  #blame(peer: PeerKey, error: Error): Error {
    this.#ports.network.blame(peer, error);
    return error;
  }

  /** Another peer is asked instead. */
  #note(peer: PeerKey, caught: unknown): void {
    this.#ports.log.debug(`${peer} does not give what is archived`, { text: asFault(caught).message });
  }

  /** Whether a peer says that it has everything. */
  async #keeps(peer: PeerKey, signal: AbortSignal | undefined): Promise<boolean> {
    for await (const answer of this.#ask(peer, { ask: 'keeps' }, signal))
      if (answer.answer !== 'keeps') throw this.#blame(peer, archiveMalformed(`${answer.answer} is no answer to that`));
      else if (answer.all) this.#saying.add(peer);
      else this.#saying.delete(peer);
    return this.#saying.has(peer);
  }

  /** Now, and again after a pause: it may still be joining, or drop bodies later. */
  async #askIfKeeps(peer: PeerKey, pauseMs: number): Promise<void> {
    this.#cancels.set(peer, () => {});
    try {
      await this.#keeps(peer, undefined);
    } catch (caught) {
      // An older node does not speak it.
      this.#note(peer, caught);
    }
    if (this.#stopping.signal.aborted || !this.#cancels.has(peer)) this.#saying.delete(peer);
    else {
      const again = (): void => void this.#askIfKeeps(peer, Math.min(2 * pauseMs, ARCHIVE_KEEPS_MAX_MS));
      this.#cancels.set(peer, this.#ports.clock.after(pauseMs, again));
    }
  }
}

/** In this order they are asked and named. */
const rankOf = ({ connected, role, lacked }: ArchiveSource): number =>
  (connected ? 0 : 4) + (lacked ? 2 : 0) + (role ? 0 : 1);

const tooLong = (ms: number): Error => fault('NETWORK_TIMEOUT', `archive: no answer in ${ms} ms`);
