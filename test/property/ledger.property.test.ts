import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { auditLedger } from '../../src/ledger/audit/audit.ts';
import { foldFork, type Fork } from '../../src/ledger/chain.ts';
import { placeOf } from '../../src/ledger/place.ts';
import { AuthorTable, decodeGroup, encodeGroup, type IndexRecord } from '../../src/ledger/index-record.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { convergentState, createAuthor, genesisOf, seedOf, START_MICROS } from '../support/ledger-authors.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 100);
const AUTHORS = 4;

/** One step of making a history: who appends, after which of the own entries (0 is the newest), naming which others. */
interface Step {
  readonly author: number;
  readonly back: number;
  readonly parents: number;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    author: fc.nat(AUTHORS - 1),
    back: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) }),
    parents: fc.nat(15),
  }),
  { minLength: 1, maxLength: 30 },
);

/** Entries of a history in which authors may equivocate, genesis first; each step sees everything before it. */
const makeHistory = (script: readonly Step[]): readonly Entry[] => {
  const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
  const authors = Array.from({ length: AUTHORS }, (_, at) => createAuthor(at + 1, genesis));
  const logs: Entry[][] = authors.map((_, at) => (at === 0 ? [genesis] : []));
  const entries = [genesis];
  for (const { author, back, parents } of script) {
    const log = logs[author]!;
    const before = log.at(-1 - Math.min(back, Math.max(0, log.length - (author === 0 ? 1 : 0))));
    const named = logs.flatMap((other, at) => (at !== author && (parents >> at) % 2 === 1 ? (other.at(-1) ?? []) : []));
    const time = Math.max(genesis.header.time, before?.header.time ?? 0, ...named.map(({ header }) => header.time)) + 1;
    const entry = authors[author]!.after(before, { parents: named.map(({ hash }) => hash), time });
    log.push(entry);
    entries.push(entry);
  }
  return entries;
};

const offer = (ledger: Ledger, entries: readonly Entry[]): Promise<unknown> =>
  ledger.offer(
    entries.map(({ raw }) => raw),
    'f'.repeat(64),
  );

/**
 * Gives everything in an order and in batches that the seed decides, then what is asked for by name, until nothing
 * changes.
 */
const deliver = async (entries: readonly Entry[], seed: number): Promise<Ledger> => {
  const random = createSeededRandom(seed);
  const clock = createVirtualClock(START_MICROS / 1_000 + 1_000);
  const ledger = await createMemoryLedger({ seed: seedOf(99), clock });
  const byHash = new Map(entries.map((entry) => [entry.hash, entry]));
  await offer(ledger, entries.slice(0, 1));
  // What waits, and what is asked for because of it, moves on before anything is accepted.
  const progress = (): string => [ledger.size, ledger.status().waiting, ...ledger.wanted()].join();
  for (let before = ''; before !== progress();) {
    before = progress();
    const shuffled = random.shuffled(entries);
    for (let at = 0; at < shuffled.length;) {
      const count = random.integer(1, 8);
      await offer(ledger, shuffled.slice(at, at + count));
      at += count;
    }
    await offer(
      ledger,
      ledger.wanted().flatMap((hash) => byHash.get(hash) ?? []),
    );
  }
  return ledger;
};

describe('the ledger', () => {
  test('a void entry that comes in pieces, each asked for by the one before, is taken up in every order', async () => {
    const script = [2, 3, 3, 2, 2, 3, 2, 2, 0].map((author, at) => ({
      author,
      back: at === 3 ? 1 : at === 5 ? 2 : 0,
      parents: at === 4 ? 8 : at === 8 ? 12 : 0,
    }));
    const entries = makeHistory(script);
    const last = await deliver([entries[0]!, ...entries.slice(1).reverse()], 1_685_476_590);
    expect(convergentState(last)).toEqual(convergentState(await deliver(entries, 1_685_476_588)));
  });

  test('ends the same in whatever order entries come: clock, heads, version, forks', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), async (script, seed) => {
        const entries = makeHistory(script);
        const first = await deliver(entries, seed);
        const second = await deliver(entries, seed + 1);
        const third = await deliver([entries[0]!, ...entries.slice(1).reverse()], seed + 2);
        expect(convergentState(second)).toEqual(convergentState(first));
        expect(convergentState(third)).toEqual(convergentState(first));
        expect(first.wanted()).toEqual([]);
        expect(first.status().waiting).toBe(0);
        for (const ledger of [first, second, third]) expect((await auditLedger(ledger)).first).toBeUndefined();
      }),
      { numRuns },
    );
  });

  test('two nodes with different branches end the same once they exchange proofs, logs and what is wanted', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), async (script, seed) => {
        const entries = makeHistory(script);
        const random = createSeededRandom(seed);
        // Each entry is on one node at least: what nobody holds any more nobody can give.
        const places = entries.map((_, at) => (at === 0 ? 'both' : random.pick(['first', 'second', 'both', 'both'])));
        const nodes = [
          await deliver(
            entries.filter((_, at) => places[at] !== 'second'),
            seed,
          ),
          await deliver(
            entries.filter((_, at) => places[at] !== 'first'),
            seed + 1,
          ),
        ] as const;
        for (let round = 0; round < 40; round += 1)
          for (const [to, from] of [nodes, [...nodes].reverse()] as (readonly [Ledger, Ledger])[])
            await exchange(to, from);
        expect(convergentState(nodes[1])).toEqual(convergentState(nodes[0]));
      }),
      { numRuns: Math.ceil(numRuns / 2) },
    );
  });

  test('the fork that is known does not depend on the order in which it is learned', () => {
    const sighting = fc.record({ seq: fc.integer({ min: 1, max: 4 }), hash: fc.constantFrom('a', 'b', 'c', 'd') });
    fc.assert(
      fc.property(fc.array(sighting, { maxLength: 12 }), fc.nat(), (sightings, seed) => {
        const learn = (list: readonly { seq: number; hash: string }[]): Fork | undefined => {
          const seen = new Map<number, Set<string>>();
          let fork: Fork | undefined;
          for (const { seq, hash } of list) {
            const hashes = seen.get(seq) ?? new Set();
            seen.set(seq, hashes.add(hash));
            if (hashes.size > 1) fork = foldFork(fork, seq, [...hashes]);
          }
          return fork;
        };
        expect(learn(createSeededRandom(seed).shuffled(sightings))).toEqual(learn(sightings));
      }),
      { numRuns: 10 * numRuns },
    );
  });
});

/** What sync does in one round, as far as the ledger is concerned. */
const exchange = async (to: Ledger, from: Ledger): Promise<void> => {
  for (const { entries } of from.equivocations()) await to.offer(entries, from.author);
  for (const [author, seq] of from.clock()) {
    const known = to.clock().get(author) ?? 0;
    if (seq > known)
      await to.offer(
        (await from.log(author, known + 1, 1_000_000)).map(({ entry }) => entry.raw),
        from.author,
      );
    else if (seq === known && to.heads().get(author) !== from.heads().get(author)) {
      const head = await from.byHash(from.heads().get(author) ?? '');
      if (head !== undefined) await to.offer([head.entry.raw], from.author);
    }
  }
  for (const hash of to.wanted()) {
    const held = await from.byHash(hash);
    if (held !== undefined) await to.offer([held.entry.raw], from.author);
  }
};

test('records of the index are read as they were written', () => {
  fc.assert(
    fc.property(
      steps,
      fc.array(fc.nat(6), { maxLength: 40 }),
      fc.array(fc.nat(6), { maxLength: 4 }),
      (script, cuts, again) => {
        const history = makeHistory(script);
        // Entries that came again, after others that name them: a damaged line, a body that is back.
        const entries = [...history, ...again.flatMap((at) => history[at] ?? [])];
        const records: IndexRecord[] = [];
        let offset = 0;
        for (const [at, entry] of entries.entries()) {
          const length = 600 + entry.raw.body.byteLength;
          records.push({
            position: { file: 1, offset, length },
            place: cuts.includes(at) ? undefined : placeOf(entry, at),
          });
          offset += length;
        }
        const cursors = new Map(
          records.flatMap(({ place }) => (place === undefined ? [] : [[place.hash, place.cursor]])),
        );
        const [writing, reading] = [new AuthorTable(), new AuthorTable()];
        const read: IndexRecord[] = [];
        for (let at = 0; at < records.length; at += 5) {
          const bytes = encodeGroup({ cursor: at, records: records.slice(at, at + 5) }, writing, (hash) =>
            cursors.get(hash),
          );
          const group = decodeGroup(bytes, at, reading, (cursor) => read[cursor]?.place?.hash);
          read.push(...group!.records);
          const broken = Buffer.from(bytes);
          broken[broken.length >> 1]! ^= 1;
          expect(decodeGroup(broken, at, new AuthorTable(), () => undefined)).toBeUndefined();
        }
        const expected = records.map(({ position, place }) => ({
          position,
          place:
            place === undefined ? undefined : { ...place, parents: place.parents.filter((hash) => cursors.has(hash)) },
        }));
        expect(read).toEqual(expected);
      },
    ),
    { numRuns },
  );
});
