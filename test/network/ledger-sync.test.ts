import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createLedgerSync } from '../../src/ledger/sync/ledger-sync.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';
import { proposal } from '../support/sync-world.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const startNode = async () => {
  const seed = randomBytes(32);
  const ledger = await createMemoryLedger({ seed });
  const network = await startTestNetwork({ seed });
  network.keepDialled([]);
  const sync = createLedgerSync({ ledger, network, clock: systemClock, random: systemRandom, log: silentLogger });
  closing.push(async () => {
    await sync.close();
    await network.close();
    await ledger.close();
  });
  return { ledger, network, sync };
};
type Node = Awaited<ReturnType<typeof startNode>>;

const sameVersion = (nodes: readonly Node[]): boolean => new Set(nodes.map(({ ledger }) => ledger.version)).size === 1;

test('over real TCP: joining, live appends, a cut path, and knowing who holds what', async () => {
  const [a, b, c] = [await startNode(), await startNode(), await startNode()];
  const nodes = [a, b, c];
  const path = await startTcpProxy(b.network.address);
  closing.push(() => path.close());
  expect(a.ledger.author).toBe(a.network.self);
  await a.ledger.createNetwork('real', 'open');
  a.network.keepDialled([{ address: path.address, key: b.network.self }]);
  c.network.keepDialled([{ address: b.network.address }]);
  await Promise.all(nodes.map(({ sync }) => sync.ownLogKnown()));
  await waitFor(() => b.ledger.network !== undefined && sameVersion(nodes));
  await waitFor(() => nodes.every(({ ledger }) => ledger.status().mayAppend));

  for (const [at, { ledger }] of nodes.entries()) await ledger.append(proposal(at));
  await waitFor(() => sameVersion(nodes), { timeoutMs: 3_000 });
  expect(a.ledger.size).toBe(4);
  await waitFor(() => a.sync.holders(a.ledger.author, 2).has(b.ledger.author), { timeoutMs: 3_000 });

  path.cut();
  await waitFor(() => a.network.peers().length === 0, { timeoutMs: 5_000 });
  await Promise.all(Array.from({ length: 1_000 }, (_, at) => a.ledger.append(proposal(1_000 + at))));
  await Promise.all(Array.from({ length: 1_000 }, (_, at) => c.ledger.append(proposal(5_000 + at))));
  path.heal();
  await waitFor(() => sameVersion(nodes), { timeoutMs: 15_000 });
  expect(b.ledger.size).toBe(2_004);
});
