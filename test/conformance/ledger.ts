import { fault } from '../../src/base/errors.ts';
import { describe, expect, test } from 'vitest';
import { LEDGER_FOLLOW_ENTRIES_MAX } from '../../src/base/limits.ts';
import { parseEntry, signatureHolds } from '../../src/entry/check.ts';
import type { Cursor, HeldEntry } from '../../src/ledger/ledger.ts';
import {
  convergentState,
  createAuthor,
  everythingOf,
  offerAll,
  proposal,
  seedOf,
  START_MICROS,
  verdictOf,
} from '../support/ledger-authors.ts';
import { type LedgerFactory, ME, useLedger } from '../support/ledger-world.ts';

/** What every form of the `Ledger` port must do: the own log, reading, two nodes, its end. */
export const describeLedger = (form: string, create: LedgerFactory): void => {
  const world = useLedger(create);

  describe(`ledger (${form}): the own log`, () => {
    test('a node without a network holds nothing and appends nothing', async () => {
      expect(world.ledger.network).toBeUndefined();
      expect(world.ledger.size).toBe(0);
      expect([...world.ledger.clock()]).toEqual([]);
      expect(await world.ledger.follow(0, 10)).toEqual([]);
      await expect(world.ledger.append(proposal(1))).rejects.toMatchObject({ code: 'LEDGER_NO_NETWORK' });
    });

    test('the genesis entry names the network, its author and its root', async () => {
      const held = await world.ledger.createNetwork('plant', 'open');
      expect(world.ledger.network).toBe(held.entry.hash);
      expect(held.entry.content).toEqual({ v: 1, name: 'plant', admission: 'open', roots: [world.ledger.author] });
      expect(held.cursor).toBe(0);
      await expect(world.ledger.createNetwork('again', 'open')).rejects.toMatchObject({
        code: 'LEDGER_NETWORK_EXISTS',
      });
    });

    test('appends link to one another and carry the genesis as their cap', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const [first, second] = await Promise.all([world.ledger.append(proposal(1)), world.ledger.append(proposal(2))]);
      expect(first.entry.header).toMatchObject({
        seq: 2,
        prev: world.ledger.network,
        cap: world.ledger.network,
        parents: [],
      });
      expect(second.entry.header).toMatchObject({ seq: 3, prev: first.entry.hash });
      expect(second.entry.header.time).toBeGreaterThan(first.entry.header.time);
      expect(world.ledger.heads().get(world.ledger.author)).toBe(second.entry.hash);
      expect(world.ledger.clock().get(world.ledger.author)).toBe(3);
      for (const { entry } of [first, second]) {
        expect(parseEntry(entry.raw)).toEqual(entry);
        expect(signatureHolds(entry)).toBe(true);
      }
    });

    test('time goes on although the wall clock goes back', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const before = await world.ledger.append(proposal(1));
      expect(world.ledger.status().ownAheadMs).toBeLessThan(1);
      world.clock.setWallMs(1);
      const after = await world.ledger.append(proposal(2));
      expect(after.entry.header.time).toBe(before.entry.header.time + 1);
      expect(world.ledger.status().ownAheadMs).toBe(after.entry.header.time / 1_000 - 1);
    });

    test('an append names what others did as parents, and nothing twice', async () => {
      await world.joined();
      const [alice, bob] = [createAuthor(1, world.genesis), createAuthor(2, world.genesis)];
      const entries = [alice.next(), bob.next(), bob.next()];
      expect(await offerAll(world.ledger, entries)).toEqual(['accept', 'accept', 'accept']);
      const [first, second] = await Promise.all([world.ledger.append(proposal(1)), world.ledger.append(proposal(2))]);
      expect(first.entry.header.parents).toEqual([alice.last!.hash, bob.last!.hash].sort());
      expect(second.entry.header.parents).toEqual([]);
    });

    test('at most 16 parents are named at once, the rest with the next entries', async () => {
      await world.joined();
      const authors = Array.from({ length: 20 }, (_, at) => createAuthor(at + 2, world.genesis));
      await offerAll(
        world.ledger,
        authors.map((author) => author.next()),
      );
      const first = await world.ledger.append(proposal(1));
      const second = await world.ledger.append(proposal(2));
      expect(first.entry.header.parents).toHaveLength(16);
      expect(new Set([...first.entry.header.parents, ...second.entry.header.parents])).toEqual(
        new Set(authors.map(({ last }) => last!.hash)),
      );
    });

    test('what is too large or malformed is refused, and takes no number', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const results = await Promise.allSettled([
        world.ledger.append(proposal(1, { text: 'x'.repeat(70_000) })),
        world.ledger.append({ ...proposal(2), id: 'x'.repeat(300) }),
        world.ledger.append(proposal(3)),
      ]);
      expect(
        results.map((result) => (result.status === 'rejected' ? (result.reason as { code: string }).code : 'ok')),
      ).toEqual(['LEDGER_ENTRY_OVERSIZE', 'ENTRY_SCHEMA', 'ok']);
      expect(world.ledger.clock().get(world.ledger.author)).toBe(2);
    });

    test('after a start nothing is appended before the own log is known to be complete', async () => {
      await world.ledger.createNetwork('plant', 'open');
      await world.ledger.append(proposal(1));
      world.ledger = await world.under.reopen();
      expect(world.ledger.status().mayAppend).toBe(false);
      await expect(world.ledger.append(proposal(2))).rejects.toMatchObject({ code: 'LEDGER_OWN_LOG_BEHIND' });
      world.ledger.allowAppend();
      expect(world.ledger.status().mayAppend).toBe(true);
      expect((await world.ledger.append(proposal(2))).entry.header.seq).toBe(3);
    });

    test('what is forbidden is refused with the reason until it is allowed again', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const [one, two] = [fault('TEST_ONE', 'one'), fault('TEST_TWO', 'two')];
      const allow = world.ledger.forbidAppend(one);
      await expect(world.ledger.append(proposal(1))).rejects.toMatchObject({ code: 'TEST_ONE' });
      const allowTwo = world.ledger.forbidAppend(two);
      allow();
      expect(world.ledger.status().mayAppend).toBe(false);
      await expect(world.ledger.append(proposal(1))).rejects.toMatchObject({ code: 'TEST_TWO' });
      allowTwo();
      expect((await world.ledger.append(proposal(1))).entry.header.seq).toBe(2);
    });

    test('own entries that a peer still has are taken up, and the log goes on after them', async () => {
      await world.joined();
      const me = createAuthor(ME, world.genesis);
      expect(me.author).toBe(world.ledger.author);
      expect(await offerAll(world.ledger, [me.next(), me.next()])).toEqual(['accept', 'accept']);
      const held = await world.ledger.append(proposal(1));
      expect(held.entry.header).toMatchObject({ seq: 3, prev: me.last!.hash });
    });

    test('a key that was proven to equivocate appends no more', async () => {
      await world.joined();
      const me = createAuthor(ME, world.genesis);
      await offerAll(world.ledger, [me.after(undefined), me.after(undefined)]);
      expect(world.ledger.equivocations()).toHaveLength(1);
      await expect(world.ledger.append(proposal(1))).rejects.toMatchObject({ code: 'LEDGER_AUTHOR_VOID' });
    });
  });

  describe(`ledger (${form}): reading`, () => {
    test('notices say from where on, after the entry can be read', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const seen: Cursor[] = [];
      const read: Promise<unknown>[] = [];
      world.ledger.notices.on('ledger:appended', (cursor) => {
        seen.push(cursor);
        read.push(world.ledger.follow(cursor, 10).then((held) => expect(held[0]?.cursor).toBe(cursor)));
      });
      await world.ledger.append(proposal(1));
      await Promise.all([world.ledger.append(proposal(2)), world.ledger.append(proposal(3))]);
      await Promise.all(read);
      expect(seen).toEqual([1, 2]);
    });

    test('a listener that throws harms nobody', async () => {
      world.ledger.notices.on('ledger:appended', () => {
        throw new Error('listener');
      });
      await world.ledger.createNetwork('plant', 'open');
      expect((await world.ledger.append(proposal(1))).cursor).toBe(1);
    });

    test('follow, log, byHash and byPolicy give the same entries, before and after a restart', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const appended: HeldEntry[] = [];
      for (let number = 0; number < 40; number += 1) appended.push(await world.ledger.append(proposal(number % 10)));
      const check = async (): Promise<void> => {
        expect(await world.ledger.follow(1, 1_000)).toEqual(appended);
        expect(await world.ledger.follow(5, 3)).toEqual(appended.slice(4, 7));
        expect(await world.ledger.follow(41, 10)).toEqual([]);
        expect(await world.ledger.follow(99, 10)).toEqual([]);
        expect(await world.ledger.log(world.ledger.author, 2, 10_000_000)).toEqual(appended);
        expect(await world.ledger.log(world.ledger.author, 10, 1)).toEqual([appended[8]]);
        expect(await world.ledger.log(world.ledger.author, 42, 1_000)).toEqual([]);
        expect(await world.ledger.log('a'.repeat(64), 1, 1_000)).toEqual([]);
        expect(await world.ledger.byHash(appended[7]!.entry.hash)).toEqual(appended[7]);
        expect(await world.ledger.byHash('a'.repeat(64))).toBeUndefined();
        expect(await world.ledger.byPolicy('policy-3')).toEqual([3, 13, 23, 33].map((at) => appended[at]));
        expect(await world.ledger.byPolicy('none')).toEqual([]);
      };
      await check();
      const before = convergentState(world.ledger);
      world.ledger = await world.under.reopen();
      await check();
      expect(convergentState(world.ledger)).toEqual(before);
    });

    test('a policy is given in the ledger order, not in that of arrival', async () => {
      await world.joined();
      const [alice, bob] = [createAuthor(1, world.genesis), createAuthor(2, world.genesis)];
      const [late, early] = [
        alice.next({ id: 'p', time: START_MICROS + 90 }),
        bob.next({ id: 'p', time: START_MICROS + 50 }),
      ];
      await offerAll(world.ledger, [late]);
      await offerAll(world.ledger, [early]);
      expect((await world.ledger.byPolicy('p')).map(({ entry }) => entry.hash)).toEqual([early.hash, late.hash]);
    });

    test('a long ledger is followed in bounded steps, each entry once', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const count = LEDGER_FOLLOW_ENTRIES_MAX + 500;
      await Promise.all(Array.from({ length: count }, (_, number) => world.ledger.append(proposal(number))));
      expect(await world.ledger.follow(0, 1_000_000)).toHaveLength(LEDGER_FOLLOW_ENTRIES_MAX);
      const hashes = (await everythingOf(world.ledger)).map((raw) => parseEntry(raw).header.seq);
      expect(hashes).toEqual(Array.from({ length: count + 1 }, (_, at) => at + 1));
    });
  });

  describe(`ledger (${form}): two nodes`, () => {
    test('that exchange everything are equal, whatever each appended meanwhile', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const other = await create(seedOf(ME + 1), world.clock);
      try {
        await other.ledger.offer(await everythingOf(world.ledger), world.ledger.author);
        other.ledger.allowAppend();
        for (let number = 0; number < 5; number += 1) {
          await Promise.all([world.ledger.append(proposal(number)), other.ledger.append(proposal(number + 100))]);
          if (number % 2 === 0) await other.ledger.offer(await everythingOf(world.ledger), world.ledger.author);
        }
        expect(other.ledger.version).not.toBe(world.ledger.version);
        expect(
          (await other.ledger.offer(await everythingOf(world.ledger), world.ledger.author)).map(verdictOf),
        ).not.toContain('reject');
        await world.ledger.offer(await everythingOf(other.ledger), other.ledger.author);
        expect(convergentState(other.ledger)).toEqual(convergentState(world.ledger));
        expect(world.ledger.size).toBe(11);
      } finally {
        await other.dispose();
      }
    });
  });

  describe(`ledger (${form}): its end`, () => {
    test('close finishes what was asked for; then everything is refused', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const asked = world.ledger.append(proposal(1));
      await world.ledger.close();
      expect((await asked).cursor).toBe(1);
      await world.ledger.close();
      await expect(world.ledger.append(proposal(2))).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
      await expect(world.ledger.follow(0, 1)).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
      expect(await offerAll(world.ledger, [world.genesis])).toEqual(['ignore LEDGER_CLOSED']);
    });

    test('a crash takes back nothing that was acknowledged', async () => {
      await world.ledger.createNetwork('plant', 'open');
      const held = await world.ledger.append(proposal(1));
      world.ledger = await world.under.reopen('crash');
      expect(await world.ledger.byHash(held.entry.hash)).toEqual(held);
    });
  });
};
