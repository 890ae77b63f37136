import { opened } from './connection.ts';
import { sqliteFault } from './sqlite-faults.ts';

/** A database file as it was when it was opened, whatever is written to it meanwhile. */
export interface Snapshot {
  close(): void;
  readonly bytes: number;
  /**
   * Copies it to a file, durable when it resolves. `step` is told the bytes still to come, about once a MiB; what it
   * throws ends the copy. `SQLITE_DISK_FAILED`, `SQLITE_CORRUPT`.
   */
  copyTo(path: string, step: (bytesLeft: number) => void): Promise<void>;
}

const COPY_STEP_BYTES = 1_048_576;

/**
 * Opens a file in a read transaction: SQLite's online backup copies what that sees. Without one each write of another
 * connection would make the backup start again, and under load it would never end.
 */
export const openSnapshot = (name: string, path: string): Snapshot =>
  opened(name, path, { readonly: true, fileMustExist: true }, (handle) => {
    handle.exec('BEGIN');
    handle.prepare('SELECT count(*) FROM sqlite_schema').get();
    const pageBytes = Number(handle.pragma('page_size', { simple: true }));
    const pages = Number(handle.pragma('page_count', { simple: true }));
    return {
      bytes: pages * pageBytes,
      async copyTo(to, step) {
        try {
          await handle.backup(to, {
            progress: ({ remainingPages }) => {
              step(remainingPages * pageBytes);
              return Math.max(1, Math.floor(COPY_STEP_BYTES / pageBytes));
            },
          });
        } catch (caught) {
          throw sqliteFault(caught, name);
        }
      },
      close: () => handle.close(),
    };
  });
