import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { startCollecting } from '../base/collection.ts';
import { fault } from '../base/errors.ts';
import { ReadDirectory, WriteDirectory } from './databases.ts';
import { imageOf, ProcedureHost, type ProcedureRequest, transferable } from './procedure-host.ts';
import type { ThreadData, ThreadOutcome, ThreadReply } from './threads.ts';

const { dir, writer, stop } = workerData as ThreadData;
const port = parentPort;
if (port === null) throw fault('SQLITE_THREAD_DIED', 'worker.ts runs in a thread only');

const stopFlag = new Int32Array(stop);
const options = { dir, durable: true, clock: systemClock, stopping: () => Atomics.load(stopFlag, 0) === 1 };
const modules = new Map<string, unknown>();
const load = async (module: string): Promise<unknown> => {
  if (!modules.has(module)) {
    modules.set(module, ((await import(module)) as { readonly procedures: unknown }).procedures);
    flushCompileCache(); // Now: a process that is killed writes nothing when it ends.
  }
  return modules.get(module);
};

const host = new ProcedureHost(() => (writer ? new WriteDirectory(options) : new ReadDirectory(options)), load);

const reply = (message: ThreadOutcome, transfer: ArrayBuffer[] = []): void => {
  const { failing } = host;
  port.postMessage({ ...message, failing: failing && imageOf(failing) } satisfies ThreadReply, transfer);
};

const answer = async (request: ProcedureRequest): Promise<void> => {
  try {
    const value = await host.handle(request);
    try {
      reply({ value }, transferable(value));
    } catch (caught) {
      throw fault('SQLITE_PROCEDURE', 'the result cannot cross threads', { cause: caught });
    }
  } catch (caught) {
    reply({ fault: imageOf(caught) });
  }
};

const collecting = startCollecting({ clock: systemClock });

const leave = (): void => {
  void collecting.close();
  host.close();
  port.close();
};

let last = Promise.resolve();
port.on('message', (request: ProcedureRequest | 'close') => {
  last = last.then(() => (request === 'close' ? leave() : answer(request)));
});
