import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TRANSFER_CHUNK_BYTES } from '../../src/base/limits.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { FileCopy, FileRanges } from '../../src/operator/file-record.ts';
import { createMemoryFileStore, type MemoryFileStore } from '../support/memory-file-store.ts';
import { countRanges, inRanges, subtractRanges } from '../../src/operator/ranges.ts';
import { BundleReader, bundlesOf, framesOf, type ReceivedBundle } from '../../src/replication/transfer/bundle.ts';
import {
  firstOfRanges,
  inMessages,
  intersectRanges,
  rangesAbove,
  rangesOf,
} from '../../src/replication/transfer/holdings.ts';
import { decodeTransfer, type FilesByOrigin } from '../../src/replication/transfer/messages.ts';
import { PushWindow } from '../../src/replication/transfer/push-window.ts';
import { PullPlanner, type PullRequest } from '../../src/replication/transfer/state.ts';
import { contentsOf, viewOf } from '../support/replication-world.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 100);

interface Node {
  readonly id: string;
  readonly store: MemoryFileStore;
  readonly planner: PullPlanner;
}

/** A message on its way, delivered by chance: in any order, not at all, or twice. */
type Flight =
  | { readonly kind: 'holdings'; readonly from: Node; readonly to: Node; readonly files: FilesByOrigin }
  | { readonly kind: 'want'; readonly from: Node; readonly to: Node; readonly request: PullRequest }
  | {
      readonly kind: 'answer';
      readonly to: Node;
      readonly request: PullRequest;
      readonly copies: readonly FileCopy[];
      readonly last: boolean;
    };

/** The planners of some operators and a network without any manners: no channel, no order, no memory. */
class Chaos {
  readonly nodes: readonly Node[];
  readonly #random: SeededRandom;
  readonly #flights: Flight[] = [];
  readonly #answers = new Map<PullRequest, { stored: number; orphans: (readonly [string, number])[] }>();
  #nowMs = 0;
  #files = 0;

  constructor(seed: number, count: number) {
    this.#random = createSeededRandom(seed);
    this.nodes = Array.from({ length: count }, (_, at) => {
      const id = `node-${at}`;
      return { id, store: createMemoryFileStore(id), planner: new PullPlanner(id) };
    });
    for (const node of this.nodes) for (const peer of this.nodes) if (peer !== node) node.planner.peerUp(peer.id);
  }

  /** A source gives a file to some node; now and then one that another node has got already. */
  put(): void {
    const content = this.#random.chance(0.2) ? `${Math.max(0, this.#files - 2)}` : `${this.#files++}`;
    const time = `2026-01-01T00:00:00.${String(this.#nowMs % 1_000_000).padStart(6, '0')}Z`;
    this.#random.pick(this.nodes).store.put({ content, time });
  }

  /** Every node tells every other what it holds, and asks for what it lacks. */
  tellAll(): void {
    this.#nowMs += this.#random.integer(1, 5_000);
    for (const from of this.nodes)
      for (const to of this.nodes)
        if (from !== to) this.#flights.push({ kind: 'holdings', from, to, files: [...from.store.holdings()] });
    for (const node of this.nodes) this.#plan(node);
  }

  /** Delivers everything, with faults of a probability each. */
  async drain(faults: number): Promise<void> {
    while (this.#flights.length > 0) {
      const at = this.#random.integer(0, this.#flights.length - 1);
      const [flight] = this.#flights.splice(at, 1) as [Flight];
      if (this.#random.chance(faults)) this.#lose(flight);
      else {
        if (this.#random.chance(faults)) this.#flights.push(flight);
        await this.#deliver(flight);
      }
    }
  }

  #plan(node: Node): void {
    const own = node.store.holdings();
    const cluster = this.nodes.filter((other) => other !== node).map(({ id }) => id);
    const view = { nowMs: this.#nowMs, own, arriving: new Map(), accepts: () => true, scope: 'all' as const, cluster };
    for (const request of node.planner.plan(view)) {
      const to = this.nodes.find(({ id }) => id === request.peer) as Node;
      this.#answers.set(request, { stored: 0, orphans: [] });
      this.#flights.push({ kind: 'want', from: node, to, request });
    }
  }

  #lose(flight: Flight): void {
    if (flight.kind === 'want') flight.from.planner.failed(flight.request.id, this.#nowMs);
    if (flight.kind === 'answer') flight.to.planner.failed(flight.request.id, this.#nowMs);
  }

  async #deliver(flight: Flight): Promise<void> {
    if (flight.kind === 'holdings') {
      // Old news may come after newer: a comparison replaces, an announcement adds.
      if (this.#random.chance(0.5)) flight.to.planner.compared(flight.from.id, new Map(flight.files), this.#nowMs);
      else flight.to.planner.announced(flight.from.id, flight.files, this.#nowMs);
      return;
    }
    if (flight.kind === 'want') {
      const { from, to, request } = flight;
      const copies: FileCopy[] = [];
      for (const [origin, ranges] of request.files)
        copies.push(...(await to.store.readMany(origin, ranges, { files: 50, bytes: 10_000 })));
      const cut = this.#random.integer(0, copies.length);
      const parts = [copies.slice(0, cut), copies.slice(cut)];
      for (const [index, part] of parts.entries())
        this.#flights.push({ kind: 'answer', to: from, request, copies: part, last: index === 1 });
      return;
    }
    const { to, request, copies, last } = flight;
    const so = this.#answers.get(request) ?? { stored: 0, orphans: [] };
    for (const [index, outcome] of (await to.store.store(copies, request.takesOrphans)).entries()) {
      const { origin, file } = (copies[index] as FileCopy).record;
      if (outcome === 'orphan') so.orphans.push([origin, file]);
      else so.stored += 1;
    }
    const answer = { stored: so.stored, skipped: [], gone: [], failed: [], orphans: so.orphans, unspoken: [] };
    if (last) to.planner.answered(request.id, answer, this.#nowMs);
    this.#plan(to);
  }
}

describe('replication without an orderly network', () => {
  test('ends with the same files and the same rows on every operator, each content once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 0, max: 40 }),
        async (seed, count, puts) => {
          const chaos = new Chaos(seed, count);
          for (let put = 0; put < puts; put += 1) {
            chaos.put();
            if (put % 5 === 0) {
              chaos.tellAll();
              await chaos.drain(0.25);
            }
          }
          // Rests grow up to half a minute, each telling moves time by some seconds.
          for (let round = 0; round < 60; round += 1) {
            chaos.tellAll();
            await chaos.drain(0);
          }
          const views = new Set(chaos.nodes.map(({ store }) => viewOf(store)));
          expect(views.size).toBe(1);
          for (const { store } of chaos.nodes) expect(new Set(contentsOf(store)).size).toBe(contentsOf(store).length);
        },
      ),
      { numRuns },
    );
  });
});

const fileOf = (file: number, content: Buffer, rebuilt: boolean): FileCopy => ({
  record: {
    origin: 'origin',
    file,
    dbms: 'plant',
    table: 'readings',
    source: '0',
    instructions: '0',
    hash: 'a'.repeat(32),
    time: '2026-01-01T00:00:00.000000Z',
    rows: 1,
    columns: [{ name: 'value', type: 'float' }],
    digest: rebuilt ? 'b'.repeat(64) : sha256Hex(content),
    status: 'stored',
  },
  content,
  rebuilt,
});

/** Takes frames as a receiver does. */
const receive = (frames: Iterable<Uint8Array>): ReceivedBundle[] => {
  const bundles: ReceivedBundle[] = [];
  let reader: BundleReader | undefined;
  for (const bytes of frames) {
    const frame = decodeTransfer(bytes);
    if (frame.message.type === 'files') reader = new BundleReader(frame.message.id, frame.message.total);
    const bundle = reader?.push(frame);
    if (bundle !== undefined) bundles.push(bundle);
  }
  return bundles;
};

describe('a bundle', () => {
  const content = fc.oneof(
    { weight: 8, arbitrary: fc.string({ maxLength: 2_000 }).map((text) => Buffer.from(text)) },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: TRANSFER_CHUNK_BYTES - 2_000, max: 2 * TRANSFER_CHUNK_BYTES + 10 })
        .map((bytes) => Buffer.alloc(bytes, 'ab')),
    },
  );
  test('arrives as it was sent, whatever the sizes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(content, fc.boolean()), { maxLength: 12 }), (list) => {
        const copies = list.map(([bytes, rebuilt], at) => fileOf(at + 1, bytes, rebuilt));
        const frames = bundlesOf(copies).bundles.flatMap((bundle, id) => [...framesOf(id, bundle)]);
        const received = receive(frames).flatMap(({ files }) => files);
        expect(received.map(({ fault }) => fault)).toEqual(copies.map(() => undefined));
        for (const [at, { record, copy }] of received.entries()) {
          expect(record).toEqual(copies[at]?.record);
          expect(copy?.rebuilt).toBe(copies[at]?.rebuilt);
          expect(Buffer.compare(copy?.content ?? Buffer.alloc(0), copies[at]?.content ?? Buffer.alloc(0))).toBe(0);
        }
      }),
      { numRuns },
    );
  });

  test('of many small files with many columns, or of many duplicates, is one that the other side takes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_200 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 4 }),
        (files, width, duplicateOfFour) => {
          const columns = Array.from({ length: width }, (_, at) => ({
            name: `a_rather_long_column_${at}`,
            type: 'float',
          }));
          const copies = Array.from({ length: files }, (_, at) => {
            const copy = fileOf(at + 1, Buffer.from('{"value":1}'), false);
            const status = at % 4 < duplicateOfFour ? ('duplicate' as const) : ('stored' as const);
            return { ...copy, record: { ...copy.record, columns, status } };
          });
          const { bundles } = bundlesOf(copies);
          const received = receive(bundles.flatMap((bundle, id) => [...framesOf(id, bundle)])).flatMap(
            (bundle) => bundle.files,
          );
          expect(received.filter(({ fault }) => fault !== undefined)).toEqual([]);
          expect(received.map(({ record }) => record)).toEqual(copies.map(({ record }) => record));
        },
      ),
      { numRuns: Math.min(numRuns, 20) },
    );
  });

  test('that was changed on the way is never taken for whole', () => {
    const copies = [fileOf(1, Buffer.from('{"value":1}'), false), fileOf(2, Buffer.from('{"value":2}'), true)];
    const [frame] = bundlesOf(copies).bundles.flatMap((bundle) => [...framesOf(1, bundle)]) as [Uint8Array];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: frame.byteLength - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(frame);
        changed[at] = (changed[at] as number) ^ change;
        let received: ReceivedBundle[] = [];
        try {
          received = receive([changed]);
        } catch (caught) {
          expect(caught).toMatchObject({ code: 'TRANSFER_MALFORMED' });
        }
        for (const { files } of received)
          for (const { copy } of files)
            if (copy !== undefined)
              expect(copies.map((each) => sha256Hex(each.content))).toContain(sha256Hex(copy.content));
      }),
      { numRuns: numRuns * 3 },
    );
  });
});

const rangesArbitrary: fc.Arbitrary<FileRanges> = fc
  .array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 })
  .map((ids) => rangesOf(ids));
const idsOf = (ranges: FileRanges): number[] => {
  const ids: number[] = [];
  for (let id = 1; id <= 60; id += 1) if (inRanges(ranges, id)) ids.push(id);
  return ids;
};

describe('ranges', () => {
  test('do what sets of ids do', () => {
    fc.assert(
      fc.property(rangesArbitrary, rangesArbitrary, fc.integer({ min: 0, max: 60 }), (a, b, n) => {
        expect(idsOf(rangesOf(idsOf(a)))).toEqual(idsOf(a));
        expect(idsOf(intersectRanges(a, b))).toEqual(idsOf(a).filter((id) => idsOf(b).includes(id)));
        expect(idsOf(firstOfRanges(a, n))).toEqual(idsOf(a).slice(0, n));
        expect(idsOf(rangesAbove(a, n))).toEqual(idsOf(a).filter((id) => id > n));
      }),
      { numRuns },
    );
  });

  test('are cut into messages that hold all of them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9_000 }), { maxLength: 4 }), (sizes) => {
        const files = sizes.map(
          (size, at) =>
            [`origin-${at}`, Array.from({ length: size }, (_, n) => [n * 2 + 1, n * 2 + 1] as const)] as const,
        );
        const messages = inMessages(files);
        for (const message of messages)
          expect(message.reduce((sum, [, ranges]) => sum + ranges.length, 0)).toBeLessThanOrEqual(6_000);
        for (const [origin, ranges] of files)
          expect(
            messages.flatMap((message) => message.flatMap(([name, some]) => (name === origin ? some : []))),
          ).toEqual(ranges);
      }),
      { numRuns: 30 },
    );
  });
});

describe('the push window', () => {
  test('sends each waiting file once and never more at a time than agreed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 900 }), (seed, count) => {
        const random = createSeededRandom(seed);
        const window = new PushWindow();
        const sent: number[] = [];
        const flights: { id: number; files: number }[] = [];
        window.offer([[1, count]]);
        for (let id = 0; sent.length < count; id += 1) {
          const turn = window.next();
          if (turn === undefined) {
            const flight = flights.splice(random.integer(0, flights.length - 1), 1)[0]!;
            expect(window.acknowledged(flight.id, flight.files)).toBe(true);
            expect(window.acknowledged(flight.id, flight.files)).toBe(false);
            continue;
          }
          const files = firstOfRanges(turn.ranges, random.integer(1, turn.files));
          window.sent(id, files, random.integer(1, 1_000_000));
          flights.push({ id, files: countRanges(files) });
          sent.push(...files.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at)));
          expect(window.inFlight).toBeLessThanOrEqual(256);
        }
        expect(sent).toEqual(Array.from({ length: count }, (_, at) => at + 1));
        expect(subtractRanges([[1, count]], rangesOf(sent))).toEqual([]);
      }),
      { numRuns },
    );
  });
});
