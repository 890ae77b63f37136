import { fault, type HoldfastError } from '../../base/errors.ts';

const ACCEPTED =
  'accepted is one plain SELECT of one table: columns, expressions and functions, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT';

/** A refusal of the user's SQL. `data.position` is 1-based; the text shows what stands there. */
export const sqlFault = (code: string, sql: string, at: number, text: string, hint = ACCEPTED): HoldfastError => {
  const near = sql.slice(at, at + 30);
  const where = at >= sql.length ? 'at its end' : `at position ${at + 1}, near ${JSON.stringify(near)}`;
  return fault(code, `SQL ${where}: ${text}`, { data: { position: at + 1, near }, hint });
};
