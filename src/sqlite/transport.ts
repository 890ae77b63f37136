import type { EventEmitter } from 'node:events';
import type { ProcedureRequest, StreamStep } from './procedure-host.ts';
import type { ProcedureModule, Sqlite, SqliteNotices } from './sqlite.ts';

/** How a form of the port carries requests: to threads, or straight to a host in this one. */
export interface Transport {
  readonly notices: EventEmitter<SqliteNotices>;
  call(
    side: 'write' | 'read',
    target: ProcedureModule<unknown>,
    name: string,
    args: readonly unknown[],
  ): Promise<unknown>;
  /** Sends the requests of one new stream. */
  stream(target: ProcedureModule<unknown>): (request: StreamRequest) => Promise<unknown>;
  close(): Promise<void>;
}

/** A stream's request before its number and module are known. */
export type StreamRequest =
  | { readonly kind: 'open'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'next' | 'end' };

/** The whole request of the stream with that number. */
export const numbered = (request: StreamRequest, stream: number, module: string): ProcedureRequest =>
  request.kind === 'open' ? { ...request, stream, module } : { ...request, stream };

async function* pulled(
  send: (request: StreamRequest) => Promise<unknown>,
  name: string,
  args: readonly unknown[],
): AsyncGenerator<unknown, void, undefined> {
  let step = (await send({ kind: 'open', name, args })) as StreamStep;
  try {
    while (!step.done) {
      yield step.value;
      step = (await send({ kind: 'next' })) as StreamStep;
    }
    if (step.value !== undefined) yield step.value;
  } finally {
    // A stream that failed or ended is gone already; ending it again does nothing.
    if (!step.done) await send({ kind: 'end' }).catch(() => {});
  }
}

/** The port over a transport. Types hold by the module's own type: both ends share its procedures. */
export const sqliteOver = (transport: Transport): Sqlite => ({
  notices: transport.notices,
  write: async (target, name, ...args) => (await transport.call('write', target, name, args)) as never,
  read: async (target, name, ...args) => (await transport.call('read', target, name, args)) as never,
  stream: (target, name, ...args) => pulled(transport.stream(target), name, args) as never,
  close: () => transport.close(),
});
