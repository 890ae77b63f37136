import { silentLogger } from '../../src/base/log.ts';
import { merkleLeaf, merkleRoot } from '../../src/codec/merkle.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { withoutBody } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { ArchiveClient } from '../../src/ledger/archive/client.ts';
import { ArchiveDesk } from '../../src/ledger/archive/desk.ts';
import { ARCHIVE_PROTOCOL } from '../../src/ledger/archive/messages.ts';
import type { ArchivedBody } from '../../src/ledger/archive/port.ts';
import type { HeldEntry } from '../../src/ledger/ledger.ts';
import { createMemoryHub } from '../../src/network/memory.ts';
import type { Channel, Network } from '../../src/network/network.ts';
import { createAuthor, genesisOf, seedOf } from './ledger-authors.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** A node of which others ask what they have dropped. */
export interface Holder {
  readonly network: Network;
  /** By hash; an entry that lacks its body stands there without. */
  readonly held: Map<string, Entry>;
  /** Leaves of the state by snapshot. */
  readonly states: Map<string, readonly Uint8Array[]>;
  keepsAll: boolean;
  /** Its disk gives nothing before that. */
  waits?: Promise<unknown>;
  /** Entries that were asked for. */
  asked: number;
}

/** One node that has dropped all bodies, and others around it, in virtual time. */
export interface ArchiveWorld {
  readonly clock: VirtualClock;
  readonly entries: readonly Entry[];
  readonly leaves: readonly Uint8Array[];
  readonly snapshot: string;
  readonly network: Network;
  readonly client: ArchiveClient;
  /** Keys with the role archive. */
  readonly roles: Set<string>;
  holder(digit: string, what?: Partial<Pick<Holder, 'keepsAll'>>): Promise<Holder>;
  /** A peer that answers as it likes. */
  rogue(digit: string, serve: (channel: Channel, question: unknown) => Promise<void>): Promise<Network>;
  /** All that comes for these hashes. */
  fetch(hashes?: readonly string[]): Promise<readonly ArchivedBody[]>;
  run<T>(work: Promise<T>): Promise<T>;
}

const SNAPSHOT = '5'.repeat(64);

export const createArchiveWorld = (count = 20): ArchiveWorld => {
  const clock = createVirtualClock();
  const hub = createMemoryHub({ clock, random: createSeededRandom(1, 'hub') });
  const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
  const author = createAuthor(1, genesis);
  const entries = Array.from({ length: count }, (_, at) => author.next({ content: { site: { name: `site ${at}` } } }));
  const bodies = new Map(entries.map(({ hash, header }) => [hash, header.body]));
  const leaves = entries.map(({ hash }) => Buffer.from(`{"insert":"${hash}"}`));
  const root = merkleRoot(leaves.map(merkleLeaf)).toString('hex');
  const rootOf = (snapshot: string): string | undefined => (snapshot === SNAPSHOT ? root : undefined);
  const network = hub.node({ key: 'a'.repeat(64) });
  const roles = new Set<string>();
  const client = new ArchiveClient({
    ...{ network, clock, log: silentLogger, rootOf },
    bodyHash: async (hash) => bodies.get(hash),
    archives: () => [...roles],
    nameOf: (key) => `node ${key[0]}`,
  });
  const run = <T>(work: Promise<T>): Promise<T> => clock.runWhile(work, 600_000);
  const join = async (digit: string): Promise<Network> => {
    const other = hub.node({ key: digit.repeat(64) });
    return other;
  };
  return {
    ...{ clock, entries, leaves, snapshot: SNAPSHOT, network, client, roles, run },
    async holder(digit, what = {}) {
      const other = await join(digit);
      const holder: Holder = {
        ...{ network: other, held: new Map(entries.map((entry) => [entry.hash, entry])) },
        ...{ states: new Map([[SNAPSHOT, leaves]]), keepsAll: true, asked: 0, ...what },
      };
      new ArchiveDesk({
        ...{ network: other, clock, log: silentLogger, rootOf },
        ledger: {
          size: entries.length,
          byHash: async (hash): Promise<HeldEntry | undefined> => {
            holder.asked += 1;
            await holder.waits;
            const entry = holder.held.get(hash);
            return entry === undefined ? undefined : { entry, cursor: 0, receivedMs: 0 };
          },
        },
        keepsAll: () => holder.keepsAll,
        leaves: async (snapshot) => holder.states.get(snapshot),
      });
      await run(other.dial({ address: network.address }));
      await clock.advance(1_000);
      return holder;
    },
    async rogue(digit, serve) {
      const other = await join(digit);
      other.handle(ARCHIVE_PROTOCOL, async (channel) => {
        for await (const frame of channel) {
          await serve(channel, JSON.parse(Buffer.from(frame).toString()));
          break;
        }
        await channel.finish();
      });
      await run(other.dial({ address: network.address }));
      await clock.advance(1_000);
      return other;
    },
    fetch: (hashes = entries.map(({ hash }) => hash)) =>
      run(
        (async () => {
          const found: ArchivedBody[] = [];
          for await (const body of client.bodies(hashes)) found.push(body);
          return found;
        })(),
      ),
  };
};

/** Takes the body away, as an erasure does. */
export const dropBody = ({ held }: Holder, hash: string): void => {
  const entry = held.get(hash);
  if (entry !== undefined) held.set(hash, withoutBody(entry));
};
