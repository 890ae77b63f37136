import { systemClock } from '../base/clock.ts';
import { fault, hasCode } from '../base/errors.ts';
import { QUERY_CHUNK_BYTES, QUERY_CHUNK_BYTES_MAX, READ_CHUNK_ROWS_MAX } from '../base/limits.ts';
import { openWriteConnection } from '../sqlite/connection.ts';
import type { FilesByOrigin } from '../replication/transfer/messages.ts';
import type { ProcedureModule, ReadConnection, ReadDatabases } from '../sqlite/sqlite.ts';
import type { Column } from '../topology/topology.ts';
import { executableSql, type StoredTable } from './executable.ts';
import { atOneMoment, whereNumbered } from './numbered.ts';
import { parseSelect } from './sql/parser.ts';
import { quoteName } from './sql/print.ts';
import { resolve } from './sql/resolve.ts';

/** Some rows as one JSON array of arrays, UTF-8. */
export interface RowChunk {
  readonly rows: number;
  readonly bytes: Uint8Array;
}

/** The last chunk is returned, not yielded: it comes with the end. */
type RowChunks = Generator<RowChunk, RowChunk | undefined, undefined>;

interface SelectRequest {
  readonly dbms: string;
  /** Parsed and checked here again, whoever sends it. */
  readonly sql: string;
  readonly nowMicros: number;
  readonly timeoutMs: number;
  /** Numbers that rows must carry to be chosen by them; without them: whatever they carry. */
  readonly members?: ReadonlyMap<string, number> | undefined;
  /** Which file the database is known to be. */
  readonly file?: string | undefined;
  /** Origins whose rows of the table are left out, since they count in other clusters. */
  readonly left?: readonly string[] | undefined;
  /** Files of which there are none here, or others of these origins would have to be left out. */
  readonly unseen?: FilesByOrigin | undefined;
}

interface MergeRequest {
  readonly create: string;
  readonly insert: string;
  readonly result: string;
  /** Each a JSON array of arrays, UTF-8. */
  readonly chunks: readonly Uint8Array[];
  readonly timeoutMs: number;
}

/** A tenth of what a machine of two cores and a plain disk reads: see {@link isBrief}. */
const SLOW_ROWS_PER_MS = 100;
const SLOW_BYTES_PER_MS = 20_000;
const BRIEF_MS_MAX = 30_000;

/** Where a table stands in this thread, if it does. */
interface Place {
  readonly connection: ReadConnection;
  readonly table: StoredTable | undefined;
}

/** The columns of a table; undefined where it does not exist. `SQLITE_NO_DATABASE`. */
const columns = (databases: ReadDatabases, dbms: string, table: string): readonly Column[] | undefined =>
  storedTable(databases.read(dbms), table)?.columns;

/**
 * Runs one SELECT; a table or database that does not exist here is empty. `SQL_…` where the SQL is refused,
 * `SQLITE_DEADLINE` when it ran too long, `QUERY_ROW_OVERSIZE`, `QUERY_OPERATOR_NOT_FILLED`, `SQLITE_CORRUPT` also
 * where the database is another file.
 */
function* select(databases: ReadDatabases, request: SelectRequest): RowChunks {
  const { dbms, sql, nowMicros, timeoutMs, members, file } = request;
  const parsed = parseSelect(sql);
  const place = placeOf(databases, dbms, parsed.table, file);
  // The asking node knows the table's policy; a column that came later than this operator's table is null here.
  const resolved = resolve(parsed, sql, { columns: undefined, now: nowMicros });
  const brief = place?.table !== undefined && isBrief(place.connection, resolved.table, place.table, timeoutMs);
  const statement = executableSql(resolved, place?.table, { brief, elsewhere: request.left });
  if (place?.table !== undefined) {
    const { connection } = place;
    connection.deadline(systemClock.monotonicMs() + timeoutMs);
    return yield* whereNumbered(connection, resolved.where, members, () =>
      whereUnseen(connection, request, resolved.table, () => chunked(connection, statement)),
    );
  }
  const scratch = openScratch();
  try {
    return yield* chunked(scratch, statement);
  } finally {
    scratch.close();
  }
}

/** Does `read` where none of the `unseen` files has come. `QUERY_OPERATOR_NOT_FILLED`. */
function* whereUnseen(
  connection: ReadConnection,
  { unseen = [] }: SelectRequest,
  table: string,
  read: () => RowChunks,
): RowChunks {
  if (unseen.length === 0) return yield* read();
  const check = (): void => {
    if (haveRows(connection, table, unseen))
      throw fault('QUERY_OPERATOR_NOT_FILLED', 'rows of an operator of another cluster came while it was asked');
  };
  return yield* atOneMoment(connection, check, read);
}

/** Takes up partial rows in memory and reads the result from them. */
function* merge(_: ReadDatabases, { create, insert, result, chunks, timeoutMs }: MergeRequest): RowChunks {
  const scratch = openScratch();
  try {
    const deadlineMs = systemClock.monotonicMs() + timeoutMs;
    scratch.deadline(deadlineMs);
    scratch.exec(create);
    scratch.transaction(() => {
      for (const chunk of chunks) {
        if (systemClock.monotonicMs() > deadlineMs) throw fault('SQLITE_DEADLINE', 'the merge ran longer than it may');
        scratch.run(insert, [Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString()]);
      }
    });
    return yield* chunked(scratch, result);
  } finally {
    scratch.close();
  }
}

/** Of some origins, those whose files have rows of the table here. */
const withRows = (
  databases: ReadDatabases,
  dbms: string,
  table: string,
  origins: readonly string[],
): readonly string[] => {
  const db = placeOf(databases, dbms, table)?.connection;
  const all = [[1, Number.MAX_SAFE_INTEGER]] as const;
  return db === undefined ? [] : origins.filter((origin) => haveRows(db, table, [[origin, all]]));
};

/** Whether one of some files has rows of a table: looked up in an index that is made for it (`holdfast_files_placed`). */
const haveRows = (db: ReadConnection, table: string, files: FilesByOrigin): boolean => {
  if (db.get(`SELECT 1 FROM sqlite_schema WHERE name = 'holdfast_files'`) === undefined) return false;
  const sql = `SELECT 1 FROM holdfast_files
    WHERE origin = ? AND file BETWEEN ? AND ? AND table_name = ? AND status = 'stored' AND first_row IS NOT NULL
    LIMIT 1`;
  const name = table.normalize('NFC').toLowerCase();
  return files.some(([origin, ranges]) =>
    ranges.some(([from, to]) => db.get(sql, [origin, from, to, name]) !== undefined),
  );
};

/** What runs in the SQLite threads. */
export const procedures = { columns, withRows, select, merge };

const module = import.meta.url;
/**
 * The query's work in SQLite threads that gives rows in chunks: a select at an operator, the merge at the asking node.
 */
export const queryStreams: ProcedureModule<Pick<typeof procedures, 'select' | 'merge'>> = { module, procedures };
/** What is looked up before a query is run. */
export const queryReads: ProcedureModule<Pick<typeof procedures, 'columns' | 'withRows'>> = { module, procedures };

const openScratch = () => openWriteConnection('merge', ':memory:', { clock: systemClock, durable: false });

const placeOf = (databases: ReadDatabases, dbms: string, table: string, file?: string): Place | undefined => {
  try {
    const connection = databases.read(dbms, file);
    return { connection, table: storedTable(connection, table) };
  } catch (caught) {
    if (hasCode(caught, 'SQLITE_NO_DATABASE')) return undefined;
    throw caught;
  }
};

/** Only users' tables of the schema count: SQLite knows others by name alone, such as `pragma_database_list`. */
const storedTable = (connection: ReadConnection, table: string): StoredTable | undefined => {
  if (/^(?:sqlite|holdfast)_/i.test(table)) return undefined;
  const rows = connection.all(
    `SELECT c.name, lower(c.type), EXISTS (
       SELECT 1 FROM pragma_index_list(t.name) AS l JOIN pragma_index_info(l.name) AS i WHERE i.seqno = 0 AND i.cid = c.cid)
     FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
     WHERE t.type = 'table' AND t.name = ? COLLATE NOCASE ORDER BY c.cid`,
    [table],
  );
  if (rows.length === 0) return undefined;
  return {
    columns: rows.map(([name, type]) => ({ name: String(name), type: String(type) })),
    indexed: new Set(rows.filter(([, , first]) => first === 1).map(([name]) => String(name).toLowerCase())),
  };
};

/**
 * Whether the whole table can be read and summed up in the time, even by a slow machine from a slow disk. The estimate
 * errs on the high side: it counts the bytes of the whole database, and a row for each id between the first and the
 * last.
 */
const isBrief = (
  connection: ReadConnection,
  name: string,
  { columns: of }: StoredTable,
  timeoutMs: number,
): boolean => {
  if (!of.some((column) => column.name.toLowerCase() === 'row_id')) return false;
  // Each end by itself: SQLite looks up one extreme, and for two it reads the whole table.
  const end = (which: 'min' | 'max'): string => `(SELECT ${which}(row_id) FROM ${quoteName(name)})`;
  const [rows] = connection.get(`SELECT ${end('max')} - ${end('min')} + 1`) ?? [];
  const [bytes] = connection.get('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size') ?? [];
  const ms = Number(rows ?? 0) / SLOW_ROWS_PER_MS + Number(bytes ?? 0) / SLOW_BYTES_PER_MS;
  return ms <= Math.min(timeoutMs, BRIEF_MS_MAX);
};

function* chunked(connection: ReadConnection, statement: string): RowChunks {
  let rows: string[] = [];
  let characters = 0;
  const flush = (): RowChunk => {
    const chunk = { rows: rows.length, bytes: Buffer.from(`[${rows.join(',')}]`) };
    rows = [];
    characters = 0;
    return chunk;
  };
  for (const [row] of connection.iterate(statement)) {
    const text = row as string;
    if (text.length > QUERY_CHUNK_BYTES_MAX / 4)
      throw fault('QUERY_ROW_OVERSIZE', `a row of ${text.length} characters is too large to be sent`, {
        hint: 'select fewer columns',
      });
    rows.push(text);
    characters += text.length;
    if (characters >= QUERY_CHUNK_BYTES || rows.length >= READ_CHUNK_ROWS_MAX) yield flush();
  }
  return rows.length > 0 ? flush() : undefined;
}
