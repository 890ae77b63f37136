import { hasCode } from '../base/errors.ts';
import type { CommandContext } from './context.ts';
import { inspectReads } from './inspect.ts';

/** Tables that a database of this node has, empty for one that does not exist. */
export const localTables = async (
  { sqlite }: Pick<CommandContext, 'sqlite'>,
  dbms: string,
): Promise<readonly string[]> => {
  try {
    return await sqlite.read(inspectReads, 'tables', dbms);
  } catch (caught) {
    if (hasCode(caught, 'SQLITE_NO_DATABASE')) return [];
    throw caught;
  }
};

/** The databases of this node. */
export const databaseNames = ({ sqlite }: Pick<CommandContext, 'sqlite'>): Promise<readonly string[]> =>
  sqlite.read(inspectReads, 'names');

/** What makes a database that is missing. */
export const howToConnect = (dbms: string): string =>
  `a database arises with its first data, or by: connect dbms ${dbms} where type = sqlite`;

/** Of a table that is missing: where those beside it are listed, or that its database is missing as well. */
export const seeTables = async (context: CommandContext, dbms: string): Promise<string> => {
  const declared = context.topology().tables();
  return declared.some((table) => table.dbms === dbms) || (await databaseNames(context)).includes(dbms)
    ? `see: get tables where dbms = ${dbms}`
    : `there is no database ${dbms} either (get databases, get tables where dbms = *): ${howToConnect(dbms)}`;
};
