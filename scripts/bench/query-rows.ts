import type { ProcedureModule, WriteDatabases } from '../../src/sqlite/sqlite.ts';

/** Makes a table as an operator does, with rows of 100 devices. */
const fill = (databases: WriteDatabases, rows: number): void => {
  const db = databases.write('bench');
  db.exec(`create table readings (row_id integer primary key, insert_timestamp timestamp not null, tsd_name char(3) not null,
    tsd_id int not null, timestamp timestamp, device varchar, value float);
    create index "readings.insert_timestamp" on readings (insert_timestamp);
    create index "readings.tsd_name.tsd_id" on readings (tsd_name, tsd_id);
    create index "readings.timestamp" on readings (timestamp)`);
  db.transaction(() => {
    db.run(
      `insert into readings with recursive r(i) as (select 1 union all select i + 1 from r where i < ?)
       select i, '2026-01-01 00:00:00.000000', '1', 1 + i / 10000,
         strftime('%Y-%m-%d %H:%M:%S.000000', 1767225600 + i, 'unixepoch'), 'device-' || (i % 100), (i % 1000) / 4.0 from r`,
      [BigInt(rows)],
    );
  });
};

const procedures = { fill };
export const benchRows: ProcedureModule<typeof procedures> = { module: import.meta.url, procedures };
export { procedures };
