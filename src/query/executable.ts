import type { Column } from '../topology/topology.ts';
import { PARTIAL_TABLE, type QueryPlan } from './plan.ts';
import { type Expression, operandsOf } from './sql/ast.ts';
import { type PrintOptions, printSelect, quoteName, quoteText } from './sql/print.ts';
import type { Resolved } from './sql/resolved.ts';

/** A call of the deadline function costs as much as reading a row: it is made for one row of this many. */
const ROWS_BETWEEN_CHECKS = 4_096;
const SLICE_ROWS = 10_000;
const LOW = 'holdfast_low';

/** A table as it stands in this thread's database. */
export interface StoredTable {
  readonly columns: readonly Column[];
  /** Columns that begin an index, lower case. */
  readonly indexed: ReadonlySet<string>;
}

/** What is known of a statement before it is made. */
export interface StatementFacts {
  /** The table is read in a fraction of the time that there is. */
  readonly brief?: boolean;
  /** Origins of files whose rows are left out. */
  readonly elsewhere?: readonly string[] | undefined;
}

/**
 * The statement that runs: rows as JSON arrays, and `holdfast_deadline()` where it is called often enough to stop the
 * statement and rarely enough to cost nothing. Over a million rows it costs 150 ms when called for each, 10 ms behind a
 * mask over the row id, and as much for each slice of row ids, where the end of a slice is looked for at each row;
 * slices also keep SQLite from using an index. So `brief`, of a table that is read in a fraction of the time, leaves it
 * out where no row can take long by itself. `table` is undefined where the table does not exist here: then it is empty.
 */
export const executableSql = (
  select: Resolved,
  table: StoredTable | undefined,
  { brief = false, elsewhere = [] }: StatementFacts = {},
): string => {
  const used = columnsOf(select);
  if (table === undefined) return printSelect(select, { from: `(SELECT ${nulls(used)} WHERE 0)`, asJson: true });
  const name = quoteName(select.table);
  // SQLite counts the rows of a table without reading them, but only where that is all of the query.
  const left = elsewhere.length > 0;
  if (isPlainCount(select) && !left) return `SELECT json_array(n) FROM (SELECT count(*) AS n FROM ${name})`;
  const names = new Set(table.columns.map((column) => column.name.toLowerCase()));
  const print = (options: PrintOptions): string =>
    printSelect(select, {
      ...options,
      lastCondition: left && names.has('row_id') && names.has('tsd_id') ? notOf(elsewhere, select.table) : undefined,
      asJson: true,
    });
  const lacking = used.filter((column) => !names.has(column.toLowerCase()));
  if (lacking.length > 0) {
    const from = `(SELECT *, ${nulls(lacking)} FROM ${name})`;
    return print({ from, condition: 'holdfast_deadline()' });
  }
  if (brief && !left && isEven(select)) return print({});
  if (!names.has('row_id')) return print({ condition: 'holdfast_deadline()' });
  if (names.has(LOW) || mayUseIndex(select, table.indexed)) return print({ condition: masked('"row_id"') });
  const slices =
    `(WITH RECURSIVE slices(low) AS (SELECT (SELECT min(row_id) FROM ${name}) UNION ALL ` +
    `SELECT low + ${SLICE_ROWS} FROM slices WHERE low + ${SLICE_ROWS} <= (SELECT max(row_id) FROM ${name})) ` +
    `SELECT low AS ${LOW} FROM slices) CROSS JOIN ${name} NOT INDEXED`;
  const condition = `holdfast_deadline(${LOW}) AND "row_id" BETWEEN ${LOW} AND ${LOW} + ${SLICE_ROWS - 1}`;
  return print({ from: slices, condition });
};

/**
 * The condition that a row is of no file of some origins. The row's `tsd_id` is the number of its file, which operators
 * give independently: the record of that number, of each of the origins, is looked up by its key, and the row belongs
 * to it where its row id lies among the record's rows.
 */
const notOf = (origins: readonly string[], table: string): string => {
  const name = quoteText(table.normalize('NFC').toLowerCase());
  return (
    `NOT EXISTS (SELECT 1 FROM holdfast_files AS holdfast_other WHERE holdfast_other.origin IN (${origins.map(quoteText).join(', ')}) ` +
    `AND holdfast_other.file = "tsd_id" AND holdfast_other.table_name = ${name} ` +
    'AND "row_id" BETWEEN holdfast_other.first_row AND holdfast_other.last_row)'
  );
};

/**
 * The statements of a merge: make the table, take up one chunk (a JSON array of rows, bound as text), read the result.
 */
export const mergeSql = ({ columns, merge }: QueryPlan): { create: string; insert: string; result: string } => ({
  create: `CREATE TABLE ${PARTIAL_TABLE} (${columns.map(({ name, affinity }) => `${quoteName(name)} ${affinity}`).join(', ')})`,
  insert: `INSERT INTO ${PARTIAL_TABLE} SELECT ${columns.map((_, index) => `value ->> ${index}`).join(', ')} FROM json_each(?)`,
  result: printSelect(merge, { condition: masked('rowid'), asJson: true }),
});

const masked = (rowId: string): string => `((${rowId} & ${ROWS_BETWEEN_CHECKS - 1}) <> 0 OR holdfast_deadline())`;

const isPlainCount = (select: Resolved): boolean => {
  const [item, ...others] = select.items;
  const { where, having, groupBy, orderBy, limit, offset } = select;
  const bare = [where, having, limit, offset].every((clause) => clause === undefined);
  const only = others.length === 0 && groupBy.length === 0 && orderBy.length === 0;
  return bare && only && item?.expression.kind === 'call' && item.expression.star;
};

/** What takes about the same time for each row, whatever is in it. */
const EVEN_KINDS: ReadonlySet<Expression['kind']> = new Set([
  ...(['number', 'text', 'null', 'column', 'unary', 'binary', 'chain', 'between', 'in', 'is null', 'call'] as const),
]);
const EVEN_CALLS: ReadonlySet<string> = new Set(['count', 'sum', 'total', 'min', 'max', 'avg']);
const EVEN_PARTS_MAX = 64;

const isEven = (select: Resolved): boolean => {
  const parts = partsOf(select).flatMap(everyPart);
  return (
    parts.length <= EVEN_PARTS_MAX &&
    parts.every((part) => EVEN_KINDS.has(part.kind)) &&
    parts.every((part) => part.kind !== 'binary' || part.operator !== '||') &&
    parts.every((part) => part.kind !== 'call' || EVEN_CALLS.has(part.name))
  );
};

/** Whether a column that chooses, groups or orders rows, or whose smallest or largest value is asked, has an index. */
const mayUseIndex = (select: Resolved, indexed: ReadonlySet<string>): boolean => {
  const extremes = partsOf(select)
    .flatMap(everyPart)
    .filter((part) => part.kind === 'call' && (part.name === 'min' || part.name === 'max'));
  const [lone] = extremes;
  const parts = [
    ...(select.where === undefined ? [] : [select.where]),
    ...select.groupBy,
    ...select.orderBy.map(({ expression }) => expression),
    ...(lone !== undefined && extremes.length === 1 ? [lone] : []),
  ];
  return parts
    .flatMap(everyPart)
    .some(
      (part) =>
        part.kind === 'column' && (part.name.toLowerCase() === 'row_id' || indexed.has(part.name.toLowerCase())),
    );
};

const partsOf = (select: Resolved): readonly Expression[] => [
  ...select.items.map(({ expression }) => expression),
  ...(select.where === undefined ? [] : [select.where]),
  ...select.groupBy,
  ...(select.having === undefined ? [] : [select.having]),
  ...select.orderBy.map(({ expression }) => expression),
];

const everyPart = (expression: Expression): readonly Expression[] => [
  expression,
  ...operandsOf(expression).flatMap(everyPart),
];

/** The names of columns that a query uses, each once. */
const columnsOf = (select: Resolved): readonly string[] => {
  const parts = partsOf(select).flatMap(everyPart);
  const names = parts.flatMap((part) => (part.kind === 'column' ? [part.name] : []));
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
};

const nulls = (names: readonly string[]): string =>
  names.length === 0 ? 'NULL' : names.map((name) => `NULL AS ${quoteName(name)}`).join(', ');
