import { fault } from '../../base/errors.ts';
import { FILE_BYTES_MAX } from '../../base/limits.ts';
import type { ReadConnection, SqlValue, WriteConnection } from '../../sqlite/sqlite.ts';
import { contentHash } from '../file-order.ts';
import type { FileCopy } from '../file-record.ts';
import { RowMapper } from '../mapping.ts';
import { eachRow } from '../rows.ts';
import type { TakenFromBuffer, Target } from './jobs.ts';

/**
 * Streaming buffers: rows of a table that are acknowledged and in no file yet, a chunk for each call, in the order in
 * which they came.
 */

const contentOf = (value: SqlValue | undefined): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array());

/** Adds the rows of a call, each of them checked. */
export const appendChunk = (
  db: WriteConnection,
  { table, columns, content, source, instructions, time }: Target & { readonly content: Uint8Array },
): { readonly rows: number; readonly bytes: number } => {
  const mapper = new RowMapper(columns, 'new data');
  const lines: string[] = [];
  eachRow(content, (row, line, text) => {
    mapper.map(row, line, text, []);
    // Between the strings of JSON a line break is white space.
    lines.push(text.replace(/[\r\n]+/g, ' '));
  });
  const chunk = Buffer.from(`${lines.join('\n')}\n`);
  if (chunk.byteLength > FILE_BYTES_MAX)
    throw fault('INGEST_FILE_BYTES', `the rows have ${chunk.byteLength} bytes; at most ${FILE_BYTES_MAX}`, {
      hint: 'send them in several parts',
    });
  db.run(
    'insert into holdfast_buffers (table_name, source, instructions, time, rows, content) values (?, ?, ?, ?, ?, ?)',
    [table, source, instructions, time, lines.length, chunk],
  );
  return { rows: lines.length, bytes: chunk.byteLength };
};

/** The first chunks, as many as have at most `bytesMax` together, but at least one where there is one. */
export const firstChunks = (db: ReadConnection, table: string, bytesMax: number): TakenFromBuffer => {
  const chunks: Uint8Array[] = [];
  let [bytes, rows, upTo] = [0, 0, 0];
  const sql = 'select id, rows, content from holdfast_buffers where table_name = ? order by id';
  for (const [id, count, content] of db.iterate(sql, [table])) {
    const chunk = contentOf(content);
    bytes += chunk.byteLength;
    if (chunks.length > 0 && bytes > bytesMax) break;
    chunks.push(chunk);
    rows += Number(count);
    upTo = Number(id);
  }
  return { content: Buffer.concat(chunks), rows, upTo };
};

/** Where the first chunk came from: it names the file that is made of it and of those behind it. */
export const sourceOfBuffer = (
  db: ReadConnection,
  table: string,
): Readonly<Record<'source' | 'instructions', string>> => {
  const sql = 'select source, instructions from holdfast_buffers where table_name = ? order by id limit 1';
  const [source, instructions] = db.get(sql, [table]) ?? ['0', '0'];
  return { source: String(source), instructions: String(instructions) };
};

/** Forgets the chunks up to the one with that number: their rows lie elsewhere now. */
export const forgetChunks = (db: WriteConnection, table: string, upTo: number): void => {
  db.run('delete from holdfast_buffers where table_name = ? and id <= ?', [table, upTo]);
};

/**
 * An own file that comes back was lost here with everything since: of an old copy of the disk, its buffer has come
 * back too. Rows that it begins with are in the file already when the file was made of a buffer.
 */
export const forgetFlushed = (
  db: WriteConnection,
  { record: { dbms, table, origin, file, hash }, content }: FileCopy,
): void => {
  if (hash !== contentHash(dbms, table, content, `${origin}.${file}`)) return;
  let [at, upTo] = [0, 0];
  const chunks = db.all('select id, content from holdfast_buffers where table_name = ? order by id', [table]);
  for (const [id, value] of chunks) {
    const chunk = contentOf(value);
    if (Buffer.compare(content.subarray(at, at + chunk.byteLength), chunk) !== 0) break;
    at += chunk.byteLength;
    upTo = Number(id);
  }
  if (upTo > 0) forgetChunks(db, table, upTo);
};
