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
