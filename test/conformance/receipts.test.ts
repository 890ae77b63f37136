import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { merkleRoot } from '../../src/codec/merkle.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory.ts';
import type { Network, PeerKey } from '../../src/network/network.ts';
import { leafOfEntry, readTlogProof, tlogProof } from '../../src/receipt/evidence.ts';
import { readSplitView, splitViewJson } from '../../src/receipt/split-view.ts';
import { witnessesOf } from '../../src/receipt/witness.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';
import { LyingLog } from '../support/lying-log.ts';
import { type ReceiptNode, startReceiptNode } from '../support/receipt-node.ts';
import { proposal } from '../support/sync-world.ts';
import { waitFor } from '../support/wait.ts';

interface Form {
  readonly name: string;
  readonly begin: () => (seed: Buffer, key: PeerKey) => Promise<Network> | Network;
}

const FORMS: readonly Form[] = [
  {
    name: 'in one process',
    begin: () => {
      const hub: MemoryHub = createMemoryHub({ clock: systemClock, random: systemRandom });
      return (_, key) => hub.node({ key });
    },
  },
  { name: 'over libp2p', begin: () => (seed) => startTestNetwork({ seed }) },
];

const nowSeconds = (): number => Math.floor(systemClock.wallMs() / 1_000);

describe.each(FORMS)('receipts $name', ({ begin }) => {
  let dir: string;
  let network: (seed: Buffer, key: PeerKey) => Promise<Network> | Network;
  let registered: Set<PeerKey>;
  /** Who is or was registered. */
  let counting: Set<PeerKey>;
  let nodes: ReceiptNode[];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-receipts-'));
    network = begin();
    registered = new Set();
    counting = new Set();
    nodes = [];
  });
  afterEach(async () => {
    for (const node of nodes) await node.close();
    await rm(dir, { recursive: true, force: true });
  });

  const start = async (seed = randomBytes(32)): Promise<ReceiptNode> => {
    const node = await startReceiptNode({ dir, registered, counting, network, seed });
    nodes.push(node);
    registered.add(node.key);
    counting.add(node.key);
    return node;
  };
  /** Nodes of one network, each connected to the first. */
  const startAll = async (count: number): Promise<readonly ReceiptNode[]> => {
    const first = await start();
    await first.ledger.createNetwork('receipts', 'open');
    for (let at = 1; at < count; at += 1) {
      const other = await start();
      for (const each of nodes.slice(0, -1)) await other.network.dial({ address: each.network.address });
    }
    await waitFor(() =>
      nodes.every(({ ledger }) => ledger.status().mayAppend && ledger.size === nodes[0]?.ledger.size),
    );
    return nodes;
  };
  const cosigned = async (node: ReceiptNode, size: number, by: number): Promise<void> => {
    await waitFor(
      () => {
        const newest = node.receipts.evidence.newest();
        return newest?.size === size && newest.cosignatures.length === by;
      },
      {
        what: () => `${by} cosignatures of ${size}: ${node.receipts.evidence.newest()?.note ?? 'nothing'}`,
      },
    );
  };

  test('of a node that has just begun its network: who waits for it finds it signed', async () => {
    const node = await start();
    await node.receipts.firstSigned();
    expect(node.receipts.evidence.newest()).toBeUndefined();
    await node.ledger.createNetwork('receipts', 'open');
    await node.receipts.firstSigned();
    expect(node.receipts.evidence.newest()?.size).toBe(1);
  });

  test('of two nodes: each signs what it accepted in its order, and the other witnesses it', async () => {
    const [a, b] = (await startAll(2)) as [ReceiptNode, ReceiptNode];
    await Promise.all([a.ledger.append(proposal(1)), b.ledger.append(proposal(2))]);
    await waitFor(() => a.ledger.size === 3 && b.ledger.size === 3);
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const) {
      await cosigned(node, 3, 1);
      const checkpoint = node.receipts.evidence.newest();
      if (checkpoint === undefined) throw new Error('no checkpoint');
      expect(checkpoint.cosignatures[0]?.witness).toBe(other.key);
      const entries = await node.receipts.evidence.entries(0, 3);
      const arrived = (await node.ledger.follow(0, 10)).map(({ entry }) => entry.hash);
      expect(entries).toEqual(arrived);
      expect(merkleRoot(entries.map(leafOfEntry))).toEqual(checkpoint.root);
      const proof = await node.receipts.evidence.inclusion(1, 3);
      expect(readTlogProof(tlogProof(1, proof, checkpoint), entries[1] ?? '')).toEqual({ index: 1, checkpoint });
      expect(node.receipts.evidence.indexOf(entries[2] ?? '')).toBe(2);
    }
    const [first] = await a.receipts.evidence.entries(0, 1);
    const named = await b.receipts.named(first ?? '');
    expect(named.map((each) => 'checkpoint' in each && each.index)).toEqual([0, 0]);
    expect((await b.receipts.named('00'.repeat(32))).every((each) => 'error' in each)).toBe(true);
  });

  test('of a log that is witnessed: damaged files are told of with what to do, and after that they are filled again', async () => {
    const [a, seed] = [await start(), randomBytes(32)];
    await a.ledger.createNetwork('receipts', 'open');
    const startWitness = async (): Promise<ReceiptNode> => {
      const node = await start(seed);
      await node.network.dial({ address: a.network.address });
      await waitFor(() => node.ledger.size === a.ledger.size);
      return node;
    };
    const stop = async (node: ReceiptNode): Promise<void> => {
      nodes = nodes.filter((each) => each !== node);
      await node.close();
    };
    let b = await startWitness();
    await a.ledger.append(proposal(1));
    await cosigned(a, 2, 1);
    await stop(b);
    const logs = join(dir, b.key.slice(0, 8), 'witnessed', a.key);
    const path = join(logs, (await readdir(logs))[0] ?? '', 'checkpoints');
    await writeFile(path, 'rubbish\n');
    b = await startWitness();
    await a.ledger.append(proposal(2));
    await waitFor(() => b.receipts.damages().length > 0);
    const { hint } = b.receipts.damages()[0] ?? {};
    expect(hint).toContain('stop the node, move that file away and start it again');
    expect((await b.receipts.status()).witnessed).toMatchObject([{ failure: `${path} is damaged at byte 0` }]);
    await stop(b);
    await rename(path, `${path}.old`);
    b = await startWitness();
    await cosigned(a, 3, 1);
    expect(b.receipts.damages()).toEqual([]);
  });

  test('of three: what a node knew is told by it and, once it is gone, by its witnesses; it never changes', async () => {
    const [a, b, c] = (await startAll(3)) as [ReceiptNode, ReceiptNode, ReceiptNode];
    await a.ledger.append(proposal(1));
    await cosigned(a, 2, 2);
    const then = nowSeconds();
    const before = await b.receipts.knownAt(a.key, then);
    expect(before.entries).toEqual(await a.receipts.evidence.entries(0, 2));
    expect(before.source).toBe(a.key);
    await waitFor(() => nowSeconds() > then);
    await b.ledger.append(proposal(2));
    for (const node of [a, b, c]) await cosigned(node, 3, 2);
    expect(await c.receipts.knownAt(a.key, then)).toEqual({ ...before, final: true });
    expect((await c.receipts.knownAt(a.key, nowSeconds())).entries).toHaveLength(3);
    expect(await a.receipts.knownAt(a.key, then)).toEqual({ ...before, final: true });
    await waitFor(async () =>
      (await c.receipts.status()).witnessed.every(({ size, copied }) => size === 3 && copied === 3),
    );
    await a.close();
    nodes.splice(nodes.indexOf(a), 1);
    const after = await c.receipts.knownAt(a.key, then);
    expect(after.entries).toEqual(before.entries);
    expect([b.key, c.key]).toContain(after.source);
    await expect(c.receipts.knownAt(a.key, 1_000)).rejects.toThrow(
      expect.objectContaining({ code: 'RECEIPT_UNKNOWN' }) as Error,
    );
    expect(a.receipts.splits()).toEqual([]);
    expect(b.receipts.splits()).toEqual([]);
  });

  test('of two, and one that comes later: who witnessed it and is registered no more still tells it', async () => {
    const [a, b] = (await startAll(2)) as [ReceiptNode, ReceiptNode];
    await a.ledger.append(proposal(1));
    await cosigned(a, 2, 1);
    const then = nowSeconds();
    await waitFor(async () => (await b.receipts.status()).witnessed.some(({ copied }) => copied === 2));
    const before = await b.receipts.knownAt(a.key, then);
    registered.delete(a.key);
    registered.delete(b.key);
    const c = await start();
    await c.network.dial({ address: b.network.address });
    await waitFor(() => c.ledger.size === 2);
    await a.close();
    nodes.splice(nodes.indexOf(a), 1);
    for (const asked of [b, c]) {
      const { entries, source } = await asked.receipts.knownAt(a.key, then);
      expect(entries).toEqual(before.entries);
      expect(source).toBe(b.key);
    }
    counting.delete(b.key);
    await expect(c.receipts.knownAt(a.key, then)).rejects.toThrow('no node that is registered, or was by then');
  });

  test('a node without witnesses signs for itself, and asks them once they are there', async () => {
    const a = await start();
    await a.ledger.createNetwork('receipts', 'open');
    await cosigned(a, 1, 0);
    await expect(a.receipts.knownAt(a.key, nowSeconds())).rejects.toThrow('witness');
    const b = await start();
    await b.network.dial({ address: a.network.address });
    await cosigned(a, 1, 1);
    expect((await a.receipts.knownAt(a.key, nowSeconds())).entries).toEqual([a.ledger.network]);
  });

  describe('a node that shows two histories', () => {
    /** Three honest nodes, of which two witness the liar, connected with all. */
    const withLiar = async (parting: number, givesEntries = true) => {
      const honest = await startAll(3);
      const seed = randomBytes(32);
      const key = signingKeyFromSeed(seed).author;
      const liarNetwork = await network(seed, key);
      const liar = new LyingLog(liarNetwork, seed, honest[0]?.ledger.network ?? '', parting, givesEntries);
      registered.add(key);
      for (const node of honest) await liarNetwork.dial({ address: node.network.address });
      const chosen = witnessesOf(honest[0]?.ledger.network ?? '', key, registered);
      const [first, second] = honest.filter((node) => chosen.includes(node.key)) as [ReceiptNode, ReceiptNode];
      return { honest, liar, first, second, close: () => liarNetwork.close() };
    };
    const convictedBy = (node: ReceiptNode, liar: LyingLog): boolean =>
      node.receipts.splits().some(({ newer }) => newer.origin.node === liar.key);

    test.each([
      ['of different sizes', 40, 300],
      ['of different sizes, the larger one first', 300, 40],
      ['of one size', 40, 40],
    ])('to two witnesses, %s, is caught by every node', async (_, one, two) => {
      const { honest, liar, first, second, close } = await withLiar(20);
      let announced: unknown;
      first.receipts.notices.on('receipt:split', (split) => {
        announced = split;
      });
      expect((await liar.show(first.key, 0, one)).answer).toBe('cosigned');
      expect((await liar.show(second.key, 1, two)).answer).toBe('cosigned');
      await waitFor(() => honest.every((node) => convictedBy(node, liar)));
      const [split] = second.receipts.splits();
      if (split === undefined) throw new Error('no proof');
      expect(readSplitView(splitViewJson(split))).toEqual(split);
      await waitFor(() => announced !== undefined);
      // No honest witness signs for it again.
      await expect(liar.show(first.key, 0, 350)).rejects.toThrow('two histories');
      // One that comes later learns it too.
      const late = await start();
      await late.network.dial({ address: first.network.address });
      await waitFor(() => convictedBy(late, liar));
      await close();
    });

    test('to one witness is caught by it, and is not cosigned', async () => {
      const { honest, liar, first, close } = await withLiar(20);
      expect((await liar.show(first.key, 0, 40)).answer).toBe('cosigned');
      await waitFor(async () => (await first.receipts.status()).witnessed.some(({ copied }) => copied === 40));
      await waitFor(async () => {
        await expect(liar.show(first.key, 1, 60)).rejects.toThrow('two histories');
        return true;
      });
      await waitFor(() => honest.every((node) => convictedBy(node, liar)));
      await close();
    });

    test('and gives no entries is not convicted without proof, and not cosigned any more', async () => {
      const { honest, liar, first, second, close } = await withLiar(20, false);
      expect((await liar.show(first.key, 0, 40)).answer).toBe('cosigned');
      expect((await liar.show(second.key, 1, 300)).answer).toBe('cosigned');
      await expect(waitFor(() => liar.show(second.key, 1, 310), { timeoutMs: 2_000 })).rejects.toThrow();
      expect(honest.flatMap((node) => node.receipts.splits())).toEqual([]);
      await close();
    });
  });
});
