import { describe, expect, test } from 'vitest';
import { ENTRIES_WANTED_MAX } from '../../src/base/limits.ts';
import { parseEntry } from '../../src/entry/check.ts';
import type { Entry } from '../../src/entry/entry.ts';
import type { Equivocation } from '../../src/ledger/ledger.ts';
import {
  badlySigned,
  convergentState,
  createAuthor,
  genesisOf,
  offerAll,
  proposal,
  resigned,
  seedOf,
  START_MICROS,
  type TestAuthor,
} from '../support/ledger-authors.ts';
import { type LedgerFactory, ME, useLedger } from '../support/ledger-world.ts';
import { waitFor } from '../support/wait.ts';

/** What every form of the `Ledger` port must do with entries of others, good and hostile. */
export const describeForeignEntries = (form: string, create: LedgerFactory): void => {
  const world = useLedger(create);

  describe(`ledger (${form}): entries of others`, () => {
    test('are accepted once, then known', async () => {
      const alice = createAuthor(1, world.genesis);
      const entry = alice.next();
      expect(await offerAll(world.ledger, [world.genesis, entry])).toEqual(['accept', 'accept']);
      expect(world.ledger.network).toBe(world.genesis.hash);
      expect(await offerAll(world.ledger, [world.genesis, entry])).toEqual([
        'ignore LEDGER_DUPLICATE',
        'ignore LEDGER_DUPLICATE',
      ]);
      expect(world.ledger.size).toBe(2);
    });

    test('in one offer come in any order, and twice', async () => {
      const [alice, bob] = [createAuthor(1, world.genesis), createAuthor(2, world.genesis)];
      const entries = [
        world.genesis,
        alice.next(),
        alice.next(),
        bob.next({ parents: [alice.last!.hash], time: START_MICROS + 100 }),
      ];
      expect(await offerAll(world.ledger, [...entries].reverse())).toEqual(['accept', 'accept', 'accept', 'accept']);
      expect(world.ledger.size).toBe(4);
    });

    test.each([
      ['before any network', 'ignore LEDGER_NO_NETWORK', (author: TestAuthor) => author.next(), false],
      [
        'of another network',
        'reject LEDGER_OTHER_NETWORK',
        (author: TestAuthor) => author.next({ net: 'a'.repeat(64) }),
        true,
      ],
      [
        'that are another genesis',
        'reject LEDGER_OTHER_NETWORK',
        (author: TestAuthor) => genesisOf(author.key, 5),
        true,
      ],
      ['badly signed', 'reject ENTRY_SIGNATURE_BAD', (author: TestAuthor) => badlySigned(author.next()), true],
      [
        'signed by another',
        'reject ENTRY_SIGNATURE_BAD',
        (author: TestAuthor) => resigned(author.next(), createAuthor(3, world.genesis).key, {}),
        true,
      ],
      [
        'malformed',
        'reject ENTRY_SCHEMA',
        (author: TestAuthor) => resigned(author.next(), author.key, { seq: 0 }),
        true,
      ],
      [
        'with another body',
        'reject ENTRY_BODY_MISMATCH',
        (author: TestAuthor) => ({ ...author.next().raw, body: Buffer.from('{}') }),
        true,
      ],
      [
        'whose first names no entry of its own as prev',
        'reject LEDGER_PREV_MISMATCH',
        (author: TestAuthor) => author.after(world.genesis),
        true,
      ],
      [
        'that name their own as a parent',
        'reject LEDGER_PARENT_MISMATCH',
        (author: TestAuthor) => {
          const first = author.next();
          return author.after(first, { parents: [first.hash] });
        },
        true,
      ],
      [
        'not after their parents',
        'reject LEDGER_TIME_NOT_AFTER',
        (author: TestAuthor) => author.after(undefined, { time: START_MICROS }),
        true,
      ],
      [
        'that wait for a parent',
        'ignore LEDGER_ENTRY_WAITS',
        (author: TestAuthor) => author.after(undefined, { parents: ['a'.repeat(64)] }),
        true,
      ],
      [
        'that wait for the one before',
        'ignore LEDGER_ENTRY_WAITS',
        (author: TestAuthor) => author.after(author.next()),
        true,
      ],
      [
        'dated too far ahead',
        'ignore LEDGER_ENTRY_EARLY',
        (author: TestAuthor) => author.after(undefined, { time: START_MICROS + 1_000_000 + 300_000_001 }),
        true,
      ],
      ['of an unknown op', 'accept', (author: TestAuthor) => author.next({ op: 'receipt' }), true],
    ] as const)('%s: %s', async (_, expected, make, hasNetwork) => {
      if (hasNetwork) await world.joined();
      const author = createAuthor(2, world.genesis);
      // Where the entry is its author's second, or names its own first, that first one is held already.
      const made = make(author);
      if (expected.includes('PARENT_MISMATCH')) await offerAll(world.ledger, [author.last!]);
      const size = world.ledger.size;
      expect(await offerAll(world.ledger, [made])).toEqual([expected]);
      expect(world.ledger.size).toBe(expected === 'accept' ? size + 1 : size);
    });

    test('one bad entry in an offer harms no other', async () => {
      await world.joined();
      const [alice, bob] = [createAuthor(1, world.genesis), createAuthor(2, world.genesis)];
      const verdicts = await offerAll(world.ledger, [
        badlySigned(alice.after(alice.last)),
        bob.next(),
        { header: new Uint8Array(), signature: new Uint8Array(64), body: new Uint8Array() },
        alice.next(),
      ]);
      expect(verdicts).toEqual(['reject ENTRY_SIGNATURE_BAD', 'accept', 'reject ENTRY_MALFORMED', 'accept']);
    });

    test('an empty offer is answered with nothing', async () => {
      expect(await world.ledger.offer([], 'a'.repeat(64))).toEqual([]);
    });

    test('that come too early wait, are asked for by name, and are taken up when what they build on comes', async () => {
      await world.joined();
      const [alice, bob] = [createAuthor(1, world.genesis), createAuthor(2, world.genesis)];
      const [first, second] = [alice.next(), alice.next()];
      const built = bob.next({ parents: [second.hash], time: START_MICROS + 100 });
      const last = bob.next();
      expect(await offerAll(world.ledger, [last, built])).toEqual([
        'ignore LEDGER_ENTRY_WAITS',
        'ignore LEDGER_ENTRY_WAITS',
      ]);
      expect(world.ledger.wanted()).toEqual([second.hash]);
      expect(await offerAll(world.ledger, [second])).toEqual(['ignore LEDGER_ENTRY_WAITS']);
      expect(world.ledger.wanted()).toEqual([first.hash]);
      expect(world.ledger.status()).toMatchObject({ waiting: 3, entries: 1 });
      expect(await offerAll(world.ledger, [first])).toEqual(['accept']);
      expect(world.ledger.size).toBe(5);
      expect(world.ledger.wanted()).toEqual([]);
      expect(world.ledger.status().waiting).toBe(0);
    });

    test('dated ahead are held back until their time, then taken up by themselves', async () => {
      await world.joined();
      const alice = createAuthor(1, world.genesis);
      const ahead = alice.next({ time: world.clock.wallMs() * 1_000 + 600_000_000 });
      const after = alice.next();
      expect(await offerAll(world.ledger, [ahead, after])).toEqual([
        'ignore LEDGER_ENTRY_EARLY',
        'ignore LEDGER_ENTRY_WAITS',
      ]);
      expect(world.ledger.status()).toMatchObject({ heldBack: 1, waiting: 1 });
      await world.clock.advance(200_000);
      expect(world.ledger.size).toBe(1);
      await world.clock.advance(101_000);
      await waitFor(async () => {
        await world.clock.advance(1_000);
        return world.ledger.size === 3;
      });
      expect(world.ledger.clock().get(alice.author)).toBe(3);
    });

    test('a later signature vouches for those before it, in one offer only', async () => {
      await world.joined();
      const alice = createAuthor(1, world.genesis);
      const [first, second, third] = [alice.next(), alice.next(), alice.next()];
      expect(await offerAll(world.ledger, [badlySigned(first)])).toEqual(['reject ENTRY_SIGNATURE_BAD']);
      expect(await offerAll(world.ledger, [badlySigned(first), second, badlySigned(third)])).toEqual([
        'accept',
        'accept',
        'reject ENTRY_SIGNATURE_BAD',
      ]);
      expect(world.ledger.clock().get(alice.author)).toBe(3);
      await world.clock.advance(1_000);
      await waitFor(() => world.ledger.status().signatures.unchecked === 0);
      expect(world.ledger.status().signatures).toEqual({ checked: 2, unchecked: 0, bad: 1 });
      // It is served with the entry that vouches for it, however small the batch.
      const served = await world.ledger.log(alice.author, 2, 1);
      expect(served.map(({ entry }) => entry.header.seq)).toEqual([2, 3]);
    });

    test('wanted hashes are bounded', async () => {
      await world.joined();
      const authors = Array.from({ length: 20 }, (_, at) => createAuthor(at + 2, world.genesis));
      const missing = (number: number): string => number.toString(16).padStart(64, '0');
      const waiting = authors.map((author, at) =>
        author.after(undefined, { parents: Array.from({ length: 16 }, (_, number) => missing(at * 16 + number)) }),
      );
      await offerAll(world.ledger, waiting);
      expect(world.ledger.wanted()).toHaveLength(ENTRIES_WANTED_MAX);
    });
  });

  describe(`ledger (${form}): equivocation`, () => {
    test('two entries of one seq are kept as proof and void the author from there on', async () => {
      await world.joined();
      const alice = createAuthor(1, world.genesis);
      const second = alice.next();
      const [left, right] = [alice.after(second), alice.after(second)];
      const proofs: Equivocation[] = [];
      world.ledger.notices.on('ledger:equivocation', (proof) => proofs.push(proof));
      expect(await offerAll(world.ledger, [second, left, alice.after(left)])).toEqual(['accept', 'accept', 'accept']);
      const before = world.ledger.version;
      expect(await offerAll(world.ledger, [right])).toEqual(['accept']);
      expect(world.ledger.version).not.toBe(before);
      expect(world.ledger.clock().get(alice.author)).toBe(2);
      expect(world.ledger.heads().get(alice.author)).toBe(second.hash);
      expect(proofs).toEqual(world.ledger.equivocations());
      expect(proofs[0]).toMatchObject({ author: alice.author, seq: 3 });
      expect(proofs[0]!.entries.map((raw) => parseEntry(raw).hash)).toEqual([left.hash, right.hash].sort());
      expect(await offerAll(world.ledger, [alice.after(right), alice.after(second)])).toEqual(
        ['ignore LEDGER_AUTHOR_VOID', 'ignore LEDGER_AUTHOR_VOID'].map((code, at) =>
          at === 1 ? (expect.stringMatching(/^(accept|ignore LEDGER_AUTHOR_VOID)$/) as string) : code,
        ),
      );
      expect(await world.ledger.log(alice.author, 3, 1_000_000)).toEqual([]);
    });

    test('the proof needs no context: not the entries before it, and not after a restart', async () => {
      await world.joined();
      const alice = createAuthor(2, world.genesis);
      const [first, second] = [alice.next(), alice.next()];
      const [left, right] = [alice.after(second), alice.after(second)];
      expect((await offerAll(world.ledger, [left, right])).filter((verdict) => verdict === 'accept')).not.toEqual([]);
      expect(world.ledger.equivocations()).toMatchObject([{ author: alice.author, seq: 3 }]);
      expect(world.ledger.clock().has(alice.author)).toBe(false);
      const proof = world.ledger.equivocations();
      world.ledger = await world.under.reopen();
      expect(world.ledger.equivocations()).toEqual(proof);
      expect(await offerAll(world.ledger, [first, second])).toEqual(['accept', 'accept']);
      expect(world.ledger.clock().get(alice.author)).toBe(2);
    });

    test('branches that parted earlier are followed back by name', async () => {
      await world.joined();
      const alice = createAuthor(1, world.genesis);
      const root = alice.next();
      const branch = (length: number): Entry[] => {
        const entries: Entry[] = [];
        for (let last = root; entries.length < length; entries.push(last)) last = alice.after(last);
        return entries;
      };
      const [left, right] = [branch(4), branch(5)];
      expect(await offerAll(world.ledger, [root, ...left])).not.toContain('reject');
      await offerAll(world.ledger, [right[4]!]);
      const byHash = new Map([...left, ...right].map((entry) => [entry.hash, entry]));
      for (let round = 0; round < 10 && world.ledger.wanted().length > 0; round += 1)
        await offerAll(
          world.ledger,
          world.ledger.wanted().flatMap((hash) => byHash.get(hash) ?? []),
        );
      expect(world.ledger.wanted()).toEqual([]);
      expect(world.ledger.equivocations()).toMatchObject([{ seq: 3 }]);
      expect(world.ledger.clock().get(alice.author)).toBe(2);
    });

    test('what others built on a void branch is still taken up, and the branch with it', async () => {
      await world.joined();
      const [alice, bob] = [createAuthor(1, world.genesis), createAuthor(2, world.genesis)];
      const root = alice.next();
      const [left, right] = [alice.after(root), alice.after(root)];
      const further = alice.after(left);
      await offerAll(world.ledger, [root, left, right]);
      const built = bob.next({ parents: [further.hash], time: further.header.time + 1 });
      expect(await offerAll(world.ledger, [built])).toEqual(['ignore LEDGER_ENTRY_WAITS']);
      expect(world.ledger.wanted()).toEqual([further.hash]);
      expect(await offerAll(world.ledger, [further])).toEqual(['accept']);
      expect(world.ledger.clock().get(bob.author)).toBe(1);
      expect(world.ledger.clock().get(alice.author)).toBe(2);
      expect(world.ledger.status().waiting).toBe(0);
    });

    test('a badly signed branch is proven with the entry that vouches for it', async () => {
      await world.joined();
      const alice = createAuthor(1, world.genesis);
      const root = alice.next();
      const [left, right] = [alice.after(root), alice.after(root)];
      await offerAll(world.ledger, [root, badlySigned(left), alice.after(left)]);
      expect(await offerAll(world.ledger, [right])).toEqual(['accept']);
      const [proof] = world.ledger.equivocations();
      expect(proof?.entries).toHaveLength(3);
      const other = await create(seedOf(ME + 1), world.clock);
      await offerAll(other.ledger, [world.genesis]);
      await offerAll(other.ledger, proof!.entries);
      await offerAll(other.ledger, [root]);
      expect(convergentState(other.ledger)).toEqual(convergentState(world.ledger));
      await other.dispose();
    });

    test('a void entry is not named as a parent', async () => {
      await world.joined();
      const alice = createAuthor(1, world.genesis);
      const root = alice.next();
      await offerAll(world.ledger, [root, alice.after(root), alice.after(root)]);
      expect((await world.ledger.append(proposal(1))).entry.header.parents).toEqual([root.hash]);
    });
  });
};
