import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { fault } from '../../src/base/errors.ts';
import { type Logger, silentLogger } from '../../src/base/log.ts';
import { createArchive, noArchive } from '../../src/operator/archive.ts';
import { ByteBudget } from '../../src/operator/contents.ts';
import type { FileRecord } from '../../src/operator/file-record.ts';
import { SqliteFileStore } from '../../src/operator/sqlite-file-store.ts';
import { archivePath } from '../../src/operator/names.ts';
import { recordTime } from '../../src/operator/timestamps.ts';
import { WriteQueue } from '../../src/operator/write-queue.ts';
import { openInlineSqlite } from '../../src/sqlite/inline.ts';
import type { Sqlite } from '../../src/sqlite/sqlite.ts';
import type { Column } from '../../src/topology/topology.ts';
import { type CommitFaults, openFailingSqlite } from './failing-commits.ts';
import { deleteFiles, deleteRecord, overwriteRows } from './damage.ts';
import { selectRows } from './table-rows.ts';

const FIXTURE_COLUMNS: readonly Column[] = [
  { name: 'reading', type: 'int' },
  { name: 'device', type: 'varchar' },
];

/** A file store over SQLite in this thread, in a directory of its own. */
export interface FileStoreFixture {
  readonly dir: string;
  readonly sqlite: Sqlite;
  readonly queue: WriteQueue;
  readonly store: SqliteFileStore;
  put(
    content: string,
    target?: {
      readonly dbms?: string;
      readonly table?: string;
      readonly columns?: readonly Column[];
      readonly time?: string;
    },
  ): Promise<{ readonly record: FileRecord; readonly duplicate: boolean }>;
  damageRows(origin: string, file: number, content: string): Promise<void>;
  loseArchive(origin: string, file: number): Promise<void>;
  loseRecord(origin: string, file: number): Promise<void>;
  /** `[reading, device]` of each row. */
  readings(): Promise<readonly (readonly [unknown, unknown])[]>;
  close(): Promise<void>;
}

export const openFileStore = async (
  options: {
    readonly origin?: string;
    readonly members?: ReadonlyMap<string, number>;
    readonly archive?: boolean;
    readonly dir?: string;
    readonly clock?: Clock;
    readonly faults?: CommitFaults;
    readonly log?: Logger;
    /** As if the disk had so many bytes left. */
    readonly freeBytes?: () => number;
  } = {},
): Promise<FileStoreFixture> => {
  const {
    origin = 'own',
    members = new Map([
      ['own', 7],
      ['peer', 8],
    ]),
  } = options;
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'holdfast-store-')));
  const sqlite =
    options.faults === undefined
      ? openInlineSqlite({ dir: join(dir, 'dbms'), ...(options.freeBytes && { freeBytes: options.freeBytes }) })
      : openFailingSqlite(join(dir, 'dbms'), options.faults);
  const { clock = systemClock, log = silentLogger } = options;
  const queue = new WriteQueue({ sqlite, clock, log, origin, members: () => members });
  const budget = new ByteBudget(1_048_576);
  const memberOf = (of: string): number => members.get(of) ?? 0;
  const memberNumbers = (): ReadonlySet<number> => new Set(members.values());
  const archivePorts = { sqlite, log: silentLogger, clock, memberOf, memberNumbers };
  const archive = options.archive === false ? noArchive : createArchive(join(dir, 'archive'), archivePorts);
  const database = join(dir, 'dbms', 'plant.sqlite');
  const store = await SqliteFileStore.open({
    sqlite,
    queue,
    archive,
    origin,
    budget,
    clock,
    log,
    assertRoom: () => {},
  });
  let clockMs = Date.UTC(2026, 5, 1);
  return {
    dir,
    sqlite,
    queue,
    store,
    async put(content, { dbms = 'plant', table = 'readings', columns = FIXTURE_COLUMNS, time } = {}) {
      clockMs += 1;
      const about = { dbms, table, columns, time: time ?? recordTime(clockMs), source: '0', instructions: '0' };
      const result = await store.submit({ kind: 'new', ...about, content: Buffer.from(content), knownHash: undefined });
      if (result.kind !== 'stored' && result.kind !== 'duplicate') throw fault('INTERNAL', result.kind);
      return { record: result.record, duplicate: result.kind === 'duplicate' };
    },
    damageRows: async (of, file, content) => overwriteRows(database, of, file, content),
    async loseArchive(of, file) {
      await store.archived();
      const [record] = await store.records(of, [[file, file]], 1);
      const name = record === undefined ? '' : archivePath(record, memberOf(of));
      deleteFiles([join(dir, 'archive', name)]);
    },
    loseRecord: async (of, file) => deleteRecord(database, of, file),
    async readings() {
      const rows = await selectRows(sqlite, 'plant', 'select reading, device from readings order by row_id');
      return rows.map(({ reading, device }) => [reading, device] as const);
    },
    async close() {
      await queue.close();
      await store.archived();
      await sqlite.close();
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
};
