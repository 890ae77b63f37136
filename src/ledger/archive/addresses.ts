import { asFault } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import { isHost, joinAddress, splitAddress } from '../../base/host.ts';
import {
  ARCHIVE_ADDRESSES_MAX,
  ARCHIVE_ADDRESSES_MS,
  ARCHIVE_ADDRESSES_SOON_MS,
  ARCHIVE_CLAIMS_MAX,
  ARCHIVE_KEEPS_STALL_MS,
} from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import {
  type Address,
  type Channel,
  checked,
  type DialTarget,
  type Network,
  type PeerKey,
} from '../../network/network.ts';
import {
  ARCHIVE_ADDRESSES_PROTOCOL,
  decodeAddressesAnswer,
  decodeAddressesQuestion,
  encodeAddresses,
} from './address-messages.ts';

/** What asking for the addresses of archives needs of the node; `known` and `keep` carry them over a restart. */
export interface ArchiveAddressesPorts {
  readonly network: Pick<Network, 'self' | 'address' | 'peers' | 'request' | 'handle' | 'notices' | 'blame'>;
  /** Nodes with the role archive by the ledger. */
  readonly archives: () => readonly PeerKey[];
  /** What archives have said of themselves in an earlier run. */
  readonly known: ReadonlyMap<PeerKey, Address>;
  /** Keeps that for the next. */
  readonly keep: (own: ReadonlyMap<PeerKey, Address>) => void;
  /** Something else is known now. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Where an archive is, as somebody said. */
interface Claim {
  readonly from: PeerKey;
  readonly address: Address;
}

/**
 * Where the archives of the network are, as they say themselves or as others have heard it of them: an archive need not
 * have a policy that tells it. All that is said counts, what was said last first, since nobody knows who is right: only
 * the right key gets an answer. What is passed on is the word of the archive itself, so that no rumour goes round.
 */
export class ArchiveAddresses implements Resource {
  readonly #ports: ArchiveAddressesPorts;
  /** What connected nodes, and those that were, say of themselves. */
  readonly #own: Map<PeerKey, Address>;
  /** What is said of each archive, by itself too: the newest first, one of each that says it, and so many of others. */
  readonly #claims = new Map<PeerKey, readonly Claim[]>();
  /** Who joins, or has just met others, knows more a little later. */
  readonly #onUp = ({ key }: { readonly key: PeerKey }): void => {
    void this.#ask(key);
    const soonMs = this.#ports.clock.monotonicMs() + ARCHIVE_ADDRESSES_SOON_MS;
    // Whoever comes and goes puts nothing off.
    if (this.#dueMs > soonMs) this.#schedule(ARCHIVE_ADDRESSES_SOON_MS);
  };
  #dueMs = 0;
  #cancel: () => void = () => {};
  #closed = false;

  constructor(ports: ArchiveAddressesPorts) {
    this.#ports = ports;
    this.#own = new Map(ports.known);
    ports.network.handle(ARCHIVE_ADDRESSES_PROTOCOL, (channel) => this.#serve(channel));
    ports.network.notices.on('peer:up', this.#onUp);
    this.#schedule(ARCHIVE_ADDRESSES_SOON_MS);
  }

  /** As it was said last; undefined where nobody has said it. */
  addressOf(key: PeerKey): Address | undefined {
    return this.#addressesOf(key)[0];
  }

  /** Where the archives may be. Their keys must answer there, so nobody can put another in their place. */
  targets(): readonly DialTarget[] {
    return this.#archives().flatMap((key) => this.#addressesOf(key).map((address) => ({ address, key })));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    this.#ports.network.notices.off('peer:up', this.#onUp);
  }

  #addressesOf(key: PeerKey): readonly Address[] {
    const own = this.#own.get(key);
    const said = (this.#claims.get(key) ?? []).map(({ address }) => address);
    return [...new Set([...said, ...(own === undefined ? [] : [own])])];
  }

  #archives(): readonly PeerKey[] {
    const { archives, network } = this.#ports;
    return archives()
      .filter((key) => key !== network.self)
      .slice(0, ARCHIVE_ADDRESSES_MAX);
  }

  #schedule(ms: number): void {
    this.#cancel();
    this.#dueMs = this.#ports.clock.monotonicMs() + ms;
    this.#cancel = this.#ports.clock.after(ms, () => {
      for (const { key } of this.#ports.network.peers()) void this.#ask(key);
      this.#schedule(ARCHIVE_ADDRESSES_MS);
    });
  }

  async #ask(peer: PeerKey): Promise<void> {
    const { network, log } = this.#ports;
    try {
      const options = { timeoutMs: ARCHIVE_KEEPS_STALL_MS };
      const question = encodeAddresses({ ask: 'addresses' });
      const frame = await network.request(peer, ARCHIVE_ADDRESSES_PROTOCOL, question, options);
      const from = { blame: (caught: unknown) => network.blame(peer, caught) };
      const { listen, archives } = checked(from, () => decodeAddressesAnswer(frame));
      const connected = network.peers().find(({ key }) => key === peer);
      if (this.#closed || connected === undefined) return;
      this.#hear(peer, reachable(listen, connected.address), archives);
    } catch (caught) {
      // An older node does not speak it.
      log.debug(`${peer} does not say where archives are`, { text: asFault(caught).message });
    }
  }

  #hear(
    peer: PeerKey,
    own: Address | undefined,
    told: readonly { readonly key: PeerKey; readonly address: Address }[],
  ): void {
    const archives = this.#archives();
    const before = JSON.stringify([this.targets(), this.#ownOf(archives)]);
    if (own !== undefined) this.#own.set(peer, own);
    const said = new Map(told.map(({ key, address }) => [key, reachable(address, '')]));
    // Of itself it says one thing.
    said.set(peer, own);
    for (const key of archives) this.#claims.set(key, this.#withClaim(key, peer, said.get(key)));
    this.#forget(archives);
    if (JSON.stringify([this.targets(), this.#ownOf(archives)]) === before) return;
    this.#ports.keep(new Map(this.#ownOf(archives)));
    this.#ports.onChanged();
  }

  /** What is said again stays where it stands; what is not said any more goes, except by the archive itself. */
  #withClaim(key: PeerKey, from: PeerKey, address: Address | undefined): readonly Claim[] {
    const claims = this.#claims.get(key) ?? [];
    const known = claims.find((claim) => claim.from === from);
    if (known?.address === address || (address === undefined && from === key)) return claims;
    const others = claims.filter((claim) => claim !== known);
    const next = address === undefined ? others : [{ from, address }, ...others];
    const hearsay = next.filter((claim) => claim.from !== key).slice(0, ARCHIVE_CLAIMS_MAX);
    return next.filter((claim) => claim.from === key || hearsay.includes(claim));
  }

  #ownOf(archives: readonly PeerKey[]): readonly (readonly [PeerKey, Address])[] {
    return archives.flatMap((key) => {
      const own = this.#own.get(key);
      return own === undefined ? [] : [[key, own] as const];
    });
  }

  /** The oldest go first; of those that are connected and of archives nothing does. */
  #forget(archives: readonly PeerKey[]): void {
    const kept = new Set([...archives, ...this.#ports.network.peers().map(({ key }) => key)]);
    for (const key of this.#own.keys())
      if (this.#own.size > ARCHIVE_ADDRESSES_MAX && !kept.has(key)) this.#own.delete(key);
    for (const key of this.#claims.keys()) if (!archives.includes(key)) this.#claims.delete(key);
  }

  async #serve(channel: Channel): Promise<void> {
    for await (const frame of channel) {
      checked(channel, () => decodeAddressesQuestion(frame));
      const archives = this.#ownOf(this.#archives()).flatMap(([key, address]) =>
        key === channel.peer ? [] : [{ key, address }],
      );
      await channel.send(encodeAddresses({ listen: this.#ports.network.address, archives }));
      break;
    }
    await channel.finish();
  }
}

/**
 * The address as others can dial it: one that stands for all interfaces is where the node is connected from. Undefined
 * for none.
 */
const reachable = (told: Address, from: Address): Address | undefined => {
  try {
    const { host, port } = splitAddress(told);
    const at = ANYWHERE.has(host) ? splitAddress(from).host : host;
    return port > 0 && isHost(at) && !ANYWHERE.has(at) ? joinAddress({ host: at, port }) : undefined;
  } catch {
    return undefined;
  }
};

const ANYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
