import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { ArchiveClient } from '../../../src/ledger/archive/client.ts';
import { ArchiveDesk } from '../../../src/ledger/archive/desk.ts';
import { createMemoryHub } from '../../../src/network/memory.ts';
import { snapshotKey } from '../../../src/policy/snapshot/act.ts';
import { cluster, firstNode, joined, pass } from '../../support/policy-node.ts';

test('what a snapshot has settled, and the bodies under it, come to a node that asks for them', async () => {
  const first = await firstNode();
  for (let number = 0; number < 5; number += 1) await first.policies.insert(cluster(`c${number}`));
  const { act } = await first.policies.snapshots.make();
  const second = await joined(first);
  await pass(first, second);
  const hub = createMemoryHub({ clock: systemClock, random: systemRandom });
  const [here, there] = [first, second].map(({ ledger }) => hub.node({ key: ledger.author }));
  const ports = { clock: systemClock, log: silentLogger };
  const desk = new ArchiveDesk({
    ...{ ...ports, network: here!, ledger: first.ledger, keepsAll: () => true },
    rootOf: (snapshot) => first.policies.snapshots.rootOf(snapshot),
    leaves: (snapshot) => first.policies.snapshots.leaves(snapshot),
  });
  await there!.dial({ address: here!.address });
  const client = new ArchiveClient({
    ...{ ...ports, network: there!, archives: () => [first.ledger.author], nameOf: () => undefined },
    rootOf: (snapshot) => second.policies.snapshots.rootOf(snapshot),
    bodyHash: async (entry) => (await second.ledger.byHash(entry))?.entry.header.body,
  });

  const snapshot = snapshotKey(act);
  expect(second.policies.snapshots.rootOf(snapshot)).toBe(act.root);
  const leaves = await client.leaves(snapshot);
  expect(leaves).toHaveLength(5);
  expect(leaves?.map((leaf) => Buffer.from(leaf).toString())).toEqual(
    (await second.policies.snapshots.leaves(snapshot))?.map((leaf) => Buffer.from(leaf).toString()),
  );
  const held = await first.ledger.follow(0, 100);
  const bodies = new Map(held.map(({ entry }) => [entry.hash, Buffer.from(entry.raw.body)]));
  const found = new Map<string, Buffer>();
  for await (const { hash, body } of client.bodies([...bodies.keys()])) found.set(hash, Buffer.from(body));
  expect(found).toEqual(bodies);
  expect(await client.leaves('0'.repeat(64))).toBeUndefined();
  expect(there!.expelled()).toEqual([]);
  await client.close();
  await desk.close();
  for (const network of [here!, there!]) await network.close();
});
