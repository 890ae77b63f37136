import fc from 'fast-check';
import { systemClock } from '../../src/base/clock.ts';
import { type OpenConnection, openWriteConnection } from '../../src/sqlite/connection.ts';
import type { ReadConnection, ReadDatabases, SqlRow, WriteConnection } from '../../src/sqlite/sqlite.ts';
import type { Column } from '../../src/topology/topology.ts';

/** A table with every affinity that an operator's tables have, names that need quotes, and the node's own columns. */
export const READINGS: readonly Column[] = [
  { name: 'row_id', type: 'int' },
  { name: 'insert_timestamp', type: 'timestamp' },
  { name: 'tsd_name', type: 'char(3)' },
  { name: 'tsd_id', type: 'int' },
  { name: 'a', type: 'int' },
  { name: 'b', type: 'float' },
  { name: 'c', type: 'text' },
  { name: 'any', type: 'numeric' },
  { name: 'select "x"', type: 'int' },
  { name: 'timestamp', type: 'timestamp' },
];

const CREATE = `create table readings (row_id integer primary key, insert_timestamp timestamp, tsd_name char(3), tsd_id int,
  a int, b float, c text, "any" numeric, "select ""x""" int, timestamp timestamp);
  create index by_b on readings (b); create index by_timestamp on readings (timestamp)`;

/** The user columns of one row: a, b, c, any, select "x", timestamp. */
export type Reading = SqlRow;

/** Values whose sums are exact, so that the order of additions does not show. */
export const reading: fc.Arbitrary<Reading> = fc.tuple<(null | number | string)[]>(
  fc.option(fc.integer({ min: -9, max: 9 })),
  fc.option(fc.integer({ min: -40, max: 40 }).map((quarters) => quarters / 4)),
  fc.option(fc.constantFrom('', 'x', 'X', 'xy', '5', '10', "it's", 'é😀', '%_')),
  fc.option(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0.5, 1.5))),
  fc.option(fc.integer({ min: 0, max: 2 })),
  fc.option(fc.constantFrom('2026-01-01 00:00:00.000000', '2026-01-02 10:20:30.123456', '2026-02-01 00:00:00.000000')),
);

export const openMemory = (): WriteConnection & OpenConnection =>
  openWriteConnection('memory', ':memory:', { clock: systemClock, durable: false });

/** A database with these rows; `offset` is where their row ids begin. */
export const openReadings = (rows: readonly Reading[], offset = 0): WriteConnection & OpenConnection => {
  const connection = openMemory();
  connection.exec(CREATE);
  connection.transaction(() => {
    rows.forEach((row, index) => {
      const id = offset + index + 1;
      // Whole numbers are bound as bigints: better-sqlite3 binds numbers as reals.
      const values = row.map((value) => (Number.isInteger(value) && typeof value === 'number' ? BigInt(value) : value));
      connection.run('insert into readings values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
        ...[BigInt(id), '2026-01-01 00:00:00.000000', String((id % 2) + 1), BigInt(id)],
        ...values,
      ]);
    });
  });
  return connection;
};

/** The items of a stream's procedure with the one that it returns, as the port gives them. */
export const itemsOf = <T>(procedure: Generator<T, T | undefined, undefined>): readonly T[] => {
  const items: T[] = [];
  for (let step = procedure.next(); ; step = procedure.next()) {
    if (step.value !== undefined) items.push(step.value);
    if (step.done === true) return items;
  }
};

/** The databases of a thread that all are this one. */
export const databasesOf = (connection: ReadConnection): ReadDatabases => ({
  read: () => connection,
  fileOf: () => undefined,
  names: () => ['memory'],
  copyInto: () => {
    throw new Error('a database in memory has no file to copy');
  },
});

/** Every number of runs of a property; `HOLDFAST_PROPERTY_RUNS` raises it. */
export const runs = (usual: number): number => Math.max(usual, Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 0));
