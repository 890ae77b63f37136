import type { Clock } from '../../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import {
  INTRODUCED_KEYS_MAX,
  INTRODUCED_MS_MAX,
  GUEST_MS_MAX,
  INTRODUCTION_PEERS_MAX,
  INTRODUCTION_TRIES_MAX,
  JOIN_TIMEOUT_MS,
} from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import { Tries } from '../../base/tries.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import {
  type Address,
  type Channel,
  checked,
  type ConnectedPeer,
  type Network,
  type PeerKey,
} from '../../network/network.ts';
import { decodeJoinAnswer, encodeJoinAnswer, type JoinAnswer, refusalOf } from '../admission/messages.ts';
import type { Authority } from '../authority/authority.ts';
import type { Fact } from '../facts.ts';
import type { Policies } from '../policies.ts';
import { chainOf, doubtOf, membersWith, readChain } from './chain.ts';
import { decodeIntroduction, encodeIntroduction, INTRODUCE_PROTOCOL, type Introduction } from './messages.ts';

/** What introducing this node and knowing others before the ledger has come needs: network, ledger and policies. */
export interface IntroductionPorts {
  readonly network: Pick<Network, 'handle' | 'request' | 'notices' | 'recheck'>;
  readonly ledger: Pick<Ledger, 'network' | 'byHash' | 'author' | 'clock'>;
  readonly policies: Pick<Policies, 'book' | 'caughtUp' | 'notices' | 'members'>;
  /** Whether the node joins by an invite just now: then it is known to nobody, and says so elsewhere. */
  isJoining(): boolean;
  /** Told the address of a node that this one dials and that belongs to another network. */
  readonly onForeignSeed?: (address: Address) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A node that does not let this one in, and why. */
export interface Refusal {
  readonly peer: PeerKey;
  readonly address: string;
  /** Whether this node dialled it. */
  readonly dialled: boolean;
  /** `JOIN_NO_INVITE`, `JOIN_REVOKED`, `JOIN_OTHER_NETWORK` … */
  readonly code: string;
  /** Its network, where it is another one. */
  readonly network: string | undefined;
}

interface Introduced {
  readonly facts: readonly Fact[];
  readonly untilMs: number;
}

/** Shows whom this node meets why it is a member, and lets in who shows the same (SPEC.md). */
export class Introductions implements Resource {
  readonly #ports: IntroductionPorts;
  readonly #introduced = new Map<PeerKey, Introduced>();
  /** Introductions of each peer that were refused. */
  readonly #tries: Tries;
  /** The last refusal of each peer, until it lets this node in. */
  readonly #refused = new Map<PeerKey, Refusal>();
  /** Whose joins are doubted, as far as that was said. */
  readonly #doubted = new Set<PeerKey>();
  readonly #stopping = new AbortController();
  readonly #onMet = (peer: ConnectedPeer): void => void this.#introduce(peer);
  readonly #onMembers = (): void => this.#lookAgain();

  constructor(ports: IntroductionPorts) {
    this.#ports = ports;
    this.#tries = new Tries(ports.clock, {
      most: INTRODUCTION_TRIES_MAX,
      pauseMs: GUEST_MS_MAX,
      keysMax: INTRODUCTION_PEERS_MAX,
    });
    ports.network.handle(INTRODUCE_PROTOCOL, (channel) => this.#serve(channel));
    ports.network.notices.on('peer:up', this.#onMet);
    ports.network.notices.on('guest:up', this.#onMet);
    ports.policies.notices.on('members:changed', this.#onMembers);
  }

  /** Whether the key has shown that it is a member, though the ledger does not say so here yet. */
  isIntroduced(key: PeerKey): boolean {
    return this.#introduced.has(key);
  }

  /** Whether the peer does not let this node in, by what it said last. */
  isRefusedBy(key: PeerKey): boolean {
    return this.#refused.has(key);
  }

  /** Who does not let this node in. */
  refusals(): readonly Refusal[] {
    return [...this.#refused.values()];
  }

  async close(): Promise<void> {
    this.#ports.network.notices.off('peer:up', this.#onMet).off('guest:up', this.#onMet);
    this.#ports.policies.notices.off('members:changed', this.#onMembers);
    this.#stopping.abort();
  }

  get #authority(): Authority {
    return this.#ports.policies.book.authority;
  }

  async #serve(channel: Channel): Promise<void> {
    const cancel = this.#ports.clock.after(JOIN_TIMEOUT_MS, () =>
      channel.abort(fault('NETWORK_TIMEOUT', 'the caller asked nothing in time')),
    );
    try {
      await channel.send(encodeJoinAnswer(await this.#answer(channel)));
    } finally {
      cancel();
      await channel.finish().catch(() => {});
    }
  }

  async #answer(channel: Channel): Promise<JoinAnswer> {
    const { peer } = channel;
    try {
      if (this.#tries.waitMs(peer) > 0) throw busy();
      for await (const frame of channel)
        return await this.#judge(
          checked(channel, () => decodeIntroduction(frame)),
          peer,
        );
      throw fault('NETWORK_CHANNEL_CLOSED', 'the caller asked nothing');
    } catch (caught) {
      this.#tries.wrong(peer);
      const error = asFault(caught);
      return refusalOf(error, !/^(?:ENTRY|JOIN)_/.test(error.code));
    }
  }

  async #judge({ net, entries }: Introduction, peer: PeerKey): Promise<JoinAnswer> {
    const { policies, clock } = this.#ports;
    const { genesis } = this.#authority;
    if (genesis === undefined) return WELCOME;
    if (net !== null && net !== genesis.network)
      throw fault('JOIN_OTHER_NETWORK', `this node belongs to the network ${genesis.network}`, {
        data: { network: genesis.network },
      });
    if (policies.members.mayConnect(peer)) return WELCOME;
    if (entries.length === 0)
      throw this.#revokedOr(peer, fault('JOIN_NO_INVITE', 'this network lets in by invite only'));
    const facts = readChain(genesis, entries, peer, clock.wallMs());
    for (const fact of facts) await this.#refuseOther(fact);
    if (!membersWith(this.#authority, facts, [peer]).has(peer))
      throw this.#revokedOr(
        peer,
        fault('JOIN_INVITE_VOID', `what made this key a member is void${this.#whyVoid(peer)}`),
      );
    const doubt = this.#isBehind(facts) ? undefined : doubtOf(this.#authority, facts, clock.wallMs() * 1_000);
    if (doubt !== undefined) throw this.#unheard(doubt, peer);
    if (this.#introduced.size >= INTRODUCED_KEYS_MAX && !this.#introduced.has(peer)) throw busy();
    this.#admit(peer, facts);
    return WELCOME;
  }

  /** An author's entry of a number that is held here is that one: another was made to be shown, and is in no ledger (SPEC I6). */
  async #refuseOther({ author, seq, hash }: Fact): Promise<void> {
    const { ledger } = this.#ports;
    if (seq <= (ledger.clock().get(author) ?? 0) && (await ledger.byHash(hash)) === undefined)
      throw fault('JOIN_NOT_PROVEN', 'an entry is not the one of its author’s log');
  }

  /**
   * Whether they hold an entry of this node that it lacks itself: its directory is an older copy, and takes its log
   * back from whoever has it.
   */
  #isBehind(facts: readonly Fact[]): boolean {
    const { ledger } = this.#ports;
    const held = ledger.clock().get(ledger.author) ?? 0;
    return facts.some(({ author, seq }) => author === ledger.author && seq > held);
  }

  /** Said here once, too: whoever knows both can help. */
  #unheard(doubt: string, peer: PeerKey): HoldfastError {
    if (this.#doubted.size >= INTRODUCED_KEYS_MAX) this.#doubted.clear();
    if (!this.#doubted.has(peer))
      this.#ports.log.warn(
        `${peer} says that it has joined, and ${doubt}: it is let in once another member has brought its join; where none is left, assign permissions with roles to its key`,
      );
    this.#doubted.add(peer);
    return fault(
      'INTRODUCE_JOIN_UNHEARD',
      `this node has not heard of the join of the node that asks from another member yet, and ${doubt}`,
    );
  }

  /** Under open admission only who was revoked is no member. */
  #revokedOr(peer: PeerKey, otherwise: HoldfastError): HoldfastError {
    const isRevoked =
      this.#authority.genesis?.admission === 'open' ||
      this.#ports.policies.members.list().some(({ key, revoked }) => key === peer && revoked !== undefined);
    return isRevoked ? fault('JOIN_REVOKED', 'the key of the node that asks was revoked') : otherwise;
  }

  /** As far as what made it a member is in the ledger here. */
  #whyVoid(peer: PeerKey): string {
    const text = this.#ports.policies.members.list().find(({ key }) => key === peer)?.void?.text;
    return text === undefined ? '' : `: ${text}`;
  }

  #admit(peer: PeerKey, facts: readonly Fact[]): void {
    const { clock, network, log } = this.#ports;
    const untilMs = clock.monotonicMs() + INTRODUCED_MS_MAX;
    if (!this.#introduced.has(peer)) log.info(`${peer} joined the network while this node was away`);
    this.#introduced.set(peer, { facts, untilMs });
    clock.after(INTRODUCED_MS_MAX, () => {
      if (this.#introduced.get(peer)?.untilMs === untilMs) this.#forget(peer);
    });
    network.recheck();
  }

  #forget(peer: PeerKey): void {
    this.#introduced.delete(peer);
    this.#ports.network.recheck();
  }

  /** Authority has moved: who is a member by the ledger needs no introduction, who is none even with it is dropped. */
  #lookAgain(): void {
    if (this.#introduced.size === 0) return;
    const { members } = this.#ports.policies;
    const facts = [...this.#introduced.values()].flatMap((each) => each.facts);
    const still = membersWith(this.#authority, facts, [...this.#introduced.keys()]);
    for (const key of [...this.#introduced.keys()]) if (members.isMember(key) || !still.has(key)) this.#forget(key);
  }

  async #introduce(met: ConnectedPeer): Promise<void> {
    const { key, address, outbound } = met;
    const { network, ledger, policies, log } = this.#ports;
    if (this.#ports.isJoining()) return;
    try {
      await policies.caughtUp();
      const chain = chainOf(this.#authority, ledger.author);
      if (chain.length === 0 && this.#authority.genesis?.admission === 'open' && !outbound) return;
      const held = await Promise.all(chain.map((hash) => ledger.byHash(hash)));
      const entries = held.flatMap((each) => each?.entry.raw ?? []);
      const frame = encodeIntroduction({ net: ledger.network ?? null, entries });
      const options = { timeoutMs: JOIN_TIMEOUT_MS, signal: this.#stopping.signal };
      const answer = decodeJoinAnswer(await network.request(key, INTRODUCE_PROTOCOL, frame, options));
      if (answer.kind === 'welcome') this.#refused.delete(key);
      else this.#noteRefusal(met, answer);
    } catch (caught) {
      // An older node does not speak it; one that is gone is met again.
      log.debug(`not introduced to ${address}: ${asFault(caught).message}`);
    }
  }

  /** Said once: it is redialled, and refuses again, for as long as its address is known. */
  #noteRefusal({ key, address, outbound }: ConnectedPeer, { code, text, net }: JoinAnswer & { kind: 'refused' }): void {
    const known = this.#refused.get(key);
    const refusal = { peer: key, address, dialled: outbound || known?.dialled === true, code, network: net };
    if (this.#refused.size >= INTRODUCED_KEYS_MAX) this.#refused.clear();
    this.#refused.set(key, refusal);
    if (net !== undefined && refusal.dialled) this.#ports.onForeignSeed?.(address);
    if (known?.code === code) return;
    const way = WAYS[code] === undefined ? '' : `; ${WAYS[code]}`;
    // Its own text says "this node" of itself.
    const why =
      net === undefined ? text : `it belongs to the network ${net}, this node to ${this.#ports.ledger.network}`;
    this.#ports.log.warn(`the node at ${address} does not let this node in: ${why}${way}`, { code });
  }
}

const UNHEARD_WAY =
  'it lets this node in by itself once it has met another member that knows of the join; where none is left, an admin there assigns permissions with roles to the key of this node';

/** What to do about a refusal. */
const WAYS: Readonly<Record<string, string>> = {
  JOIN_NO_INVITE: 'ask a member for an invite (create invite where role = …) and start with --invite LINE',
  JOIN_INVITE_VOID: 'ask an admin for a new invite, and start with it in a new directory (--dir, --invite LINE)',
  JOIN_REVOKED: 'ask an admin for a new invite, and start with it in a new directory (--dir, --invite LINE)',
  INTRODUCE_JOIN_UNHEARD: UNHEARD_WAY,
  JOIN_OTHER_NETWORK: 'start without that seed, or with another --dir to join that network',
};

const WELCOME: JoinAnswer = { kind: 'welcome' };

const busy = (): HoldfastError => fault('INTRODUCE_BUSY', 'too many introductions came at the same time');
