import { fault } from '../../base/errors.ts';
import { sha256Hex } from '../../codec/hash.ts';
import type { ReadConnection, ReadDatabases } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import type { FileRanges, FileRecord } from '../file-record.ts';
import { inferColumns } from '../infer.ts';
import { rowWriter } from '../mapping.ts';
import { checkColumns } from '../names.ts';
import { uniteRanges } from '../ranges.ts';
import { firstChunks } from './buffers.ts';
import { mapAll } from './insert-rows.ts';
import { type PlacedRecord, selectRecords } from './records.ts';
import { dropsDone, firstKept, handovers } from './drops.ts';
import { sumOfRows } from './file-rows.ts';
import { storesOf } from './schema.ts';
import { quoted } from './user-tables.ts';
import { damageOf, provedSum } from './scrub-reads.ts';

/** The ids of all files that are held, by origin. */
const holdings = (databases: ReadDatabases): ReadonlyMap<string, FileRanges> => {
  const held = new Map<string, FileRanges>();
  for (const { db } of storesOf(databases)) {
    for (const [origin, ranges] of holdingsOf(db)) held.set(origin, uniteRanges(held.get(origin) ?? [], ranges));
  }
  return held;
};

const holdingsOf = (db: ReadConnection): ReadonlyMap<string, FileRanges> => {
  const held = new Map<string, [number, number][]>();
  for (const [origin, id] of db.iterate('select origin, file from holdfast_files order by origin, file')) {
    const [key, file] = [String(origin), Number(id)];
    const ranges = held.get(key) ?? [];
    if (ranges.length === 0) held.set(key, ranges);
    const last = ranges.at(-1);
    if (last?.[1] === file - 1) last[1] = file;
    else ranges.push([file, file]);
  }
  return held;
};

/** Records of an origin, ascending, with the place of their rows. */
const placedRecords = (
  databases: ReadDatabases,
  origin: string,
  ranges: FileRanges,
  limit: number,
): readonly PlacedRecord[] => {
  const found: PlacedRecord[] = [];
  for (const { dbms, db } of storesOf(databases)) {
    let left = limit;
    for (const [from, to] of ranges) {
      if (left <= 0) break;
      const condition = 'origin = ? and file between ? and ? order by file limit ?';
      const records = selectRecords(db, dbms, condition, [origin, from, to, left]);
      for (const record of records) found.push(record);
      left -= records.length;
    }
  }
  return found.sort((a, b) => a.record.file - b.record.file).slice(0, limit);
};

const records = (databases: ReadDatabases, origin: string, ranges: FileRanges, limit: number): readonly FileRecord[] =>
  placedRecords(databases, origin, ranges, limit).map(({ record }) => record);

/** How many rows files have, as their records say. */
const countRows = (databases: ReadDatabases, files: readonly (readonly [string, FileRanges])[]): number => {
  const sql = `select total(rows) from holdfast_files where origin = ? and file between ? and ?`;
  let rows = 0;
  for (const { db } of storesOf(databases))
    for (const [origin, ranges] of files)
      for (const [from, to] of ranges) rows += Number(db.get(sql, [origin, from, to])?.[0] ?? 0);
  return rows;
};

/**
 * The content of files made again from their rows, with its SHA-256; undefined for one that is not held. Duplicates are
 * empty.
 */
const rebuild = (
  databases: ReadDatabases,
  files: readonly { readonly origin: string; readonly file: number }[],
): readonly ({ readonly content: Uint8Array; readonly digest: string } | undefined)[] =>
  files.map(({ origin, file }) => {
    const [placed] = placedRecords(databases, origin, [[file, file]], 1);
    if (placed === undefined) return undefined;
    const content = contentOf(databases.read(placed.record.dbms), placed);
    return { content, digest: sha256Hex(content) };
  });

const contentOf = (db: ReadConnection, { record, rows }: PlacedRecord): Uint8Array => {
  if (rows === null) return new Uint8Array();
  checkSound(db, { record, rows });
  const columns = record.columns.map(({ name }) => quoted(name)).join(', ');
  const sql = `select ${columns} from ${quoted(record.table)} where row_id between ? and ? order by row_id`;
  const write = rowWriter(record.columns);
  const parts: Buffer[] = [];
  let text = '';
  let count = 0;
  for (const row of db.iterate(sql, [...rows])) {
    text += write(row);
    count += 1;
    if (text.length > 1_048_576) {
      parts.push(Buffer.from(text));
      text = '';
    }
  }
  if (count !== record.rows)
    throw fault(
      'FILE_ROWS_MISSING',
      `file ${record.file} of ${record.origin} has ${count} of its ${record.rows} rows`,
      {
        hint: 'rows were deleted from the table by hand; other operators of the cluster may still have them',
      },
    );
  parts.push(Buffer.from(text));
  return Buffer.concat(parts);
};

/**
 * The columns that a table of this content has: those given, or inferred ones. Maps every row, so that a file which
 * will be refused is so before anything is declared for it. Throws what inferring and mapping throw.
 */
const fitting = (_: ReadDatabases, content: Uint8Array, known: readonly Column[] | undefined): readonly Column[] => {
  const columns = known ?? inferColumns(content);
  checkColumns(columns);
  mapAll(content, columns, 'new data');
  return columns;
};

/** Rows that are known to be damaged, or are not what they were when they were proved, are never handed on. */
const checkSound = (db: ReadConnection, placed: PlacedRecord): void => {
  const { origin, file } = placed.record;
  const proved = provedSum(db, origin, file);
  const damaged = damageOf(db, origin, file) !== null || (proved !== null && proved !== sumOfRows(db, placed).sum);
  if (!damaged) return;
  throw fault('FILE_DAMAGED', `the rows of file ${file} of ${origin} are damaged here`, {
    data: { origin, file },
    hint: 'it is mended from the archive or a peer: get scrub',
  });
};

/** A streaming buffer as it lies on the disk. */
export interface StoredBuffer {
  readonly dbms: string;
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
}

const buffers = (databases: ReadDatabases): readonly StoredBuffer[] =>
  storesOf(databases).flatMap(({ dbms, db }) =>
    db
      .all('select table_name, sum(rows), sum(length(content)) from holdfast_buffers group by table_name')
      .map(([table, rows, bytes]) => ({ dbms, table: String(table), rows: Number(rows), bytes: Number(bytes) })),
  );

/** Files and rows of own and other origin, over all databases. */
const totals = (
  databases: ReadDatabases,
): { readonly files: number; readonly rows: number; readonly duplicates: number } => {
  let [files, rows, duplicates] = [0, 0, 0];
  for (const { db } of storesOf(databases)) {
    const [count, sum, double] =
      db.get(
        `select count(*), coalesce(sum(rows), 0), count(*) filter (where status <> 'stored') from holdfast_files`,
      ) ?? [];
    files += Number(count);
    rows += Number(sum);
    duplicates += Number(double);
  }
  return { files, rows, duplicates };
};

/** Rows held of each origin, over all databases. */
const rowsByOrigin = (databases: ReadDatabases): ReadonlyMap<string, number> => {
  const rows = new Map<string, number>();
  for (const { db } of storesOf(databases))
    for (const [origin, sum] of db.all('select origin, coalesce(sum(rows), 0) from holdfast_files group by origin'))
      rows.set(String(origin), (rows.get(String(origin)) ?? 0) + Number(sum));
  return rows;
};

/** Tables that a file was stored in, as `dbms.table`. */
const tablesHeld = (databases: ReadDatabases): readonly string[] =>
  storesOf(databases).flatMap(({ dbms, db }) =>
    db.all('select distinct table_name from holdfast_files').map(([table]) => `${dbms}.${String(table)}`),
  );

/** The first rows that lie in a streaming buffer, up to so many bytes; none where it is empty. */
const buffered = (databases: ReadDatabases, dbms: string, table: string, bytesMax: number): Uint8Array =>
  firstChunks(databases.read(dbms), table, bytesMax).content;

/** Of one database where it holds files. */
const ofStore = <T>(databases: ReadDatabases, dbms: string, read: (db: ReadConnection) => T): T | undefined => {
  const store = storesOf(databases).find((each) => each.dbms === dbms);
  return store && read(store.db);
};

/** The policies of drops that were applied to the end, with their database. */
const appliedDrops = (databases: ReadDatabases): readonly string[] =>
  storesOf(databases).flatMap(({ dbms, db }) => dropsDone(db).map((policy) => `${dbms} ${policy}`));

const handoversOf = (databases: ReadDatabases, dbms: string, table: string, limit: number) =>
  ofStore(databases, dbms, (db) => handovers(db, dbms, table, limit)) ?? [];

const keptOf = (databases: ReadDatabases, dbms: string, table: string): FileRecord | undefined =>
  ofStore(databases, dbms, (db) => firstKept(db, dbms, table));

/**
 * What runs in the reader threads.
 * @public The thread looks for it by this name.
 */
export const procedures = {
  ...{ holdings, records, countRows, rebuild, fitting, buffers, buffered, totals, rowsByOrigin, tablesHeld },
  ...{ appliedDrops, handovers: handoversOf, kept: keptOf },
};

/** Reads what is held, in a reader thread. */
export const reading = { module: import.meta.url, procedures };
