import { describe, expect, test } from 'vitest';
import { createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createAuthor, everythingOf, offerAll, proposal, seedOf } from '../support/ledger-authors.ts';
import { waitFor } from '../support/wait.ts';
import { type LedgerFactory, ME, useLedger } from '../support/ledger-world.ts';

/** What every form of the `Ledger` port does while its disk fails, and when it works again. */
export const describeFailingDisk = (form: string, create: LedgerFactory): void => {
  const world = useLedger(create);
  const seqs = async (): Promise<number[]> =>
    (await world.ledger.follow(0, 1_000)).map(({ entry }) => entry.header.seq);

  /** Pauses pass in virtual time, what is done to files takes real time. */
  const writesGoOn = (): Promise<unknown> =>
    waitFor(async () => {
      await world.clock.advance(1_000);
      return world.ledger.status().failure === undefined;
    });

  describe.each(['full', 'torn', 'sync', 'read-only'] as const)(`ledger (${form}): a disk that fails (%s)`, (fault) => {
    test('refuses writes with cause and next step, serves reads, and goes on by itself', async () => {
      await world.ledger.createNetwork('plant', 'open');
      await world.ledger.append(proposal(1));
      world.under.fail(fault);
      for (let number = 0; number < 3; number += 1)
        await expect(world.ledger.append(proposal(2))).rejects.toMatchObject({
          code: 'LEDGER_DISK_FAILED',
          data: { reason: expect.stringMatching(/^E[A-Z]+$/) as string },
          hint: expect.stringContaining('by itself') as string,
        });
      expect(world.ledger.status().failure).toMatch(/E[A-Z]+/);
      expect(await seqs()).toEqual([1, 2]);
      await world.clock.advance(60_000);
      await expect(world.ledger.append(proposal(2))).rejects.toMatchObject({ code: 'LEDGER_DISK_FAILED' });

      world.under.fail(undefined);
      await writesGoOn();
      const held = await world.ledger.append(proposal(3));
      expect(held.entry.header.seq).toBe(3);
      expect(await seqs()).toEqual([1, 2, 3]);
      world.ledger = await world.under.reopen();
      expect(await seqs()).toEqual([1, 2, 3]);
      expect(world.ledger.heads().get(world.ledger.author)).toBe(held.entry.hash);
    });

    test('entries of others are ignored meanwhile, and taken up when they come again', async () => {
      await world.joined();
      const alice = createAuthor(2, world.genesis);
      const entries = [alice.next(), alice.next()];
      world.under.fail(fault);
      expect(await offerAll(world.ledger, entries)).toEqual(Array(2).fill('ignore LEDGER_DISK_FAILED'));
      expect(world.ledger.clock().get(alice.author)).toBeUndefined();
      world.under.fail(undefined);
      await writesGoOn();
      expect(await offerAll(world.ledger, entries)).toEqual(['accept', 'accept']);
      expect(world.ledger.clock().get(alice.author)).toBe(2);
    });

    test('a number is never seen with two entries, also over a crash meanwhile', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const peer = await createMemoryLedger({ seed: seedOf(ME + 1), clock: world.clock });
      const show = async (): Promise<void> => {
        await peer.offer(await everythingOf(world.ledger), world.ledger.author);
      };
      await show();
      world.under.fail(fault);
      await expect(world.ledger.append(proposal(1))).rejects.toMatchObject({ code: 'LEDGER_DISK_FAILED' });
      world.ledger = await world.under.reopen('crash');
      world.under.fail(undefined);
      await writesGoOn();
      await show();
      world.ledger.allowAppend();
      await world.ledger.append(proposal(2));
      await show();
      expect(peer.equivocations()).toEqual([]);
      expect(peer.version).toBe(world.ledger.version);
      const seen = await seqs();
      expect(seen).toEqual(seen.map((_, at) => at + 1));
      await peer.close();
    });
  });
};
