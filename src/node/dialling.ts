import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { textOf } from '../base/errors.ts';
import { isHost, joinAddress } from '../base/host.ts';
import { DIAL_TARGETS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { StateFile } from '../base/state-file.ts';
import type { Address, DialTarget, Network } from '../network/network.ts';
import type { NodeInfo, Topology } from '../topology/topology.ts';

/**
 * Whom a node keeps dialling: its seeds, every node that a policy names, where the policy's key must answer, and others
 * it needs that no policy names. Never itself.
 */
const dialTargets = (
  seeds: readonly Address[],
  nodes: readonly NodeInfo[],
  self: { readonly key: string; readonly address: Address },
  needed: readonly DialTarget[],
): readonly DialTarget[] => {
  const targets = new Map<Address, DialTarget>();
  for (const address of seeds) targets.set(address, { address });
  for (const { ip, port, peer } of nodes) {
    // Dialled for ever in vain it would be a fault of every node; `blockchain test` names the policy.
    if (!isHost(ip)) continue;
    const address = joinAddress({ host: ip, port });
    if (peer !== self.key) targets.set(address, { address, key: peer });
  }
  const named = new Set(nodes.map(({ peer }) => peer));
  for (const target of needed)
    if (!named.has(target.key) && !targets.has(target.address)) targets.set(target.address, target);
  targets.delete(self.address);
  return [...targets.values()].slice(0, DIAL_TARGETS_MAX);
};

const addressList = z.array(z.string()).max(DIAL_TARGETS_MAX);

/**
 * The seeds of earlier starts, so that a node finds its network again without being told; none where the file is
 * missing or wrong.
 */
const readSeeds = async (path: string, log: Logger): Promise<readonly Address[]> => {
  try {
    return addressList.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (caught) {
    if (!textOf(caught).includes('ENOENT')) log.warn(`${path} is left aside: ${textOf(caught)}`);
    return [];
  }
};

/** Which addresses the node dials. */
export interface Dialling {
  /** Adds an address to those that are dialled for ever, also at later starts. */
  addSeed(address: Address): Promise<void>;
  /**
   * The address leads to another network: it is dialled until the node stops, so that this shows, and not remembered.
   */
  forget(address: Address): Promise<void>;
  /** Takes up the policies as they are now. */
  refresh(): void;
}

/** Keeps the network dialling whom seeds and policies name. */
export const createDialling = async (ports: {
  readonly network: Pick<Network, 'self' | 'address' | 'keepDialled'>;
  readonly topology: () => Pick<Topology, 'nodes'>;
  readonly seeds: readonly Address[];
  /** Nodes that are to be reached just now beside those. */
  readonly needed: () => readonly DialTarget[];
  /** Keeps the seeds. */
  readonly file: Pick<StateFile, 'path' | 'keep'>;
  readonly log: Logger;
}): Promise<Dialling> => {
  const { network, topology, needed, file, log } = ports;
  const self = { key: network.self, address: network.address };
  const seeds = new Set<Address>([...ports.seeds, ...(await readSeeds(file.path, log))]);
  const remembered = new Set(seeds);
  const keep = (): Promise<void> => file.keep(`${JSON.stringify([...remembered])}\n`);
  const refresh = (): void => network.keepDialled(dialTargets([...seeds], topology().nodes, self, needed()));
  if (ports.seeds.length > 0) await keep();
  return {
    refresh,
    async addSeed(address) {
      seeds.add(address);
      remembered.add(address);
      refresh();
      await keep();
    },
    async forget(address) {
      if (remembered.delete(address)) await keep();
    },
  };
};
