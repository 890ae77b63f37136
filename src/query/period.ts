import type { SqlValue } from '../sqlite/sqlite.ts';
import { both, call, type Expression, number } from './sql/ast.ts';
import { restricted } from './sql/resolve.ts';
import type { Resolved, ResolvedPeriod } from './sql/resolved.ts';
import { dateText, microsOf, shifted, timestampText } from './sql/times.ts';

const compare = (operator: '>' | '<=', left: Expression, right: Expression): Expression => ({
  kind: 'binary',
  operator,
  left,
  right,
});

/** The query for the newest moment up to the period's date. */
export const lastMoment = (query: Resolved, { column, until, condition }: ResolvedPeriod): Resolved => ({
  ...query,
  items: [{ expression: call('max', column), title: '', type: null }],
  where: both(compare('<=', column, until), condition),
  period: undefined,
  groupBy: [],
  having: undefined,
  orderBy: [],
  limit: undefined,
  offset: undefined,
  grouped: true,
});

/**
 * The query over the stretch that ends at that moment, its beginning not included; over nothing where there is none.
 */
export const withinPeriod = (query: Resolved, period: ResolvedPeriod, last: SqlValue | undefined): Resolved => {
  const end = typeof last === 'string' ? dateText(last, 0) : undefined;
  const start = end === undefined ? undefined : timestampText(shifted(microsOf(end), period.length));
  if (typeof last !== 'string' || start === undefined) return restricted({ ...query, period: undefined }, number(0));
  const stretch = both(
    compare('>', period.column, { kind: 'text', value: start }),
    compare('<=', period.column, { kind: 'text', value: last }),
  );
  return restricted({ ...query, period: undefined }, both(stretch, period.condition));
};
