import type { Expression, OrderTerm, Shift } from './ast.ts';

/** A column of the result. */
export interface ResolvedItem {
  readonly expression: Expression;
  readonly title: string;
  /** Declared type of a plain column, and of its min and max. */
  readonly type: string | null;
}

/**
 * `period(…)` with its date fixed: the last stretch of `length` (negative) that ends with the newest row up to `until`.
 */
export interface ResolvedPeriod {
  readonly length: Shift;
  readonly column: Expression;
  readonly until: Expression;
  readonly condition: Expression | undefined;
}

/**
 * A SELECT that may be printed: (1) each column exists and has the table's spelling, (2) each function is allowed,
 * (3) ordinals and aliases have become expressions, `*` columns, DISTINCT a GROUP BY, `now()` a text,
 * (4) in a grouped query each column outside an aggregate is part of a GROUP BY expression, (5) aggregates do not nest.
 */
export interface Resolved {
  readonly table: string;
  readonly items: readonly ResolvedItem[];
  readonly where: Expression | undefined;
  readonly period: ResolvedPeriod | undefined;
  readonly groupBy: readonly Expression[];
  readonly having: Expression | undefined;
  readonly orderBy: readonly OrderTerm[];
  readonly limit: number | undefined;
  readonly offset: number | undefined;
  /** One row a group: there is a GROUP BY, a HAVING or an aggregate. */
  readonly grouped: boolean;
}
