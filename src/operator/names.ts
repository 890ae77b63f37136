import { fault } from '../base/errors.ts';
import type { HoldfastError } from '../base/errors.ts';
import { COLUMN_NAME_CHARS_MAX, COLUMNS_MAX } from '../base/limits.ts';
import { isHash } from '../codec/fields.ts';
import type { FileRecord } from './file-record.ts';

/** The columns that every table gets beside the user's. */
export const ADDED_COLUMNS = ['row_id', 'insert_timestamp', 'tsd_name', 'tsd_id'] as const;

const DBMS = /^[a-z0-9_]{1,64}$/;
const TABLE = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_$-]{0,62}$/u;
/** SQLite keeps `sqlite_…` for itself, we keep `holdfast_…`. */
const KEPT_TABLE = /^(?:sqlite|holdfast)_/;
/** Holds the TSD tables, which follow from the others. */
export const TSD_DBMS = 'almgm';

const shown = (name: string): string => JSON.stringify(name.slice(0, 80));

/** A table for data, as it is called here: in lower case, NFC. */
export interface TableName {
  readonly dbms: string;
  readonly table: string;
}

/** A table that data may go to, in the lower case of the command language. Throws `INGEST_DBMS_NAME`, `INGEST_NAME`. */
export const tableName = (dbms: string, table: string): TableName => {
  const name = { dbms: dbms.toLowerCase(), table: table.normalize('NFC').toLowerCase() };
  if (!DBMS.test(name.dbms) || name.dbms === TSD_DBMS)
    throw fault('INGEST_DBMS_NAME', `${shown(dbms)} cannot be a database for data`, {
      hint: 'a name has 1 to 64 letters a-z, digits and "_"; almgm holds the TSD tables',
    });
  if (!TABLE.test(name.table) || KEPT_TABLE.test(name.table))
    throw fault('INGEST_NAME', `${shown(table)} cannot be a table`, {
      hint: 'a name has 1 to 63 letters, digits, "_", "$" and "-", does not begin with "$" or "-", nor with sqlite_ or holdfast_',
    });
  return name;
};

/**
 * The column that an attribute of a row belongs to: lower case, anything but letters, digits and "_" replaced by "_",
 * so that `Temp °C` can be queried without quotes. The four added columns belong to the node: an attribute with such a
 * name goes to the same name with "_" behind it. Idempotent. Throws `INGEST_COLUMN_NAME`.
 */
export const columnName = (attribute: string): string => {
  const plain = attribute
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}_]/gu, '_');
  const name = /^[\p{L}_]/u.test(plain) ? plain : `_${plain}`;
  if (name.length > COLUMN_NAME_CHARS_MAX)
    throw fault('INGEST_COLUMN_NAME', `the attribute ${shown(attribute)}… is too long for a column`, {
      hint: `at most ${COLUMN_NAME_CHARS_MAX} characters`,
    });
  return (ADDED_COLUMNS as readonly string[]).includes(name) ? `${name}_` : name;
};

/** Text that is one segment of a file name; `0` where there is none. */
export const segment = (text: string): string => {
  const plain = text.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64);
  return plain === '' ? '0' : plain;
};

/**
 * The mapping that is asked for: there are none, and rows that somebody wants mapped must not be stored as they are.
 * Gives the documented `0`. Throws `INGEST_MAPPING`.
 */
export const noInstructions = (text: string): '0' => {
  if (text === '' || text === '0') return '0';
  throw fault('INGEST_MAPPING', `there is no mapping ${shown(text)}: data is taken as it is`, {
    hint: 'map the rows before they are sent, and leave the instructions out or write 0',
  });
};

/** What the name of a data file says. */
export interface DataFileName extends TableName {
  readonly source: string;
  readonly instructions: string;
  /** As the name gives it; an archived file that is dropped again is known by it. */
  readonly hash: string | undefined;
  /**
   * Number of the operator that took the file up first, as the names of archived files have it; undefined for a new
   * file.
   */
  readonly member: number | undefined;
  readonly zipped: boolean;
}

const memberOf = (text: string): number | undefined => {
  if (text === '0' || text === '') return undefined;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw fault(
    'INGEST_FILE_NAME',
    text === '@'
      ? 'the file says by "@" that its rows are stored already'
      : `${shown(text)} is no member number, which the sixth part of a name is`,
    {
      hint: 'to store its rows here, drop it again with 0 for member, row and date: dbms.table.source.hash.0.0.0.0.json',
    },
  );
};

/** Whether a file of a watch directory is meant for us: `.json`, `.json.gz` or `.gz`, and not hidden. */
export const isDataFile = (name: string): boolean => !name.startsWith('.') && /\.(?:json|gz)$/i.test(name);

/**
 * `dbms.table[.source[.hash[.instructions[.member.row.date]]]].json[.gz]`. Throws `INGEST_FILE_NAME`,
 * `INGEST_DBMS_NAME`, `INGEST_NAME`, `INGEST_MAPPING`.
 */
export const parseDataFileName = (name: string): DataFileName => {
  const zipped = /\.gz$/i.test(name);
  const parts = name
    .replace(/\.gz$/i, '')
    .replace(/\.json$/i, '')
    .split('.');
  if ((parts.length < 2 || parts.length > 5) && parts.length !== 8)
    throw fault('INGEST_FILE_NAME', `${shown(name)} is not the name of a data file`, {
      hint: 'dbms.table.json, up to dbms.table.source.hash.instructions.json, or all 8 parts (see `get json file struct`)',
    });
  const [dbms = '', table = '', source = '0', hash = '0', instructions = '0', member = '0'] = parts;
  return {
    ...tableName(dbms, table),
    source: segment(source),
    instructions: noInstructions(instructions),
    member: memberOf(member),
    hash: /^[0-9a-f]{32}$/.test(hash) ? hash : undefined,
    zipped,
  };
};

/** `YYMMDDHHMMSS` of a record's time. */
const compactDate = (time: string): string => time.slice(2, 19).replace(/[^0-9]/g, '');

/** Where an accepted file lies in the archive, relative to it: the documented name under `YY/MM/DD`. */
export const archivePath = (record: FileRecord, member: number): string => {
  const { dbms, table, source, hash, instructions, file, time } = record;
  const name = [dbms, table, source, hash, instructions, member, file, compactDate(time), 'json', 'gz'].join('.');
  return `${time.slice(2, 4)}/${time.slice(5, 7)}/${time.slice(8, 10)}/${name}`;
};

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

const wrongOf = (record: FileRecord): string | undefined => {
  const count = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
  if (!/^[\x21-\x7e]{1,128}$/.test(record.origin)) return 'origin';
  if (!count(record.file, 1)) return 'file';
  if (!count(record.rows, 0)) return 'rows';
  if (!/^[0-9a-f]{32}$/.test(record.hash)) return 'hash';
  if (!isHash(record.digest)) return 'digest';
  if (!TIME.test(record.time)) return 'time';
  if (segment(record.source) !== record.source) return 'source';
  if (segment(record.instructions) !== record.instructions) return 'instructions';
  return undefined;
};

const invalid = (record: FileRecord, field: string): HoldfastError =>
  fault(
    'FILE_RECORD_INVALID',
    `a peer's record of file ${record.file} of ${shown(record.origin)} has a wrong ${field}`,
    {
      data: { field },
    },
  );

/** A record from outside becomes SQL and paths, so it is checked first. Throws `FILE_RECORD_INVALID`, `INGEST_…`. */
export const checkRecord = (record: FileRecord): void => {
  const wrong = wrongOf(record);
  if (wrong !== undefined) throw invalid(record, wrong);
  const { dbms, table } = tableName(record.dbms, record.table);
  if (dbms !== record.dbms || table !== record.table) throw invalid(record, 'table');
  if (record.columns.length === 0 && record.status === 'stored') throw invalid(record, 'columns');
  checkColumns(record.columns);
};

/** Throws `INGEST_COLUMNS` for columns that cannot be a table: too many, twice the same, a kept or impossible name. */
export const checkColumns = (columns: readonly { readonly name: string; readonly type: string }[]): void => {
  if (columns.length > COLUMNS_MAX)
    throw fault('INGEST_COLUMNS', `${columns.length} columns; at most ${COLUMNS_MAX}`, {
      hint: 'name fewer columns in the table policy: attributes without a column are left out',
    });
  const seen = new Set<string>(ADDED_COLUMNS);
  for (const { name, type } of columns) {
    const known = name.toLowerCase();
    if (
      name === '' ||
      name.length > COLUMN_NAME_CHARS_MAX ||
      name.includes('\0') ||
      type.length > COLUMN_NAME_CHARS_MAX
    )
      throw fault('INGEST_COLUMNS', `${shown(name)} cannot be a column`);
    if (seen.has(known)) throw fault('INGEST_COLUMNS', `the column ${shown(name)} is there already`);
    seen.add(known);
  }
};
