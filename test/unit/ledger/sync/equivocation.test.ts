import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../../src/codec/hash.ts';
import type { RawEntry } from '../../../../src/entry/entry.ts';
import type { Ledger } from '../../../../src/ledger/ledger.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../../src/ledger/memory-ledger.ts';
import { holdsAll, type LogEntry } from '../../../../src/ledger/sync/same-log.ts';
import { holdingsOf } from '../../../../src/ledger/sync/state.ts';
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

  test('who holds another branch of a log does not hold this one, whatever its number; nor is it known of a newer one', async () => {
    const { a } = await startSyncPair();
    const [one, two] = await twoFaces(a);
    const mine = await all(one, one.author);
    await a.ledger.offer(mine, 'x');
    const [common, own] = mine.map((raw, at) => ({ author: one.author, seq: at + 1, hash: sha256Hex(raw.header) }));
    const holds = (entry: LogEntry | undefined, { ledger }: { readonly ledger: Ledger }): Promise<boolean> =>
      holdsAll([entry!], holdingsOf(ledger), () => holdingsOf(a.ledger), a.ledger);
    const [same, other] = [{ ledger: one }, { ledger: two }];
    expect([await holds(common, same), await holds(own, same)]).toEqual([true, true]);
    expect(await holds(own, other)).toBe(false);
    await two.append(proposal(4));
    expect(await holds(own, other)).toBe(false);
    // Its log may part from this one anywhere.
    await one.append(proposal(5));
    expect(await holds(common, same)).toBe(false);
    await a.ledger.offer(await all(one, one.author), 'x');
    expect(await holds(own, same)).toBe(true);
    // Once the fork is known nothing of its void part is held by anybody, as far as this tells.
    await a.ledger.offer(await all(two, two.author), 'x');
    expect(await holds(own, same)).toBe(false);
    expect(await holds(common, a)).toBe(true);
  });

  test('who is behind on a log holds its beginning', async () => {
    const { a, b } = await startSyncPair();
    const [one] = await twoFaces(a);
    const log = await all(one, one.author);
    await a.ledger.offer(log, 'x');
    await b.ledger.offer(log.slice(0, 1), 'x');
    const at = (index: number): LogEntry => ({
      author: one.author,
      seq: index + 1,
      hash: sha256Hex(log[index]!.header),
    });
    const holds = (entries: readonly LogEntry[]): Promise<boolean> =>
      holdsAll(entries, holdingsOf(b.ledger), () => holdingsOf(a.ledger), a.ledger);
    expect([await holds([at(0)]), await holds([at(0), at(1)])]).toEqual([true, false]);
  });
});
