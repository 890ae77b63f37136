import type { Column } from '../../topology/topology.ts';
import { SQL_RESULT_COLUMNS_MAX } from '../../base/limits.ts';
import type { Expression, OrderTerm, Select } from './ast.ts';
import { both, operandsOf } from './ast.ts';
import { isAggregate } from './functions.ts';
import { bucketOf } from './increments.ts';
import { printExpression } from './print.ts';
import type { Resolved, ResolvedItem, ResolvedPeriod } from './resolved.ts';
import { Rewriter } from './rewrite.ts';
import { sqlFault } from './sql-faults.ts';
import type { Micros } from './times.ts';

/** What a query is checked against. */
export interface ResolveContext {
  /** The table's columns in order; undefined where the table does not exist here, then any column will do. */
  readonly columns: readonly Column[] | undefined;
  /** Columns that `*` leaves out: they can be named. */
  readonly hidden?: readonly string[];
  /** The moment that `now()` means. */
  readonly now: Micros;
}

/**
 * Checks a parsed SELECT against a table and the allow-list. Errors: `SQL_NO_COLUMN`, `SQL_FUNCTION`, `SQL_ARGUMENTS`,
 * `SQL_AGGREGATE_MISPLACED`, `SQL_COLUMN_NOT_GROUPED`, `SQL_NOT_SUPPORTED`, `SQL_TOO_COMPLEX`.
 */
export const resolve = (select: Select, sql: string, context: ResolveContext): Resolved =>
  new Resolver(select, sql, context).resolved();

/** Whether the expression itself is the call of an aggregate; what is in it does not count. */
export const isAggregateCall = (expression: Expression): expression is Expression & { readonly kind: 'call' } =>
  expression.kind === 'call' && isAggregate(expression.name, expression.arguments.length);

const hasAggregate = (expression: Expression): boolean =>
  isAggregateCall(expression) || operandsOf(expression).some(hasAggregate);

/** The same for every row and every group: an aggregate is not, even over a constant (`count(1)`). */
const isConstant = (expression: Expression): boolean =>
  expression.kind !== 'column' && !isAggregateCall(expression) && operandsOf(expression).every(isConstant);

interface Item extends ResolvedItem {
  readonly alias: string | undefined;
}

class Resolver {
  readonly #select: Select;
  readonly #sql: string;
  readonly #context: ResolveContext;
  readonly #rewriter: Rewriter;
  #items: readonly Item[] = [];

  constructor(select: Select, sql: string, context: ResolveContext) {
    this.#select = select;
    this.#sql = sql;
    this.#context = context;
    this.#rewriter = new Rewriter(sql, {
      ...context,
      names: [select.table, ...(select.alias === undefined ? [] : [select.alias])],
    });
  }

  resolved(): Resolved {
    const select = this.#select;
    const buckets = this.#buckets();
    this.#items = this.#expanded();
    const where = select.where === undefined ? undefined : this.#rewriter.rewrite(select.where);
    if (where !== undefined) this.#refuseAggregates(where, 'WHERE');
    const named = [...select.groupBy.map((term) => this.#groupTerm(term, buckets.length > 0)), ...buckets];
    const having = select.having === undefined ? undefined : this.#named(select.having);
    const orderBy = this.#order(buckets);
    const used = [...this.#items.map(({ expression }) => expression), ...orderBy.map((term) => term.expression)];
    const aggregated = [...used, ...(having === undefined ? [] : [having])].some(hasAggregate);
    const groupBy = select.distinct ? this.#distinct(aggregated || named.length > 0) : unique(named);
    if (having !== undefined && !aggregated && groupBy.length === 0)
      throw this.#fault('SQL_AGGREGATE_MISPLACED', 0, 'HAVING needs a GROUP BY or an aggregate; WHERE chooses rows');
    const grouped = aggregated || groupBy.length > 0;
    if (grouped)
      for (const expression of [...used, ...(having === undefined ? [] : [having])])
        this.#checkGrouped(expression, groupBy);
    return {
      table: select.table,
      items: this.#items.map(({ expression, title, type }) => ({ expression, title, type })),
      where,
      period: this.#period(),
      groupBy,
      having,
      orderBy,
      limit: select.limit,
      offset: select.offset,
      grouped,
    };
  }

  /** `increments(unit, count, column)` among the items is no column of the result: it groups the rows by time. */
  #buckets(): readonly Expression[] {
    return this.#select.items.flatMap(({ expression }) => {
      if (expression?.kind !== 'call' || expression.name !== 'increments') return [];
      return [this.#rewriter.rewrite(bucketOf(expression, this.#sql))];
    });
  }

  #expanded(): readonly Item[] {
    const items = this.#select.items.flatMap((item): readonly Item[] => {
      if (item.expression === undefined) return this.#allColumns(item.at);
      if (item.expression.kind === 'call' && item.expression.name === 'increments') return [];
      const expression = this.#rewriter.rewrite(item.expression);
      const plain = item.expression.kind === 'column' && expression.kind === 'column' ? expression : undefined;
      const title = item.alias ?? plain?.name ?? item.words;
      return [{ expression, title, alias: item.alias, type: this.#typeOf(expression) }];
    });
    if (items.length === 0) throw this.#fault('SQL_ARGUMENTS', 0, 'increments stands beside columns or aggregates');
    if (items.length > SQL_RESULT_COLUMNS_MAX)
      throw this.#fault('SQL_TOO_COMPLEX', 0, `it asks for more than ${SQL_RESULT_COLUMNS_MAX} columns`);
    for (const { expression } of items) this.#refuseNesting(expression);
    return items;
  }

  #allColumns(at: number): readonly Item[] {
    const { columns, hidden = [] } = this.#context;
    if (columns === undefined) throw this.#fault('SQL_NOT_SUPPORTED', at, 'the columns of `*` are not known');
    const shown = columns.filter(({ name }) => !hidden.includes(name));
    return shown.map(({ name, type }) => ({
      expression: { kind: 'column', name, qualifier: undefined, at },
      title: name,
      alias: undefined,
      type,
    }));
  }

  /** Of a plain column, or of the smallest or largest value of one. */
  #typeOf(expression: Expression): string | null {
    const { kind } = expression;
    const [operand] =
      kind === 'call' && (expression.name === 'min' || expression.name === 'max') ? expression.arguments : [];
    const subject = operand !== undefined && isAggregateCall(expression) ? operand : expression;
    if (subject.kind !== 'column') return null;
    return this.#context.columns?.find((column) => column.name === subject.name)?.type ?? null;
  }

  /** A whole number is the position of an item. */
  #ordinal(term: Expression, clause: string): Item | undefined {
    if (term.kind !== 'number' || !/^[0-9]+$/.test(term.text)) return undefined;
    const item = this.#items[Number(term.text) - 1];
    if (item === undefined)
      throw this.#fault('SQL_ARGUMENTS', 0, `${clause} ${term.text}: the SELECT has ${this.#items.length} columns`);
    return item;
  }

  #groupTerm(term: Expression, byIncrements: boolean): Expression {
    const item = this.#ordinal(term, 'GROUP BY');
    if (item !== undefined && hasAggregate(item.expression))
      throw sqlFault(
        'SQL_AGGREGATE_MISPLACED',
        this.#sql,
        positionOf(item.expression),
        `GROUP BY ${printExpression(term)} is the column ${item.title} of the result, an aggregate`,
        byIncrements
          ? 'increments is no column of the result and groups the rows by itself: leave GROUP BY out, or name more columns in it'
          : 'name columns that are no aggregates',
      );
    const expression = item?.expression ?? this.#named(term);
    this.#refuseAggregates(expression, 'GROUP BY');
    return expression;
  }

  /** An expression in which a name that is no column may be an alias. */
  #named(expression: Expression): Expression {
    const resolved = this.#rewriter.rewrite(expression, (name) => this.#aliased(name));
    this.#refuseNesting(resolved);
    return resolved;
  }

  #aliased(name: string): Expression | undefined {
    return this.#items.find(({ alias }) => alias?.toLowerCase() === name.toLowerCase())?.expression;
  }

  /** A constant orders nothing and is dropped. A lone name is an alias before it is a column, as in SQLite. */
  #order(buckets: readonly Expression[]): readonly OrderTerm[] {
    const terms = this.#select.orderBy.map((term) => {
      const { expression } = term;
      const alias =
        expression.kind === 'column' && expression.qualifier === undefined ? this.#aliased(expression.name) : undefined;
      return {
        ...term,
        expression: alias ?? this.#ordinal(expression, 'ORDER BY')?.expression ?? this.#named(expression),
      };
    });
    const given = terms.filter(({ expression }) => !isConstant(expression));
    if (given.length > 0) return given;
    return buckets.map((expression) => ({ expression, descending: false, nulls: undefined }));
  }

  #distinct(grouped: boolean): readonly Expression[] {
    if (grouped)
      throw this.#fault('SQL_NOT_SUPPORTED', 0, 'DISTINCT together with GROUP BY or aggregates is not accepted');
    return unique(this.#items.map(({ expression }) => expression));
  }

  #period(): ResolvedPeriod | undefined {
    const { period } = this.#select;
    if (period === undefined) return undefined;
    const condition = period.condition === undefined ? undefined : this.#rewriter.rewrite(period.condition);
    const test: Expression = { kind: 'binary', operator: '<=', left: period.column, right: period.until };
    const bound = this.#rewriter.rewrite(test);
    for (const part of [bound, ...(condition === undefined ? [] : [condition])]) this.#refuseAggregates(part, 'period');
    if (bound.kind !== 'binary')
      throw this.#fault('SQL_ARGUMENTS', period.at, 'the date of the period is not understood');
    return { length: period.length, column: bound.left, until: bound.right, condition };
  }

  #refuseAggregates(expression: Expression, place: string): void {
    if (!hasAggregate(expression)) return;
    throw this.#fault('SQL_AGGREGATE_MISPLACED', positionOf(expression), `an aggregate cannot stand in ${place}`);
  }

  #refuseNesting(expression: Expression): void {
    for (const operand of operandsOf(expression)) {
      if (isAggregateCall(expression)) this.#refuseAggregates(operand, 'an aggregate');
      this.#refuseNesting(operand);
    }
  }

  #checkGrouped(expression: Expression, groupBy: readonly Expression[]): void {
    if (groupBy.length > 0 && groupBy.some((group) => sameExpression(group, expression))) return;
    if (isAggregateCall(expression)) return;
    if (expression.kind === 'column')
      throw this.#fault(
        'SQL_COLUMN_NOT_GROUPED',
        expression.at,
        `the column ${expression.name} stands neither in GROUP BY nor in an aggregate: its value would be any row's`,
      );
    for (const operand of operandsOf(expression)) this.#checkGrouped(operand, groupBy);
  }

  #fault(code: string, at: number, text: string): Error {
    return sqlFault(code, this.#sql, at, text);
  }
}

/** Equal once positions are left out. */
export const sameExpression = (a: Expression, b: Expression): boolean =>
  a.kind === b.kind && printExpression(a) === printExpression(b);

const unique = (expressions: readonly Expression[]): readonly Expression[] => [
  ...new Map(expressions.map((expression) => [printExpression(expression), expression])).values(),
];

const positionOf = (expression: Expression): number => {
  if ('at' in expression) return expression.at;
  for (const operand of operandsOf(expression)) {
    const at = positionOf(operand);
    if (at > 0) return at;
  }
  return 0;
};

/** The same query with one more condition on its rows. */
export const restricted = (select: Resolved, condition: Expression | undefined): Resolved => ({
  ...select,
  where: both(select.where, condition),
});
