import { setTimeout as delay } from 'node:timers/promises';
import type { FaultCode } from '../../src/command/health/kinds.ts';
import type { FaultCluster, Name } from './cluster.ts';
import type { Scene } from './kinds.ts';

/** What is true of two nodes whose path is bad, and of the busy machine on which both of them run. */
const MAY_BE_NAMED: ReadonlySet<string> = new Set<FaultCode>([
  ...(['PEER_UNREACHED', 'LEDGER_SYNC_FAILED', 'REPLICATION_FAILED'] as const),
  ...(['PEER_BEHIND', 'BEHIND_PEER', 'FILES_OUT_OF_REACH', 'OPERATOR_UNFILLED'] as const),
  ...(['FILES_WAIT', 'FILES_FAILED', 'DISK_SLOW'] as const),
]);
const LOOK_MS = 250;

const faultsOfAll = async (cluster: FaultCluster): Promise<ReadonlyMap<Name, readonly string[]>> =>
  new Map(await Promise.all(cluster.names.map(async (name) => [name, await cluster.faultsOf(name)] as const)));

/**
 * The path between the two loses, doubles, delays and mixes up packets, or lets through little at a time: no node may
 * take the other for ill or for hostile on account of it.
 */
export const badPath = async ({ cluster, random }: Scene): Promise<string> => {
  const before = await faultsOfAll(cluster);
  const done = cluster.spoilPaths(random);
  const endMs = performance.now() + random.integer(2_000, 12_000);
  try {
    while (performance.now() < endMs) {
      await delay(LOOK_MS);
      for (const [name, codes] of await faultsOfAll(cluster)) {
        const wrong = codes.filter((code) => !MAY_BE_NAMED.has(code) && before.get(name)?.includes(code) !== true);
        if (wrong.length > 0) throw new Error(`${done}: ${name} names ${wrong.join(', ')}`);
      }
    }
  } finally {
    cluster.heal();
  }
  return done;
};
