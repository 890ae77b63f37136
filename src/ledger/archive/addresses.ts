import { z } from 'zod';
import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import { isHost } from '../../base/host.ts';
import {
  ARCHIVE_ADDRESSES_MAX,
  ARCHIVE_ADDRESSES_MS,
  ARCHIVE_ADDRESSES_SOON_MS,
  ARCHIVE_KEEPS_STALL_MS,
} from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import { decodeMessage } from '../../codec/message.ts';
import { joinAddress, splitAddress } from '../../network/addresses.ts';
import {
  type Address,
  type Channel,
  checked,
  type DialTarget,
  type Network,
  type PeerKey,
} from '../../network/network.ts';

/** SPEC: only the major is in the id. */
export const ARCHIVE_ADDRESSES_PROTOCOL = '/holdfast/archive-addresses/1';

const FRAME_BYTES = 65_536;
const ADDRESS_CHARS_MAX = 300;
const address = z.string().max(ADDRESS_CHARS_MAX);
const question = z.strictObject({ ask: z.literal('addresses') });
const answer = z.strictObject({
  /** Where the node that answers listens. */
  listen: address,
  archives: z.array(z.strictObject({ key: z.string().regex(/^[0-9a-f]{64}$/), address })).max(ARCHIVE_ADDRESSES_MAX),
});

const malformed = (what: string): HoldfastError => fault('LEDGER_ARCHIVE_MALFORMED', `archive addresses: ${what}`);
const encode = (message: z.infer<typeof question> | z.infer<typeof answer>): Uint8Array =>
  Buffer.from(JSON.stringify(message));
const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T => {
  if (frame.byteLength > FRAME_BYTES) throw malformed(`a message of ${frame.byteLength} bytes`);
  return decodeMessage(schema, frame, malformed);
};

export interface ArchiveAddressesPorts {
  readonly network: Pick<Network, 'self' | 'address' | 'peers' | 'request' | 'handle' | 'notices' | 'blame'>;
  /** Nodes with the role archive by the ledger. */
  readonly archives: () => readonly PeerKey[];
  /** Something else is known now. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Where the archives of the network are, as they say themselves or as others say: an archive need not have a policy that tells it. */
export class ArchiveAddresses implements Resource {
  readonly #ports: ArchiveAddressesPorts;
  /** What connected nodes, and those that were, say of themselves; and what each says of archives. */
  readonly #own = new Map<PeerKey, Address>();
  readonly #told = new Map<PeerKey, ReadonlyMap<PeerKey, Address>>();
  /** Who joins, or has just met others, knows more a little later. */
  readonly #onUp = ({ key }: { readonly key: PeerKey }): void => {
    void this.#ask(key);
    this.#schedule(ARCHIVE_ADDRESSES_SOON_MS);
  };
  #cancel: () => void = () => {};
  #closed = false;

  constructor(ports: ArchiveAddressesPorts) {
    this.#ports = ports;
    ports.network.handle(ARCHIVE_ADDRESSES_PROTOCOL, (channel) => this.#serve(channel));
    ports.network.notices.on('peer:up', this.#onUp);
    this.#schedule(ARCHIVE_ADDRESSES_SOON_MS);
  }

  /** Undefined where nobody has said it. */
  addressOf(key: PeerKey): Address | undefined {
    const own = this.#own.get(key);
    if (own !== undefined) return own;
    for (const told of this.#told.values()) {
      const found = told.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The archives whose addresses are known. Their keys must answer there, so nobody can put another in their place. */
  targets(): readonly DialTarget[] {
    return this.#archives().flatMap((key) => {
      const known = this.addressOf(key);
      return known === undefined ? [] : [{ address: known, key }];
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    this.#ports.network.notices.off('peer:up', this.#onUp);
  }

  #archives(): readonly PeerKey[] {
    const { archives, network } = this.#ports;
    return archives()
      .filter((key) => key !== network.self)
      .slice(0, ARCHIVE_ADDRESSES_MAX);
  }

  #schedule(ms: number): void {
    this.#cancel();
    this.#cancel = this.#ports.clock.after(ms, () => {
      for (const { key } of this.#ports.network.peers()) void this.#ask(key);
      this.#schedule(ARCHIVE_ADDRESSES_MS);
    });
  }

  async #ask(peer: PeerKey): Promise<void> {
    const { network, log, onChanged } = this.#ports;
    try {
      const options = { timeoutMs: ARCHIVE_KEEPS_STALL_MS };
      const frame = await network.request(peer, ARCHIVE_ADDRESSES_PROTOCOL, encode({ ask: 'addresses' }), options);
      const from = { blame: (caught: unknown) => network.blame(peer, caught) };
      const { listen, archives } = checked(from, () => decode(answer, frame));
      const connected = network.peers().find(({ key }) => key === peer);
      if (this.#closed || connected === undefined) return;
      const own = reachable(listen, connected.address);
      if (own !== undefined) this.#own.set(peer, own);
      const told = archives.flatMap((each) => (reachable(each.address, '') === undefined ? [] : [each]));
      this.#told.delete(peer);
      this.#told.set(peer, new Map(told.map((each) => [each.key, each.address])));
      this.#forget();
    } catch (caught) {
      // An older node does not speak it.
      log.debug(`${peer} does not say where archives are`, { text: asFault(caught).message });
      return;
    }
    onChanged();
  }

  /** The oldest go first; of those that are connected and of archives nothing does. */
  #forget(): void {
    const kept = new Set([...this.#ports.archives(), ...this.#ports.network.peers().map(({ key }) => key)]);
    for (const map of [this.#own, this.#told])
      for (const key of map.keys()) if (map.size > ARCHIVE_ADDRESSES_MAX && !kept.has(key)) map.delete(key);
  }

  async #serve(channel: Channel): Promise<void> {
    for await (const frame of channel) {
      checked(channel, () => decode(question, frame));
      const archives = this.targets().flatMap(({ key, address: known }) =>
        key === undefined || key === channel.peer ? [] : [{ key, address: known }],
      );
      await channel.send(encode({ listen: this.#ports.network.address, archives }));
      break;
    }
    await channel.finish();
  }
}

/** The address as others can dial it: one that stands for all interfaces is where the node is connected from. Undefined for none. */
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
