import type { Clock } from '../base/clock.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import type { Archiving } from '../command/context.ts';
import { ArchiveClient } from '../ledger/archive/client.ts';
import { ArchiveDesk } from '../ledger/archive/desk.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Network, PeerKey } from '../network/network.ts';
import { isInForce } from '../policy/authority/members.ts';
import type { Policies } from '../policy/policies.ts';
import type { Receipts } from '../receipt/receipts.ts';
import { TilesService } from '../receipt/tiles/tiles-service.ts';
import type { Topology } from '../topology/topology.ts';
import type { NodeConfig } from './config.ts';
import type { NodePaths } from './paths.ts';

interface ArchivingPorts {
  readonly network: Network;
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly receipts: Receipts;
  readonly topology: () => Topology;
  readonly config: Pick<NodeConfig, 'tiles'>;
  readonly paths: Pick<NodePaths, 'tiles'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Whether a key has the role archive. */
const archivesOf = ({ members }: Policies): readonly PeerKey[] => [
  ...new Set(
    members
      .list()
      .filter((member) => isInForce(member) && member.rights.roles.includes('archive'))
      .map(({ key }) => key),
  ),
];

/** How users know a node: the name of its policy or of its grant, and the address where it can be asked, where that is known. */
const nameOf = ({ network, policies, topology }: ArchivingPorts, key: PeerKey): string | undefined => {
  const policy = topology().nodes.find(({ peer }) => peer === key);
  const name = policy?.name ?? policies.members.list().find((member) => member.key === key)?.name;
  const address =
    policy === undefined
      ? network.peers().find((peer) => peer.key === key && peer.outbound)?.address
      : `${policy.ip.includes(':') ? `[${policy.ip}]` : policy.ip}:${policy.port}`;
  if (name === undefined && address === undefined) return undefined;
  return [name ?? key.slice(0, 16), ...(address === undefined ? [] : [`at ${address}`])].join(' ');
};

/** What the node keeps for others, and where it finds what it has dropped itself. */
export interface NodeArchiving extends Resource, Archiving {
  readonly client: ArchiveClient;
}

/** Gives others what they have dropped, asks them, and keeps the static files where they are asked for or this node has the role archive. */
export const startArchiving = (ports: ArchivingPorts): NodeArchiving => {
  const { network, ledger, policies, receipts, clock, config, paths } = ports;
  const log = ports.log.child('archive');
  const rootOf = (snapshot: string): string | undefined => policies.snapshots.rootOf(snapshot);
  new ArchiveDesk({
    ...{ network, ledger, clock, rootOf, log },
    keepsAll: () => ledger.network !== undefined && ledger.status().bodies.missing === 0,
    leaves: (snapshot) => policies.snapshots.leaves(snapshot),
  });
  const client = new ArchiveClient({
    ...{ network, clock, rootOf, log },
    bodyHash: async (entry) => (await ledger.byHash(entry))?.entry.header.body,
    archives: () => archivesOf(policies),
    nameOf: (key) => nameOf(ports, key),
  });
  const tiles = new TilesService({
    ...{ ledger, clock, log, evidence: receipts.evidence, dir: config.tiles ?? paths.tiles },
    isAsked: () => config.tiles !== undefined || archivesOf(policies).includes(ledger.author),
  });
  return {
    client,
    sources: () => client.sources(),
    tiles: () => tiles.status(),
    async close() {
      await tiles.close();
      await client.close();
    },
  };
};
