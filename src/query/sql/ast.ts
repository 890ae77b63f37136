/** What the parser makes of a SELECT. `at` is the 0-based offset in the text that an error points at. */
export type Expression =
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'null' }
  /** `qualifier` is the name before a dot; only the table's own name or its alias may stand there. */
  | { readonly kind: 'column'; readonly name: string; readonly qualifier: string | undefined; readonly at: number }
  /** The moment of the query, moved by the shifts in order. Resolved to a text before anything is printed. */
  | { readonly kind: 'now'; readonly shifts: readonly Shift[] }
  | { readonly kind: 'unary'; readonly operator: '-' | '+' | 'NOT'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** Flat, so that a long chain is not deep. */
  | { readonly kind: 'chain'; readonly operator: 'AND' | 'OR'; readonly terms: readonly Expression[] }
  | {
      readonly kind: 'between';
      readonly negated: boolean;
      readonly operand: Expression;
      readonly low: Expression;
      readonly high: Expression;
    }
  | {
      readonly kind: 'in';
      readonly negated: boolean;
      readonly operand: Expression;
      readonly list: readonly Expression[];
    }
  | {
      readonly kind: 'like';
      readonly operator: 'LIKE' | 'GLOB';
      readonly negated: boolean;
      readonly operand: Expression;
      readonly pattern: Expression;
      readonly escape: Expression | undefined;
    }
  | { readonly kind: 'is null'; readonly negated: boolean; readonly operand: Expression }
  | {
      readonly kind: 'case';
      readonly operand: Expression | undefined;
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
      readonly otherwise: Expression | undefined;
    }
  | { readonly kind: 'cast'; readonly operand: Expression; readonly type: CastType }
  /** `name` in lower case; `count(*)` has `star`. */
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly arguments: readonly Expression[];
      readonly distinct: boolean;
      readonly star: boolean;
      readonly at: number;
    };

/** An operator between two operands, as SQLite spells it. AND and OR are chains. */
export type BinaryOperator =
  | '=' | '<>' | '<' | '<=' | '>' | '>=' | 'IS' | 'IS NOT' | '+' | '-' | '*' | '/' | '%' | '||'; // prettier-ignore
/** What a cast makes: a type of SQLite's. */
export type CastType = 'INTEGER' | 'REAL' | 'TEXT' | 'NUMERIC';

/** A unit of the calendar; `month` and `year` differ in length. */
export type TimeUnit = 'year' | 'month' | 'week' | 'day' | 'hour' | 'minute' | 'second';
/** A stretch of time; negative towards the past. */
export interface Shift {
  readonly count: number;
  readonly unit: TimeUnit;
}

/** What stands between SELECT and FROM, one by one. */
export interface SelectItem {
  /** `*` where undefined. */
  readonly expression: Expression | undefined;
  readonly alias: string | undefined;
  /** The user's own words for it, lower case: the title where there is neither an alias nor a plain column. */
  readonly words: string;
  readonly at: number;
}

/** What rows are ordered by, one by one; `nulls` as written. */
export interface OrderTerm {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nulls: 'FIRST' | 'LAST' | undefined;
}

/** `period(unit, count, date, column {, and condition})`: the last stretch of that length with data, up to a date. */
export interface Period {
  readonly length: Shift;
  readonly until: Expression;
  readonly column: Expression;
  readonly condition: Expression | undefined;
  readonly at: number;
}

/** A SELECT as it was written, not checked against any table. `limit` and `offset` count rows. */
export interface Select {
  readonly distinct: boolean;
  readonly items: readonly SelectItem[];
  readonly table: string;
  readonly alias: string | undefined;
  readonly where: Expression | undefined;
  readonly period: Period | undefined;
  readonly groupBy: readonly Expression[];
  readonly having: Expression | undefined;
  readonly orderBy: readonly OrderTerm[];
  readonly limit: number | undefined;
  readonly offset: number | undefined;
}

/** The direct operands of an expression. */
export const operandsOf = (expression: Expression): readonly Expression[] => {
  switch (expression.kind) {
    case 'number':
    case 'text':
    case 'null':
    case 'column':
    case 'now':
      return [];
    case 'unary':
    case 'cast':
    case 'is null':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'chain':
      return expression.terms;
    case 'between':
      return [expression.operand, expression.low, expression.high];
    case 'in':
      return [expression.operand, ...expression.list];
    case 'like':
      return [expression.operand, expression.pattern, ...optional(expression.escape)];
    case 'case':
      return [
        ...optional(expression.operand),
        ...expression.branches.flatMap(({ when, then }) => [when, then]),
        ...optional(expression.otherwise),
      ];
    case 'call':
      return expression.arguments;
  }
};

const optional = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);

/** The same expression with each direct operand replaced by what `change` makes of it. */
export const mapOperands = (expression: Expression, change: (operand: Expression) => Expression): Expression => {
  const maybe = (operand: Expression | undefined): Expression | undefined =>
    operand === undefined ? undefined : change(operand);
  switch (expression.kind) {
    case 'number':
    case 'text':
    case 'null':
    case 'column':
    case 'now':
      return expression;
    case 'unary':
    case 'cast':
    case 'is null':
      return { ...expression, operand: change(expression.operand) };
    case 'binary':
      return { ...expression, left: change(expression.left), right: change(expression.right) };
    case 'chain':
      return { ...expression, terms: expression.terms.map(change) };
    case 'between':
      return {
        ...expression,
        operand: change(expression.operand),
        low: change(expression.low),
        high: change(expression.high),
      };
    case 'in':
      return { ...expression, operand: change(expression.operand), list: expression.list.map(change) };
    case 'like':
      return {
        ...expression,
        operand: change(expression.operand),
        pattern: change(expression.pattern),
        escape: maybe(expression.escape),
      };
    case 'case':
      return {
        ...expression,
        operand: maybe(expression.operand),
        branches: expression.branches.map(({ when, then }) => ({ when: change(when), then: change(then) })),
        otherwise: maybe(expression.otherwise),
      };
    case 'call':
      return { ...expression, arguments: expression.arguments.map(change) };
  }
};

/** Both terms at once; the one that there is where the other is missing. */
export const both = (a: Expression | undefined, b: Expression | undefined): Expression | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return { kind: 'chain', operator: 'AND', terms: [a, b] };
};

/** A column by its name alone. */
export const column = (name: string): Expression => ({ kind: 'column', name, qualifier: undefined, at: 0 });
/** A number as SQL has it. */
export const number = (value: number): Expression => ({ kind: 'number', text: String(value) });
/** A call of a function by its name in lower case. */
export const call = (name: string, ...operands: readonly Expression[]): Expression => ({
  kind: 'call',
  name,
  arguments: operands,
  distinct: false,
  star: false,
  at: 0,
});
