import { sleep, type Clock } from '../base/clock.ts';
import type { CopyProgress, ReadDatabases, Sqlite } from './sqlite.ts';

function* copyAll(databases: ReadDatabases, dir: string): Generator<CopyProgress, void, undefined> {
  const copy = databases.copyInto(dir);
  try {
    while (!copy.ended) yield copy.progress();
    yield copy.progress();
  } finally {
    copy.stop();
  }
}

/**
 * What runs in a reader thread.
 * @public The thread looks for it by this name.
 */
export const procedures = { copyAll };

const copying = { module: import.meta.url, procedures };

const LOOK_MS = 50;

/**
 * Copies all databases into a directory that exists, as they are at one moment, while writes go on. Yields how far it
 * is; when the loop ends, all are durable there. Ending it early stops the copy. `SQLITE_DISK_FAILED`,
 * `SQLITE_CORRUPT`, `SQLITE_CLOSED`.
 */
export async function* backUpDatabases(
  sqlite: Sqlite,
  dir: string,
  clock: Clock,
): AsyncGenerator<CopyProgress, void, undefined> {
  for await (const progress of sqlite.stream(copying, 'copyAll', dir)) {
    yield progress;
    await sleep(clock, LOOK_MS);
  }
}
