import { fault } from '../base/errors.ts';
import { isNumbered } from '../operator/store/renumber.ts';
import type { ReadConnection } from '../sqlite/sqlite.ts';
import type { Topology } from '../topology/topology.ts';
import { type Expression, operandsOf } from './sql/ast.ts';

/** Operators' member numbers, as the policies have them now, for a query that may choose rows by them. */
export const memberNumbers = ({ operators }: Topology, sql: string): ReadonlyMap<string, number> | undefined =>
  /tsd_name/i.test(sql) ? new Map([...operators.values()].map(({ id, member }) => [id, member])) : undefined;

const names = (expression: Expression, column: string): boolean =>
  (expression.kind === 'column' && expression.name.toLowerCase() === column) ||
  operandsOf(expression).some((operand) => names(operand, column));

/**
 * Does `read`, which chooses rows by `where`: by member numbers, as a committed query does, only where all rows of the
 * database carry those that `members` says. Until they are renumbered rows would be left out, or another member's taken
 * for them. `QUERY_OPERATOR_NOT_FILLED`: another operator is to be asked.
 */
export function* whereNumbered<T, R>(
  connection: ReadConnection,
  where: Expression | undefined,
  members: ReadonlyMap<string, number> | undefined,
  read: () => Generator<T, R, undefined>,
): Generator<T, R, undefined> {
  if (members === undefined || where === undefined || !names(where, 'tsd_name')) return yield* read();
  const check = (): void => {
    if (!isNumbered(connection, members))
      throw fault(
        'QUERY_OPERATOR_NOT_FILLED',
        'the member number of an operator has changed, and its rows do not all carry the new one here yet',
      );
  };
  return yield* atOneMoment(connection, check, read);
}

/** Does `read` of the database as it was when `check` looked at it. */
export function* atOneMoment<T, R>(
  connection: ReadConnection,
  check: () => void,
  read: () => Generator<T, R, undefined>,
): Generator<T, R, undefined> {
  // While one statement is open, all others of the connection see the database as it was when that one began.
  const moment = connection.iterate('select 1 from sqlite_master');
  try {
    moment.next();
    check();
    return yield* read();
  } finally {
    moment.return?.();
  }
}
