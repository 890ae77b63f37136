import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { fault } from '../base/errors.ts';
import { type DatabasesOptions, ReadDirectory, WriteDirectory } from './databases.ts';
import { type Mended, ProcedureHost } from './procedure-host.ts';
import type { ProcedureModule, Sqlite, SqliteNotices } from './sqlite.ts';
import { numbered, sqliteOver } from './transport.ts';

/** Where the databases lie, and which faults of a disk are played. */
export interface InlineOptions {
  /** Absolute; `:memory:` for a temporary directory that `close` removes. */
  readonly dir: string;
  readonly clock?: Clock;
  /** Another form of what the writer writes: one that fails. */
  readonly openWriter?: (options: DatabasesOptions) => WriteDirectory;
  /** As if the disk had so many bytes left. */
  readonly freeBytes?: () => number;
}

const crossed = (value: unknown): unknown => {
  try {
    return structuredClone(value);
  } catch (caught) {
    throw fault('SQLITE_PROCEDURE', 'the result cannot cross threads', { cause: caught });
  }
};

/**
 * The port in the calling thread, without flushes to disk: for unit tests and simulations. Arguments and results are
 * cloned as they would be between threads, so that what works here works there.
 */
export const openInlineSqlite = (inline: InlineOptions): Sqlite => {
  const { dir, clock = systemClock, openWriter = (of: DatabasesOptions) => new WriteDirectory(of) } = inline;
  const temporary = dir === ':memory:' ? mkdtempSync(join(tmpdir(), 'holdfast-sqlite-')) : undefined;
  const { freeBytes } = inline;
  const options = { dir: temporary ?? dir, clock, durable: false, ...(freeBytes && { freeBytes }) };
  const modules = new Map<string, object>();
  const load = (module: string): unknown => modules.get(module);
  const writer = new ProcedureHost(() => openWriter(options), load);
  const reader = new ProcedureHost(() => new ReadDirectory(options), load);
  let closed = false;
  let streams = 0;

  const enter = (target: ProcedureModule<unknown>): void => {
    if (closed) throw fault('SQLITE_CLOSED', 'the databases are closed');
    // One module may be named by several targets, each with a part of its procedures.
    modules.set(target.module, { ...modules.get(target.module), ...(target.procedures as object) });
  };
  const notices = new EventEmitter<SqliteNotices>();
  const mend = async (): Promise<void> => {
    const { names } = (await writer.handle({ kind: 'mend' })) as Mended;
    if (names.length > 0) notices.emit('databases:mended');
  };
  return sqliteOver({
    notices,
    async call(side, target, name, args) {
      enter(target);
      const host = side === 'write' ? writer : reader;
      // Nothing waits here: what rests is looked at again with each write.
      if (side === 'write' && writer.failing !== undefined) await mend();
      return crossed(await host.handle({ kind: 'call', module: target.module, name, args: structuredClone(args) }));
    },
    stream(target) {
      const stream = (streams += 1);
      return async (request) => {
        enter(target);
        return crossed(await reader.handle(numbered(structuredClone(request), stream, target.module)));
      };
    },
    async close() {
      if (closed) return;
      closed = true;
      reader.close();
      writer.close();
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    },
  });
};
