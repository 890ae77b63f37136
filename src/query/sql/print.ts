import type { Expression } from './ast.ts';
import type { Resolved } from './resolved.ts';

/** A name as SQLite and our parser read it back, whatever is in it. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A text as SQLite reads it. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

type Printers = { readonly [K in Expression['kind']]: (expression: Expression & { readonly kind: K }) => string };

const PRINTERS: Printers = {
  number: ({ text }) => text,
  text: ({ value }) => quoteText(value),
  null: () => 'NULL',
  column: ({ name }) => quoteName(name),
  now: () => {
    throw new TypeError('now() is resolved before printing');
  },
  unary: ({ operator, operand }) => `(${operator} ${print(operand)})`,
  binary: ({ left, operator, right }) => `(${print(left)} ${operator} ${print(right)})`,
  chain: ({ terms, operator }) => `(${terms.map(print).join(` ${operator} `)})`,
  between: (test) => `(${print(test.operand)}${not(test)} BETWEEN ${print(test.low)} AND ${print(test.high)})`,
  in: (test) => `(${print(test.operand)}${not(test)} IN (${printAll(test.list)}))`,
  like: (test) => {
    const escape = test.escape === undefined ? '' : ` ESCAPE ${print(test.escape)}`;
    return `(${print(test.operand)}${not(test)} ${test.operator} ${print(test.pattern)}${escape})`;
  },
  'is null': (test) => `(${print(test.operand)} IS${not(test)} NULL)`,
  case: ({ operand, branches, otherwise }) => {
    const first = operand === undefined ? '' : ` ${print(operand)}`;
    const middle = branches.map(({ when, then }) => ` WHEN ${print(when)} THEN ${print(then)}`).join('');
    return `CASE${first}${middle}${otherwise === undefined ? '' : ` ELSE ${print(otherwise)}`} END`;
  },
  cast: ({ operand, type }) => `CAST(${print(operand)} AS ${type})`,
  call: ({ name, star, distinct, arguments: operands }) =>
    star ? `${name}(*)` : `${name}(${distinct ? 'DISTINCT ' : ''}${printAll(operands)})`,
};

const print = (expression: Expression): string =>
  (PRINTERS[expression.kind] as (expression: Expression) => string)(expression);
const printAll = (list: readonly Expression[]): string => list.map(print).join(', ');
const not = ({ negated }: { readonly negated: boolean }): string => (negated ? ' NOT' : '');

/** Prints an expression with every precedence made explicit. Only values of our own types are printed, never the user's text. */
export const printExpression = (expression: Expression): string => print(expression);

/** What is printed beside the SELECT itself. */
export interface PrintOptions {
  /** The relation to read; the table itself where it is left out. */
  readonly from?: string;
  /** A condition of ours, as SQL. It comes first: SQLite stops at the first that does not hold. */
  readonly condition?: string | undefined;
  /** One that is looked at last. */
  readonly lastCondition?: string | undefined;
  /** To be run: each row as one text column, a JSON array, which keeps integers and reals apart on their way. */
  readonly asJson?: boolean;
}

/**
 * Prints a resolved SELECT. Items have no aliases: an alias of ours could be taken for a column. What the user wrote as
 * ordinals and aliases has become expressions.
 */
export const printSelect = (
  select: Resolved,
  { from, condition, lastCondition, asJson = false }: PrintOptions = {},
): string => {
  const items = select.items.map(({ expression }) => printExpression(expression)).join(', ');
  const where = [condition, select.where === undefined ? undefined : printExpression(select.where), lastCondition];
  const tests = where.filter((term) => term !== undefined);
  const parts = [
    `SELECT ${asJson ? `json_array(${items})` : items} FROM ${from ?? quoteName(select.table)}`,
    tests.length > 0 ? `WHERE ${tests.join(' AND ')}` : '',
    select.groupBy.length > 0 ? `GROUP BY ${select.groupBy.map((term) => printTerm(term, asJson)).join(', ')}` : '',
    select.having === undefined ? '' : `HAVING ${printExpression(select.having)}`,
    select.orderBy.length > 0 ? `ORDER BY ${select.orderBy.map((term) => printOrder(term, asJson)).join(', ')}` : '',
    select.limit === undefined ? '' : `LIMIT ${select.limit}`,
    select.offset === undefined ? '' : `OFFSET ${select.offset}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
};

/**
 * A number would be read as the position of an item: by our parser where it is written, by SQLite also where its parser
 * reduces something to one, such as `0 IS NULL` or `x AND 0`. The kinds here never are.
 */
const LASTING: ReadonlySet<Expression['kind']> = new Set(['column', 'call', 'cast', 'case', 'binary']);
const printTerm = (expression: Expression, forSqlite: boolean): string =>
  expression.kind === 'number' || (forSqlite && !LASTING.has(expression.kind))
    ? `coalesce(${printExpression(expression)}, NULL)`
    : printExpression(expression);

const printOrder = ({ expression, descending, nulls }: Resolved['orderBy'][number], forSqlite: boolean): string =>
  `${printTerm(expression, forSqlite)}${descending ? ' DESC' : ''}${nulls === undefined ? '' : ` NULLS ${nulls}`}`;
