import type { Column } from '../topology/topology.ts';
import { PARTIAL_TABLE, type QueryPlan } from './plan.ts';
import { type Expression, operandsOf } from './sql/ast.ts';
import { printSelect, quoteName } from './sql/print.ts';
import { isAggregateCall, type Resolved } from './sql/resolve.ts';

/** A call of the deadline function costs as much as reading a row: it is made for one row of this many. */
const ROWS_BETWEEN_CHECKS = 4_096;
const SLICE_ROWS = 10_000;
const SLICE = 'holdfast_slice';
const LOW = 'holdfast_low';

/**
 * The statement that runs: rows as JSON arrays, and `holdfast_deadline()` where it is called often enough to stop the
 * statement and rarely enough to cost nothing (over a million rows: 150 ms for each row, 10 ms by a mask over the row
 * id, 3 ms by slices of row ids). `columns` are those of the table, undefined where it does not exist here: then it is empty.
 */
export const executableSql = (select: Resolved, columns: readonly Column[] | undefined): string => {
  const used = columnsOf(select);
  if (columns === undefined) return printSelect(select, { from: `(SELECT ${nulls(used)} WHERE 0)`, asJson: true });
  if (countsOnly(select)) return printSelect(select, { asJson: true });
  const names = new Set(columns.map(({ name }) => name.toLowerCase()));
  const lacking = used.filter((name) => !names.has(name.toLowerCase()));
  if (lacking.length > 0) {
    const from = `(SELECT *, ${nulls(lacking)} FROM ${quoteName(select.table)})`;
    return printSelect(select, { from, condition: 'holdfast_deadline()', asJson: true });
  }
  if (!names.has('row_id')) return printSelect(select, { condition: 'holdfast_deadline()', asJson: true });
  if (!readsAll(select) || names.has(LOW)) return printSelect(select, { condition: masked('"row_id"'), asJson: true });
  const table = quoteName(select.table);
  const slices =
    `(WITH RECURSIVE slices(low) AS (SELECT (SELECT min(row_id) FROM ${table}) UNION ALL ` +
    `SELECT low + ${SLICE_ROWS} FROM slices WHERE low + ${SLICE_ROWS} <= (SELECT max(row_id) FROM ${table})) ` +
    `SELECT low AS ${LOW} FROM slices) AS ${SLICE} CROSS JOIN ${table}`;
  const condition = `holdfast_deadline(${LOW}) AND "row_id" BETWEEN ${LOW} AND ${LOW} + ${SLICE_ROWS - 1}`;
  return printSelect(select, { from: slices, condition, asJson: true });
};

/** The statements of a merge: make the table, take up one chunk (a JSON array of rows, bound as text), read the result. */
export const mergeSql = ({ columns, merge }: QueryPlan): { create: string; insert: string; result: string } => ({
  create: `CREATE TABLE ${PARTIAL_TABLE} (${columns.map(({ name, affinity }) => `${quoteName(name)} ${affinity}`).join(', ')})`,
  insert: `INSERT INTO ${PARTIAL_TABLE} SELECT ${columns.map((_, index) => `value ->> ${index}`).join(', ')} FROM json_each(?)`,
  result: printSelect(merge, { condition: masked('rowid'), asJson: true }),
});

const masked = (rowId: string): string => `((${rowId} & ${ROWS_BETWEEN_CHECKS - 1}) <> 0 OR holdfast_deadline())`;

/** SQLite counts the rows of a whole table without reading them. */
const countsOnly = (select: Resolved): boolean =>
  select.where === undefined &&
  select.groupBy.length === 0 &&
  select.grouped &&
  aggregatesOf(select).every((aggregate) => aggregate.star);

/** An aggregate over the whole table. A lone min or max is left alone: an index may answer it. */
const readsAll = (select: Resolved): boolean => {
  if (select.where !== undefined || select.groupBy.length > 0 || !select.grouped) return false;
  const [first, ...others] = aggregatesOf(select);
  return others.length > 0 || (first !== undefined && first.name !== 'min' && first.name !== 'max');
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

const aggregatesOf = (select: Resolved) => partsOf(select).flatMap(everyPart).filter(isAggregateCall);

/** The names of columns that a query uses, each once. */
const columnsOf = (select: Resolved): readonly string[] => {
  const parts = partsOf(select).flatMap(everyPart);
  const names = parts.flatMap((part) => (part.kind === 'column' ? [part.name] : []));
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
};

const nulls = (names: readonly string[]): string =>
  names.length === 0 ? 'NULL' : names.map((name) => `NULL AS ${quoteName(name)}`).join(', ');
