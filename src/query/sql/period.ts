import type { Expression, Period } from './ast.ts';
import { sqlFault } from './sql-faults.ts';
import { timeUnit } from './units.ts';

/** Takes `period(…)` out of a WHERE whose terms are joined by AND. `SQL_ARGUMENTS` where it is malformed. */
export const periodOf = (
  where: Expression | undefined,
  sql: string,
): { readonly period: Period | undefined; readonly rest: Expression | undefined } => {
  const terms = where === undefined ? [] : where.kind === 'chain' && where.operator === 'AND' ? where.terms : [where];
  const calls = terms.filter((term) => term.kind === 'call' && term.name === 'period');
  const [first] = calls;
  if (first?.kind !== 'call') return { period: undefined, rest: where };
  if (calls.length > 1) throw sqlFault('SQL_ARGUMENTS', sql, first.at, 'only one period is accepted');
  const others = terms.filter((term) => term !== first);
  const rest: Expression | undefined =
    others.length < 2 ? others[0] : { kind: 'chain', operator: 'AND', terms: others };
  return { period: asPeriod(first, sql), rest };
};

const asPeriod = (call: Expression & { readonly kind: 'call' }, sql: string): Period => {
  const [unitText, countText, until, column, condition, surplus] = call.arguments;
  const unit = unitText?.kind === 'text' ? timeUnit(unitText.value) : undefined;
  const count = countText?.kind === 'number' ? Number(countText.text) : 0;
  if (
    unit === undefined ||
    !Number.isSafeInteger(count) ||
    count < 1 ||
    until === undefined ||
    column?.kind !== 'column' ||
    surplus !== undefined
  )
    throw sqlFault(
      'SQL_ARGUMENTS',
      sql,
      call.at,
      'a period is written period(unit, count, date, column {, and condition})',
    );
  return { length: { count: -count, unit }, until, column, condition, at: call.at };
};
