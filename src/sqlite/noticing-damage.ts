import { asFault } from '../base/errors.ts';
import type { Sqlite } from './sqlite.ts';

/** The same port, that tells of each damaged database file that a call or a stream meets, by its name. */
export const noticingDamage = (sqlite: Sqlite, notice: (database: string) => void): Sqlite => {
  const look = (caught: unknown): never => {
    const { code, data } = asFault(caught);
    if (code === 'SQLITE_CORRUPT' && typeof data['database'] === 'string') notice(data['database']);
    throw caught;
  };
  return {
    notices: sqlite.notices,
    write: (target, name, ...args) => sqlite.write(target, name, ...args).catch(look),
    read: (target, name, ...args) => sqlite.read(target, name, ...args).catch(look),
    async *stream(target, name, ...args) {
      try {
        yield* sqlite.stream(target, name, ...args);
      } catch (caught) {
        look(caught);
      }
    },
    close: () => sqlite.close(),
  };
};
