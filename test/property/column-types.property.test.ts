import fc from 'fast-check';
import { expect, test } from 'vitest';
import { affinityOf } from '../../src/operator/affinity.ts';
import type { FileCopy } from '../../src/operator/file-record.ts';
import type { Column } from '../../src/topology/topology.ts';
import { openFileStore } from '../support/file-store-fixture.ts';
import { selectRows } from '../support/table-rows.ts';

const numRuns = Math.ceil(Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 100) / 8);

const WHOLE = ['5', '0', '-7', '140737488355329', '9007199254740993', '1000000000000000000', '-9223372036854775808'];
const BROKEN = ['2.5', '5.0', '1e15', '1e18', '1e300', '9223372036854775807.0'];
/** Values as JSON that fit a column of the type. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  int: WHOLE,
  decimal: [...WHOLE, ...BROKEN],
  float: [...BROKEN, '5', '"7"'],
  bool: ['true', 'false'],
  varchar: ['"007"', '"12"', '"5.0"', '"1e3"', '"x"', '5', '{"a":1}'],
  'timestamp(6) without time zone': ['"2026-01-02T03:04:05Z"'],
  timestamp: ['"2026-01-02T03:04:05Z"', '"2026-01-02"'],
  'float(100000)': ['5', '2.5'],
};

const columnsOf = (v: string, w: string): readonly Column[] => [
  { name: 'V', type: v },
  { name: 'w', type: w },
];

/** A file with the columns v, w: each of its own types, which may be others than those of the file before. */
const file = fc
  .tuple(...['v', 'w'].map(() => fc.constantFrom(...Object.keys(VALUES))), fc.constantFrom('own', 'peer'))
  .chain(([v, w, origin]) => {
    const value = (type: string) => fc.constantFrom('null', ...(VALUES[type] ?? []));
    const rows = fc.oneof(
      fc.array(fc.tuple(value(v), value(w!)), { minLength: 1, maxLength: 3 }),
      // The same content with other columns: one of both ends without rows.
      fc.constant([['null', 'null']]),
    );
    return fc.record({
      origin: fc.constant(origin!),
      columns: fc.constant(columnsOf(v, w!)),
      content: rows.map((all) => all.map(([one, other]) => `{"v":${one},"w":${other}}\n`).join('')),
    });
  });

const example = (origin: string, type: string, content: string) => ({
  origin,
  columns: columnsOf(type, type),
  content,
});

const EXAMPLES: [ReturnType<typeof example>[], number[]][] = [
  [
    [example('own', 'int', '{"v":null}\n'), example('peer', 'varchar', '{"v":null}\n')],
    [1, 0],
  ],
  [
    [example('own', 'float', '{"v":1e18}\n'), example('peer', 'varchar', '{"v":"x"}\n')],
    [1, 0],
  ],
];

const everything = { files: 100, bytes: 1_000_000 };

/** What each file was given, and how an operator that gets the copies in some order holds their rows. */
const heldOf = async (copies: readonly FileCopy[]): Promise<unknown> => {
  const files = await openFileStore({ origin: 'third' });
  try {
    for (const copy of copies) await files.store.store([copy]);
    // `row_id` alone is local.
    const rows = `select tsd_name, tsd_id, v, typeof(v), w, typeof(w) from readings order by tsd_name, tsd_id, row_id`;
    const checks = await Promise.all(
      ['own', 'peer'].map((origin) => files.store.check(origin, [[1, 100]], { files: 100, rows: 1_000 })),
    );
    return {
      rows: await selectRows(files.sqlite, 'plant', rows),
      affinities: (await selectRows(files.sqlite, 'plant', `select name, type from pragma_table_info('readings')`)).map(
        ({ name, type }) => [String(name).toLowerCase(), affinityOf(String(type))],
      ),
      proofs: checks.flat().map(({ origin, file: id, proof, sum }) => ({ origin, id, proof, sum })),
    };
  } finally {
    await files.close();
  }
};

test('in whatever order files of other types of columns come, operators hold the same values, and each as its file gave it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(file, { minLength: 2, maxLength: 6 }),
      fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
      async (given, chance) => {
        const copies: FileCopy[] = [];
        for (const origin of ['own', 'peer']) {
          const source = await openFileStore({ origin });
          for (const one of given.filter((each) => each.origin === origin)) await source.put(one.content, one);
          copies.push(...(await source.store.readMany(origin, [[1, 100]], everything)));
          await source.close();
        }
        const shuffled = copies.map((copy, at) => [chance[at]!, copy] as const).sort(([a], [b]) => a - b);
        const [first, other] = [await heldOf(copies), await heldOf(shuffled.map(([, copy]) => copy))];
        expect(other).toEqual(first);
        expect(JSON.stringify((first as { proofs: unknown }).proofs)).not.toMatch(/refuted|open/);
      },
    ),
    { numRuns, examples: EXAMPLES },
  );
});
