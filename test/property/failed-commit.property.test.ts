import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { FileRecord } from '../../src/operator/file-record.ts';
import { reading } from '../../src/operator/store/read-procedures.ts';
import { rowsText } from '../conformance/file-store.ts';
import { CommitFaults } from '../support/failing-commits.ts';
import { openFileStore } from '../support/file-store-fixture.ts';
import { selectRows } from '../support/table-rows.ts';

const numRuns = Math.ceil(Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 100) / 4);

const dbms = fc.constantFrom('plant', 'other');
type Step =
  | { readonly kind: 'put' | 'again'; readonly dbms: string; readonly beside: boolean }
  | { readonly kind: 'fail'; readonly dbms: string; readonly way: 'lost' | 'kept'; readonly works: boolean }
  | { readonly kind: 'works' | 'restart' };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('put' as const, 'again' as const), dbms, beside: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fail' as const),
      ...{ dbms, way: fc.constantFrom('lost' as const, 'kept' as const), works: fc.boolean() },
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'works' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);

/** An operator's files over databases whose commits fail, and what its senders and its peers were told. */
class World {
  readonly #dir = mkdtempSync(join(tmpdir(), 'holdfast-failed-commit-'));
  readonly #faults = new CommitFaults();
  readonly #acknowledged = new Set<string>();
  /** Files by their number, as peers know them for ever. */
  readonly #told = new Map<number, string>();
  readonly #contents: { readonly dbms: string; readonly content: string }[] = [];
  #files!: Awaited<ReturnType<typeof openFileStore>>;

  async begin(): Promise<void> {
    this.#files = await openFileStore({ dir: this.#dir, faults: this.#faults });
    this.#tell([...(await this.#files.store.records('own', [[1, 1_000_000]], 1_000))]);
    this.#files.store.notices.on('file:stored', (records) => this.#tell(records));
  }

  async do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'put':
      case 'again':
        return this.#put(step);
      case 'fail':
        this.#faults.next.set(step.dbms, step.way);
        this.#faults.works = step.works;
        return;
      case 'works':
        this.#faults.works = true;
        return;
      case 'restart':
        // What rests is open again before anything is read: SQLite finds then what is there.
        await this.#mend();
        await this.#files.close();
        return this.begin();
    }
  }

  async end(): Promise<void> {
    await this.#mend();
    const { store, sqlite } = this.#files;
    expect(store.holdings()).toEqual(await sqlite.read(reading, 'holdings'));
    expect(store.totals).toMatchObject(await sqlite.read(reading, 'totals'));
    const records = await store.records('own', [[1, 1_000_000]], 1_000);
    expect(new Set(records.map(({ file }) => file)).size, 'each number names one file').toBe(records.length);
    const digests = records.map(({ digest }) => digest);
    expect(new Set(digests).size, 'each content is there once').toBe(digests.length);
    expect([...this.#acknowledged].filter((digest) => !digests.includes(digest))).toEqual([]);
    expect(records.filter(({ file, digest }) => this.#told.get(file) !== digest)).toEqual([]);
    for (const name of new Set(records.map((record) => record.dbms))) {
      const rows = await selectRows(sqlite, name, 'select reading from readings');
      expect(rows.length).toBe(2 * records.filter((record) => record.dbms === name).length);
    }
  }

  async close(): Promise<void> {
    await this.#files.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** The databases are opened again, and what that shows is known. */
  async #mend(): Promise<void> {
    this.#faults.works = true;
    this.#faults.next.clear();
    this.#contents.push({ dbms: 'third', content: rowsText(this.#contents.length * 10, 2) });
    await this.#give(this.#contents.at(-1)!);
    await this.#files.queue.between(async () => {});
  }

  async #put({ kind, dbms: name, beside }: Extract<Step, { kind: 'put' | 'again' }>): Promise<void> {
    const next = { dbms: name, content: rowsText(this.#contents.length * 10, 2) };
    const given = kind === 'again' ? (this.#contents.at(-1) ?? next) : next;
    if (given === next) this.#contents.push(next);
    const gives = [this.#give(given)];
    if (beside) {
      const other = { dbms: name === 'plant' ? 'other' : 'plant', content: rowsText(this.#contents.length * 10, 2) };
      this.#contents.push(other);
      gives.push(this.#give(other));
    }
    await Promise.all(gives);
  }

  async #give(given: { readonly dbms: string; readonly content: string }): Promise<void> {
    await this.#files.put(given.content, { dbms: given.dbms }).then(
      () => this.#acknowledged.add(sha256Hex(Buffer.from(given.content))),
      () => {},
    );
  }

  #tell(records: readonly FileRecord[]): void {
    for (const { file, digest } of records) {
      expect(this.#told.get(file) ?? digest, `${file} is one file for ever`).toBe(digest);
      this.#told.set(file, digest);
    }
  }
}

test('whatever commits fail and turn out to be there: no number twice, nothing acknowledged lost or untold', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
      const world = new World();
      try {
        await world.begin();
        for (const one of steps) await world.do(one);
        await world.end();
      } finally {
        await world.close();
      }
    }),
    { numRuns },
  );
});
