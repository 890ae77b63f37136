import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FileRecord } from '../../src/operator/file-record.ts';
import { lackingOf } from '../../src/replication/transfer/holdings.ts';
import type { TableDrop } from '../../src/topology/topology.ts';
import { openOperator, type OperatorFixture } from '../support/operator-fixture.ts';
import { selectRows } from '../support/table-rows.ts';
import { waitFor } from '../support/wait.ts';

const NAMES = ['a', 'b', 'c'];
/** It takes no data itself, so a copy of its disk may come back. */
const RESTORED = 2;
const CONTENTS = ['{"v":1}', '{"v":2.50}', '{"v":3}\n{"v":4}'];

/** An operator whose node hears of drops when the test says so. */
class Node {
  readonly name: string;
  readonly dir: string;
  fixture!: OperatorFixture;
  heard: readonly TableDrop[] = [];

  constructor(name: string, dir: string) {
    this.name = name;
    this.dir = join(dir, name);
  }

  async open(): Promise<void> {
    const members = (): ReadonlyMap<string, number> => new Map(NAMES.map((name, at) => [name, at + 1]));
    this.fixture = await openOperator({
      ...{ dir: this.dir, policy: this.name },
      ports: { members, drops: () => this.heard },
    });
  }

  get store(): OperatorFixture['operator']['store'] {
    return this.fixture.operator.store;
  }

  async put(content: string, type: string): Promise<void> {
    this.fixture.registry.tables.set('plant.readings', [{ name: 'v', type }]);
    await this.fixture.put(content);
  }

  /** Takes what another has; whether anything was new. */
  async pull(from: Node, takesOrphans = false): Promise<boolean> {
    let news = false;
    for (const [origin, ranges] of lackingOf(from.store.holdings(), this.store.holdings())) {
      const copies = await from.store.readMany(origin, ranges, { files: 100, bytes: 1_000_000 });
      const outcomes = await this.store.store(copies, takesOrphans);
      news ||= outcomes.some((outcome) => outcome !== 'orphan' && outcome !== 'held');
    }
    return news;
  }

  async hear(drops: readonly TableDrop[]): Promise<void> {
    this.heard = drops;
    this.fixture.operator.refresh();
    await waitFor(() => drops.every(({ id }) => this.fixture.operator.drops.isApplied(id)));
  }

  async records(): Promise<readonly FileRecord[]> {
    const records: FileRecord[] = [];
    for (const name of NAMES)
      records.push(...(await this.store.records(name, this.store.holdings().get(name) ?? [], 1_000)));
    return records;
  }

  /** Columns, rows and records, as all operators must have them alike. */
  async view(): Promise<unknown> {
    const described = `select name, type from pragma_table_info('readings')`;
    // Without any data there is no database.
    const columns = await selectRows(this.fixture.sqlite, 'plant', described).catch(() => []);
    const rows =
      columns.length === 0
        ? []
        : await selectRows(
            this.fixture.sqlite,
            'plant',
            'select insert_timestamp, tsd_name, tsd_id, v, typeof(v) as t from readings order by 1, 2, 3, row_id',
          );
    const records = await this.records();
    const totals = this.fixture.operator.status();
    return {
      columns,
      rows,
      records: records.map(({ origin, file, status, rows: count }) => `${origin}/${file} ${status} ${count}`),
      counts: [totals.rows, totals.duplicates],
    };
  }
}

const who = fc.nat({ max: NAMES.length - 1 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      at: fc.nat({ max: RESTORED - 1 }),
      content: fc.constantFrom(...CONTENTS),
      type: fc.constantFrom('float', 'varchar'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pull' as const), at: who, from: who }) },
  fc.record({ do: fc.constant('drop' as const), at: who }),
  fc.record({ do: fc.constant('hear' as const), at: who }),
  fc.record({ do: fc.constantFrom('copy' as const, 'restore' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Who has rows by the rule: of each content the first file by (time, origin, number) that no drop covers. */
const keepers = (records: readonly FileRecord[], drops: readonly TableDrop[]): readonly string[] => {
  const kept = records.filter(({ origin, file }) => drops.every(({ files }) => file > (files.get(origin) ?? 0)));
  return [...Map.groupBy(kept, ({ digest }) => digest).values()]
    .map((same) => same.map(({ time, origin, file }) => `${time} ${origin}/${file}`).sort()[0] ?? '')
    .sort();
};

class World {
  readonly dir: string;
  readonly nodes: readonly Node[];
  drops: readonly TableDrop[] = [];
  #copied = false;

  constructor(dir: string) {
    this.dir = dir;
    this.nodes = NAMES.map((name) => new Node(name, dir));
  }

  async take(next: Step): Promise<void> {
    const node = (at: number): Node => this.nodes[at] as Node;
    if (next.do === 'put') await node(next.at).put(next.content, next.type);
    else if (next.do === 'pull') await node(next.at).pull(node(next.from));
    else if (next.do === 'hear') await node(next.at).hear(this.drops);
    else if (next.do === 'drop') {
      const files = new Map([...node(next.at).store.holdings()].map(([origin, ranges]) => [origin, ranges.at(-1)![1]]));
      const drop = { id: `drop-${this.drops.length}`, dbms: 'plant', table: 'readings', files };
      this.drops = [...this.drops, drop];
      await node(next.at).hear(this.drops);
    } else await this.#oldCopy(next.do);
  }

  async #oldCopy(what: 'copy' | 'restore'): Promise<void> {
    const node = this.nodes[RESTORED] as Node;
    const copy = `${node.dir}-copy`;
    if (what === 'restore' && !this.#copied) return;
    await node.fixture.close();
    const [from, to] = what === 'copy' ? [node.dir, copy] : [copy, node.dir];
    await rm(to, { recursive: true, force: true });
    await cp(from, to, { recursive: true });
    this.#copied = true;
    // Its ledger is as old as its data.
    if (what === 'restore') node.heard = [];
    await node.open();
  }

  /** All hear of everything and get everything. */
  async settle(): Promise<void> {
    for (const node of this.nodes) await node.hear(this.drops);
    for (const orphans of [false, true])
      for (let news = true; news;) {
        news = false;
        for (const node of this.nodes)
          for (const from of this.nodes) if (node !== from) news = (await node.pull(from, orphans)) || news;
      }
  }
}

test('operators that hear of drops and get files in any order, also one that was restored, end with the same rows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const dir = await mkdtemp(join(tmpdir(), 'holdfast-drops-'));
      const world = new World(dir);
      try {
        for (const node of world.nodes) await node.open();
        for (const next of steps) await world.take(next);
        await world.settle();
        const [first, ...others] = await Promise.all(world.nodes.map((node) => node.view()));
        for (const other of others) expect(other).toEqual(first);
        const records = await (world.nodes[0] as Node).records();
        const stored = records.filter(({ status }) => status === 'stored');
        expect(stored.map(({ time, origin, file }) => `${time} ${origin}/${file}`).sort()).toEqual(
          keepers(records, world.drops),
        );
      } finally {
        for (const node of world.nodes) await node.fixture.close();
        await rm(dir, { recursive: true, force: true });
      }
    }),
    { numRuns: 40 },
  );
});
