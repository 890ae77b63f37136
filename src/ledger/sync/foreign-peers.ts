import type { Logger } from '../../base/log.ts';
import type { Address, Network, PeerKey } from '../../network/network.ts';
import type { Ledger } from '../ledger.ts';
import type { PeerRecord } from './peer-records.ts';

/** The own network, by which others are foreign, and how peers are connected. */
export interface ForeignPeersPorts {
  readonly ledger: Pick<Ledger, 'network' | 'byHash'>;
  readonly network: Pick<Network, 'peers'>;
  readonly log: Logger;
  /** Told the address of a node that this one dials and that belongs to another network. */
  readonly onForeignSeed?: (address: Address) => void;
}

/**
 * Says of peers that they belong to another network: once, for each is redialled, and found foreign again, for as long
 * as its address is known.
 */
export class ForeignPeers {
  readonly #ports: ForeignPeersPorts;

  constructor(ports: ForeignPeersPorts) {
    this.#ports = ports;
  }

  met(peer: PeerKey, record: Pick<PeerRecord, 'foreign'>, theirs: string): void {
    const { network, ledger, log, onForeignSeed } = this.#ports;
    const met = network.peers().find(({ key }) => key === peer);
    const known = record.foreign;
    const address = met?.address ?? known?.address ?? '';
    const dialled = met?.outbound === true || known?.dialled === true;
    record.foreign = { network: theirs, address, dialled };
    if (dialled) onForeignSeed?.(address);
    if (known?.network === theirs && known.dialled === dialled) return;
    void ownNetworkName(ledger).then((name) => {
      const text = `the node at ${address} belongs to the network ${theirs}, this node to "${name}" (${ledger.network})`;
      if (!dialled) log.warn(`${text}: nothing is exchanged with it`, { peer });
      else log.error(`${text}: start without that seed, or with another --dir to join that network`, { peer });
    });
  }
}

/**
 * The name in the genesis entry, for a peer's users to read; empty where the entry is damaged here, which `status`
 * tells.
 */
const ownNetworkName = async (ledger: ForeignPeersPorts['ledger']): Promise<string> => {
  // It rejects only where the ledger closes meanwhile.
  const genesis = ledger.network === undefined ? undefined : await ledger.byHash(ledger.network).catch(() => undefined);
  const name = genesis?.entry.content['name'];
  return typeof name === 'string' ? name : '';
};
