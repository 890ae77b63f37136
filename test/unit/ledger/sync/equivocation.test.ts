import { describe, expect, test } from 'vitest';
import type { RawEntry } from '../../../../src/entry/entry.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../../src/ledger/memory-ledger.ts';
import { holdTheSame, proposal, seedOf, startSyncPair, type SyncNode } from '../../../support/sync-world.ts';
import { createVirtualClock } from '../../../support/virtual-clock.ts';

describe('equivocation', () => {
  /** One key, two ledgers that part after a common entry. */
  const twoFaces = async (from: SyncNode): Promise<[MemoryLedger, MemoryLedger]> => {
    const genesis = (await from.ledger.byHash(from.ledger.network ?? ''))?.entry.raw as RawEntry;
    const faces = await Promise.all(
      [0, 1].map(async () => {
        const face = await createMemoryLedger({ seed: seedOf(99), clock: createVirtualClock() });
        await face.offer([genesis], 'x');
        face.allowAppend();
        return face;
      }),
    );
    const [one, two] = [faces[0]!, faces[1]!];
    const common = await one.append(proposal(1));
    await two.offer([common.entry.raw], 'x');
    await one.append(proposal(2));
    await two.append(proposal(3));
    return [one, two];
  };
  const all = async (ledger: MemoryLedger, author: string): Promise<RawEntry[]> =>
    (await ledger.log(author, 1, 1_000_000)).map(({ entry }) => entry.raw);

  test('L10 the proof reaches every node, also one that joins later', async () => {
    const { clock, start, a, b } = await startSyncPair();
    const [one, two] = await twoFaces(a);
    await a.ledger.offer(await all(one, one.author), 'x');
    await b.ledger.offer(await all(two, two.author), 'x');
    await clock.runUntil(() => [a, b].every(({ ledger }) => ledger.equivocations().length === 1), 3_000);
    expect(holdTheSame(a, b)).toBe(true);
    const late = await start();
    late.network.keepDialled([{ address: b.network.address }]);
    await clock.runUntil(() => holdTheSame(a, b, late), 3_000);
    expect(late.ledger.equivocations()).toMatchObject([{ author: one.author, seq: 2 }]);
  });
});
