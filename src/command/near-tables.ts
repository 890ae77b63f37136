import { fault, HoldfastError } from '../base/errors.ts';
import type { CommandContext } from './context.ts';
import { closest } from './grammar/suggest.ts';
import type { MayReach } from './health/reach.ts';
import type { Note } from './note.ts';

/** What is told of tables: those of the policies that the caller may reach. */
interface Told {
  readonly context: Pick<CommandContext, 'topology'>;
  readonly mayReach: MayReach;
}

interface Named {
  readonly dbms: string | undefined;
  readonly table: string | undefined;
}

/** The names in reach of the kind that was given: `dbms.table`, or one of the two. */
const namesLike = ({ context, mayReach }: Told, { dbms, table }: Named): ReadonlySet<string> =>
  new Set(
    context
      .topology()
      .tables()
      .filter((held) => mayReach(held.dbms, held.name))
      .map((held) => (table === undefined ? held.dbms : dbms === undefined ? held.name : `${held.dbms}.${held.name}`)),
  );

const given = ({ dbms, table }: Named): string => [dbms, table].filter((part) => part !== undefined).join('.');

const NO_TABLE: ReadonlySet<string> = new Set(['QUERY_TABLE_UNKNOWN', 'SQL_NO_TABLE']);

/** Of a query whose table is not there, the error with those that may be meant; any other error as it is. */
export const withNearTable = (caught: unknown, told: Told): unknown => {
  if (!(caught instanceof HoldfastError) || !NO_TABLE.has(caught.code)) return caught;
  const { code, message, data } = caught;
  const { dbms, table } = data;
  if (typeof dbms !== 'string' || typeof table !== 'string') return caught;
  const near = closest(`${dbms}.${table}`, namesLike(told, { dbms, table }));
  return near.length === 0 ? caught : fault(code, message, { data, cause: caught, hint: `Maybe: ${near.join(', ')}` });
};

/** Beside a list that is empty since no table in reach has the name that was given. */
export const noteOnTable = (told: Told, named: Named): Note | undefined => {
  const name = given(named);
  const names = namesLike(told, named);
  if (name === '' || [...names].some((known) => known.toLowerCase() === name.toLowerCase())) return undefined;
  const what = `no policy is of a ${named.table === undefined ? 'table of the database' : 'table'} ${name.slice(0, 128)}`;
  const near = closest(name, names);
  return { code: 'TABLE_UNKNOWN', text: near.length === 0 ? what : `${what}; did you mean ${near.join(', ')}?` };
};
