import { call, type Expression, number } from './ast.ts';
import { sqlFault } from './sql-faults.ts';
import { timeUnit } from './units.ts';

const SECONDS = { week: 604_800, day: 86_400, hour: 3_600, minute: 60, second: 1 } as const;
/** 1970-01-01 was a Thursday: weeks begin on Mondays when counted from three days before. */
const WEEK_SHIFT_SECONDS = 259_200;

/**
 * The group that `increments(unit, count, column)` puts a row into: its time, divided into stretches of that length.
 */
export const bucketOf = (increments: Expression & { readonly kind: 'call' }, sql: string): Expression => {
  const [unitText, countText, column, surplus] = increments.arguments;
  const unit = unitText?.kind === 'text' ? timeUnit(unitText.value) : undefined;
  const count = countText?.kind === 'number' ? Number(countText.text) : 0;
  if (unit === undefined || !Number.isSafeInteger(count) || count < 1 || column === undefined || surplus !== undefined)
    throw sqlFault('SQL_ARGUMENTS', sql, increments.at, 'increments is written increments(unit, count, column)');
  if (unit === 'year' || unit === 'month') return divided(months(column), count * (unit === 'year' ? 12 : 1));
  const seconds = call('unixepoch', column);
  return divided(unit === 'week' ? sum(seconds, WEEK_SHIFT_SECONDS) : seconds, count * SECONDS[unit]);
};

const binary = (operator: '+' | '*' | '/', left: Expression, right: Expression): Expression => ({
  kind: 'binary',
  operator,
  left,
  right,
});
const sum = (value: Expression, more: number): Expression => binary('+', value, number(more));
const divided = (value: Expression, by: number): Expression => binary('/', value, number(by));

const months = (column: Expression): Expression => {
  const part = (format: string): Expression => ({
    kind: 'cast',
    operand: call('strftime', { kind: 'text', value: format }, column),
    type: 'INTEGER',
  });
  return binary('+', binary('*', part('%Y'), number(12)), sum(part('%m'), -1));
};
