import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { systemCode, textOf } from '../base/errors.ts';
import { joinAddress } from '../base/host.ts';
import { FRAME_BYTES_MAX, SYNC_AUTHORS_MAX, SYNC_COVERED_MAX } from '../base/limits.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import type { StateFile } from '../base/state-file.ts';
import { hash } from '../codec/fields.ts';
import type { Archiving } from '../command/context.ts';
import type { RawEntry } from '../entry/entry.ts';
import { ADDRESS_CHARS_MAX } from '../ledger/archive/address-messages.ts';
import { ArchiveAddresses } from '../ledger/archive/addresses.ts';
import { ArchiveClient } from '../ledger/archive/client.ts';
import { ArchiveDesk } from '../ledger/archive/desk.ts';
import { type Cover, type CoveredLogs, fitsAnswer } from '../ledger/cover.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ArchivedPorts } from '../ledger/sync/archived-ports.ts';
import type { Address, DialTarget, Network, PeerKey } from '../network/network.ts';
import { isInForce } from '../policy/authority/members.ts';
import type { Introductions } from '../policy/introduction/introductions.ts';
import type { Policies } from '../policy/policies.ts';
import type { Receipts } from '../receipt/receipts.ts';
import { TilesService } from '../receipt/tiles/tiles-service.ts';
import type { Topology } from '../topology/topology.ts';
import type { NodeConfig } from './config.ts';
import type { Backups } from './backup/backups.ts';
import type { NodePaths } from './paths.ts';

interface Ports {
  readonly network: Network;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is there once the policies are, which themselves ask for what is archived. */
export interface Later {
  policies?: Policies;
  topology?: () => Topology;
  introductions?: Pick<Introductions, 'isRefusedBy'>;
  backups?: Pick<Backups, 'isRunning'>;
  addresses?: ArchiveAddresses;
}

/** The keys with the role archive by a grant in force. Read anew each time: who joins or is revoked changes no policy. */
const archivesIn = (policies: Policies | undefined): readonly PeerKey[] => {
  const archives = policies?.members
    .list()
    .filter((member) => isInForce(member) && member.rights.roles.includes('archive'));
  return [...new Set(archives?.map(({ key }) => key))];
};

/** How users know a node: the name of its policy or of its grant, and the address where it can be asked, where that is known. */
const nameOf = (network: Network, { policies, topology, addresses }: Later, key: PeerKey): string | undefined => {
  const policy = topology?.().nodes.find(({ peer }) => peer === key);
  const name = policy?.name ?? policies?.members.list().find((member) => member.key === key)?.name;
  const address =
    policy === undefined
      ? (addresses?.addressOf(key) ?? network.peers().find((peer) => peer.key === key && peer.outbound)?.address)
      : joinAddress({ host: policy.ip, port: policy.port });
  if (name === undefined && address === undefined) return undefined;
  return [name ?? key.slice(0, 16), ...(address === undefined ? [] : [`at ${address}`])].join(' ');
};

const knownArchives = z.record(hash, z.string().max(ADDRESS_CHARS_MAX));

/** Where archives were in an earlier run; none where the file is missing or wrong: peers tell it again. */
const readArchives = async (path: string, log: Logger): Promise<ReadonlyMap<PeerKey, Address>> => {
  try {
    return new Map(Object.entries(knownArchives.parse(JSON.parse(await readFile(path, 'utf8')))));
  } catch (caught) {
    if (systemCode(caught) !== 'ENOENT') log.warn(`${path} is left aside: ${textOf(caught)}`);
    return new Map();
  }
};

/** Learns and tells where archives are, and keeps that in a file. `onChanged`: somebody else may be dialled now. */
export const createArchiveAddresses = async (
  ports: Ports & { readonly file: Pick<StateFile, 'path' | 'keep'> },
  later: Later,
  onChanged: () => void,
): Promise<ArchiveAddresses> => {
  const log = ports.log.child('archive');
  return new ArchiveAddresses({
    ...{ ...ports, log, onChanged },
    known: await readArchives(ports.file.path, log),
    keep: (own) => void ports.file.keep(`${JSON.stringify(Object.fromEntries(own))}\n`),
    archives: () => archivesIn(later.policies),
  });
};

/** Whom a node dials that lacks bodies. */
export const archivesToDial = ({ policies, addresses }: Later): readonly DialTarget[] =>
  (policies?.pruning?.count ?? 0) === 0 ? [] : (addresses?.targets() ?? []);

/** Asks other nodes for what was dropped here. */
export const createArchiveClient = ({ network, ledger, clock, log }: Ports, later: Later): ArchiveClient =>
  new ArchiveClient({
    ...{ network, clock, log: log.child('archive') },
    rootOf: (snapshot) => later.policies?.snapshots.rootOf(snapshot),
    bodyHash: async (entry) => (await ledger.byHash(entry))?.entry.header.body,
    archives: () => archivesIn(later.policies),
    nameOf: (key) => nameOf(network, later, key),
  });

/**
 * What the sync does with entries whose bodies were dropped: gives them with what proves the snapshot, and takes them
 * where nobody in reach has more.
 */
export const archivedPorts = (
  { ledger, log }: Pick<Ports, 'ledger' | 'log'>,
  archive: Pick<ArchiveClient, 'confirmed'>,
  later: Later,
  { tiles, invite }: Pick<NodeConfig, 'tiles' | 'invite'>,
): ArchivedPorts => {
  const offered = createCoverOffer(log.child('archive'));
  return {
    here: () => (later.policies?.pruning?.count ?? 0) > 0,
    async cover() {
      const cover = await later.policies?.snapshots.cover();
      if (cover === undefined) return undefined;
      const held = await Promise.all(cover.proof.map((hash) => ledger.byHash(hash)));
      const proof = held.flatMap((entry) => entry?.entry.raw ?? []);
      return proof.length === held.length ? offered({ proof, logs: cover.logs }) : undefined;
    },
    prove: async (network, proof) => later.policies?.snapshots.prove(network, proof),
    async keepers() {
      const isArchive =
        invite?.roles.includes('archive') === true || archivesIn(later.policies).includes(ledger.author);
      if (tiles !== undefined || isArchive) return undefined;
      return new Set((await archive.confirmed()).map(({ key }) => key));
    },
  };
};

/** Lets through what a peer takes; of anything larger it says once for each snapshot that nobody can begin with this node. */
export const createCoverOffer = (log: Logger): ((cover: Cover) => Cover | undefined) => {
  let said: CoveredLogs | undefined;
  return (cover) => {
    const { proof, logs } = cover;
    const bytes = frameBytesOf(proof);
    const fault =
      bytes > FRAME_BYTES_MAX
        ? `what proves it takes ${bytes} bytes (at most ${FRAME_BYTES_MAX})`
        : `it covers ${logs.entries} entries of ${logs.size} authors (at most ${SYNC_COVERED_MAX} and ${SYNC_AUTHORS_MAX})`;
    if (bytes <= FRAME_BYTES_MAX && fitsAnswer(logs)) return cover;
    if (said !== logs)
      log.warn(`no new node can begin with what this one has: the last snapshot is too large for an answer, ${fault}`, {
        hint: 'who joins needs a node that keeps everything in reach (get archives); blockchain fill history makes this one such',
      });
    said = logs;
    return undefined;
  };
};

const frameBytesOf = (entries: readonly RawEntry[]): number =>
  entries.reduce((sum, { header, body }) => sum + header.byteLength + body.byteLength + 128, 1);

/** Nor is about to: of two nodes that drop at once, each would count on the other. */
const dropsNothing = ({ pruning }: Policies): boolean =>
  pruning === undefined || (pruning.count === 0 && !pruning.busy);

/** Gives others what they have dropped. */
export const createArchiveDesk = ({ network, ledger, clock, log }: Ports, policies: Policies): ArchiveDesk =>
  new ArchiveDesk({
    ...{ network, ledger, clock, log },
    rootOf: (snapshot) => policies.snapshots.rootOf(snapshot),
    keepsAll: () => ledger.network !== undefined && ledger.status().bodies.missing === 0 && dropsNothing(policies),
    leaves: (snapshot) => policies.snapshots.leaves(snapshot),
  });

interface ArchivingPorts extends Ports {
  readonly policies: Policies;
  readonly receipts: Receipts;
  readonly archive: ArchiveClient;
  readonly config: Pick<NodeConfig, 'tiles'>;
  readonly paths: Pick<NodePaths, 'tiles'>;
}

/** Gives others what they have dropped, and keeps the static files where they are asked for or this node has the role archive. */
export const startArchiving = (ports: ArchivingPorts): Resource & Archiving => {
  const { network, ledger, policies, receipts, archive, clock, config, paths } = ports;
  const log = ports.log.child('archive');
  const archives = (): readonly PeerKey[] => archivesIn(policies);
  const desk = createArchiveDesk({ network, ledger, clock, log }, policies);
  const tiles = new TilesService({
    ...{ ledger, clock, log, evidence: receipts.evidence, dir: config.tiles ?? paths.tiles },
    isAsked: () => config.tiles !== undefined || archives().includes(ledger.author),
  });
  return {
    sources: () => archive.sources(),
    confirmed: (signal) => archive.confirmed(signal),
    tiles: () => tiles.status(),
    tilesWork: tiles.works,
    async close() {
      await tiles.close();
      await desk.close();
    },
  };
};
