import { fault } from '../base/errors.ts';
import { kindOf } from '../operator/values.ts';
import type { SqlRow, SqlValue } from '../sqlite/sqlite.ts';
import type { QueryPart, QueryResult } from './query.ts';
import type { RowList } from './row-list.ts';

/** How a result is shown. */
export interface FormatOptions {
  readonly format: 'json' | 'json:list' | 'json:output' | 'table';
  /** With rows, time and nodes at the end. */
  readonly stat: boolean;
  /** Zone of the timestamps: `utc` (default), `local`, `et`, `ct`, `mt`, `pt` or an IANA name. */
  readonly timezone?: string | undefined;
  /** A table has its titles once, above all rows, and not above each 25: no person looks at it page by page. */
  readonly titlesOnce?: boolean | undefined;
}

const ROWS_PER_BLOCK = 25;
const PIECE_CHARS = 65_536;
const ROWS_MEASURED_AT_ONCE = 1_024;
const EMPTY = '{"reply" : "Empty data set"}';
// eslint-disable-next-line no-control-regex -- control characters are what must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** A result as text in the documented layouts. What it lacks is said in each of them. `QUERY_TIMEZONE`. */
export const formatResult = (result: QueryResult, options: FormatOptions): string =>
  [...formatPieces(result, options)].join('');

/** As {@link formatResult}, in pieces that take a few milliseconds each; some are empty. */
export const formatPieces = (result: QueryResult, options: FormatOptions): Generator<string, void, undefined> => {
  const zoned = inZone(result, options.timezone);
  const ends = endings(result, options.stat);
  return options.format === 'table'
    ? tablePieces(result, zoned, ends, options.titlesOnce === true)
    : jsonPieces(result, zoned, ends, options.format);
};

const jsonPieces = function* (
  result: QueryResult,
  zoned: (row: SqlRow) => SqlRow,
  ends: readonly string[],
  format: FormatOptions['format'],
): Generator<string, void, undefined> {
  const keys = uniqueTitles(result).map((title) => JSON.stringify(title));
  const object = (row: SqlRow): string =>
    `{${zoned(row)
      .map((cell, at) => `${keys[at] ?? '""'}:${jsonCell(cell)}`)
      .join(',')}}`;
  const objects = (separator: string) => inPieces(result.rows, (row, at) => (at === 0 ? '' : separator) + object(row));
  if (format === 'json:output') {
    yield* objects('\n');
    if (ends.length > 0) yield `${result.rows.length > 0 ? '\n' : ''}{${ends.join(',')}}`;
  } else if (format === 'json:list' && isWhole(result)) {
    yield '[';
    yield* objects(',');
    yield ']';
  } else if (result.rows.length === 0 && ends.length === 0) yield EMPTY;
  else {
    yield '{"Query":[';
    yield* objects(',');
    yield `${[']', ...ends].join(',')}}`;
  }
};

/** The texts of the rows, some at a time. */
const inPieces = function* (
  rows: RowList,
  textOfRow: (row: SqlRow, at: number) => string,
): Generator<string, void, undefined> {
  let [text, at] = ['', 0];
  for (const row of rows) {
    text += textOfRow(row, at);
    at += 1;
    if (text.length < PIECE_CHARS) continue;
    yield text;
    text = '';
  }
  yield text;
};

/** The same as values, for a program. */
export const resultValue = (result: QueryResult, options: FormatOptions): unknown => {
  const titles = uniqueTitles(result);
  const zoned = inZone(result, options.timezone);
  const objects = Array.from(result.rows, (row) => {
    const cells = zoned(row);
    return Object.fromEntries(titles.map((title, at) => [title, cells[at] ?? null]));
  });
  if (options.format === 'json:list' && isWhole(result)) return objects;
  return {
    Query: objects,
    ...(options.stat ? { Statistics: [statistics(result)] } : {}),
    ...(result.behind.length > 0 ? { Behind: result.behind } : {}),
    ...(result.missing.length > 0 ? { Missing: result.missing } : {}),
  };
};

/** A bare list of rows could not say what it lacks. */
const isWhole = ({ missing, behind }: QueryResult): boolean => missing.length === 0 && behind.length === 0;

/** What follows the rows: members of a JSON object. */
const endings = (result: QueryResult, stat: boolean): readonly string[] => [
  ...(stat ? [statisticsText(result)] : []),
  ...(result.behind.length > 0 ? [`"Behind":${JSON.stringify(result.behind)}`] : []),
  ...(result.missing.length > 0 ? [`"Missing":${JSON.stringify(result.missing)}`] : []),
];

const answeredBy = (parts: readonly QueryPart[]): number =>
  new Set(
    parts.filter(({ status }) => status === 'Completed' || status === 'Empty Set').map(({ operator }) => operator),
  ).size;

const statistics = (result: QueryResult): Readonly<Record<string, string | number>> => {
  const nodes = answeredBy(result.parts);
  return {
    Count: result.rows.length,
    Time: clockTime(result.runMs),
    ...(result.missing.length === 0
      ? { Nodes: nodes }
      : { 'Target Nodes': nodes + result.missing.length, 'Participating Nodes': nodes }),
    ...(result.behind.length === 0
      ? {}
      : { 'Files Lacking': result.behind.reduce((sum, { files }) => sum + files, 0) }),
  };
};

const statisticsText = (result: QueryResult): string => {
  const members = Object.entries(statistics(result)).map(([name, value]) =>
    typeof value === 'number' ? `"${name}": ${value}` : `"${name}":"${value}"`,
  );
  return `"Statistics":[{${members.join(',')}}]`;
};

const clockTime = (ms: number): string => {
  const seconds = Math.floor(ms / 1_000);
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
};

/** Columns of one title would hide each other in a JSON object: the second becomes `title_2`. */
const uniqueTitles = ({ columns }: QueryResult): readonly string[] => {
  const used = new Set<string>();
  return columns.map(({ name }) => {
    let title = name;
    for (let count = 2; used.has(title); count += 1) title = `${name}_${count}`;
    used.add(title);
    return title;
  });
};

const jsonCell = (cell: SqlValue): string => {
  if (typeof cell === 'bigint') return String(cell);
  return JSON.stringify(cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : cell);
};

/**
 * Blocks of 25 rows (or one of all), each with an empty line, the titles and the dashes above. Numbers stand right,
 * text left; there is a blank after each cell and each group of dashes, none after the titles. Widths are those of the
 * whole table.
 */
const tablePieces = function* (
  result: QueryResult,
  zoned: (row: SqlRow) => SqlRow,
  ends: readonly string[],
  titlesOnce: boolean,
): Generator<string, void, undefined> {
  const end = ends.length > 0 ? `\n{${ends.join(',')}}\n` : '';
  const { rows } = result;
  if (rows.length === 0) {
    yield end === '' ? `${EMPTY}\n` : end;
    return;
  }
  const titles = result.columns.map(({ name }) => name.replace(CONTROL, ' '));
  const widths = titles.map(lengthOf);
  let measured = 0;
  for (const row of rows) {
    for (const [at, cell] of zoned(row).entries()) widths[at] = Math.max(widths[at] ?? 0, lengthOf(tableCell(cell)));
    measured += 1;
    if (measured % ROWS_MEASURED_AT_ONCE === 0) yield '';
  }
  const head = `\n${titles
    .map((title, at) => fill(title, widths[at] ?? 0, false))
    .join(' ')
    .trimEnd()}\n`;
  const dashes = `${widths.map((width) => `${'-'.repeat(width)} `).join('')}\n`;
  yield* inPieces(rows, (row, index) => {
    const cells = zoned(row).map((cell, at) => `${fill(tableCell(cell), widths[at] ?? 0, isNumber(cell))} `);
    const begins = titlesOnce ? index === 0 : index % ROWS_PER_BLOCK === 0;
    return `${begins ? head + dashes : ''}${cells.join('')}\n`;
  });
  yield end;
};

const isNumber = (cell: SqlValue): boolean => typeof cell === 'number' || typeof cell === 'bigint';

const tableCell = (cell: SqlValue): string => {
  if (cell === null) return '';
  return typeof cell === 'string' ? cell.replace(CONTROL, ' ') : jsonCell(cell);
};

const ONE_UNIT_EACH = /^[^\ud800-\udfff]*$/;

const lengthOf = (text: string): number => (ONE_UNIT_EACH.test(text) ? text.length : Array.from(text).length);

const fill = (text: string, width: number, right: boolean): string => {
  const blanks = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return right ? blanks + text : text + blanks;
};

const ZONES: Readonly<Record<string, string>> = {
  et: 'America/New_York',
  ct: 'America/Chicago',
  mt: 'America/Denver',
  pt: 'America/Los_Angeles',
};

/** Makes of a row one with the timestamps of a zone; they are stored in UTC. */
const inZone = (result: QueryResult, timezone: string | undefined): ((row: SqlRow) => SqlRow) => {
  const zone = timezone?.toLowerCase() ?? 'utc';
  if (zone === 'utc') return (row) => row;
  const stamped = result.columns.map(({ type }) => kindOf(type ?? '') === 'timestamp');
  if (!stamped.includes(true)) return (row) => row;
  const convert = converter(timezone ?? '', zone);
  return (row) => row.map((cell, at) => (stamped[at] === true && typeof cell === 'string' ? convert(cell) : cell));
};

const converter = (asked: string, zone: string): ((text: string) => string) => {
  let form: Intl.DateTimeFormat;
  try {
    form = new Intl.DateTimeFormat('sv-SE', {
      ...(zone === 'local' ? {} : { timeZone: ZONES[zone] ?? asked }),
      ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
    });
  } catch (caught) {
    throw fault('QUERY_TIMEZONE', `${JSON.stringify(asked.slice(0, 40))} is not the name of a time zone`, {
      hint: 'utc, local, et, ct, mt, pt, or a name such as Europe/Berlin',
      cause: caught,
    });
  }
  return (text) => {
    const at = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`);
    return Number.isNaN(at) ? text : form.format(at) + text.slice(19);
  };
};
