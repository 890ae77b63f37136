import { expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { DISK_LOOK_MS } from '../../../src/base/limits.ts';
import { createLogger } from '../../../src/base/log.ts';
import { runStartScript, sayUnready, type StartScript, toCome } from '../../../src/node/start-script.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const diskFault = (done: number): Error =>
  fault('SQLITE_DISK_FAILED', 'line 1 of x.al: disk I/O error', { data: { line: 1, done } });

/** A script whose runs end one after the other with these; undefined: it goes through. */
const world = (outcomes: readonly (Error | undefined)[], more: Partial<StartScript> = {}) => {
  const clock = createVirtualClock();
  const said: string[] = [];
  let runs = 0;
  const script: StartScript = {
    executor: {
      execute: () => {
        const outcome = outcomes[runs];
        runs += 1;
        return outcome === undefined ? Promise.resolve({ text: '', json: undefined }) : Promise.reject(outcome);
      },
    },
    path: 'x.al',
    before: Promise.resolve(),
    clock,
    log: createLogger(({ text }) => said.push(text)),
    signal: new AbortController().signal,
    ...more,
  };
  return { clock, said, script, runs: () => runs };
};

test('where the disk stops the first line, the script is run again until it goes through; that is said once', async () => {
  const { clock, said, script, runs } = world([diskFault(0), diskFault(0), undefined]);
  await clock.runWhile(runStartScript(script), 10 * DISK_LOOK_MS);
  expect(runs()).toBe(3);
  expect(said).toEqual([
    'the script x.al waits for the disk: line 1 of x.al: disk I/O error',
    'the script x.al has run',
  ]);
});

test.each([
  ['a later line', diskFault(2)],
  ['a line that is wrong', fault('COMMAND_UNKNOWN', 'line 1 of x.al: no such command', { data: { line: 1, done: 0 } })],
])('%s that fails ends it', async (_, failure) => {
  const { said, script, runs } = world([failure, undefined]);
  await runStartScript(script);
  expect(runs()).toBe(1);
  expect(said).toEqual([`the script x.al stopped: ${failure.message}`]);
});

test('what it runs ends with the node', async () => {
  const stopped = new AbortController();
  let given: AbortSignal | undefined;
  const { script } = world([], {
    signal: stopped.signal,
    executor: {
      execute: async ({ signal }) => {
        given = signal;
        return { text: '', json: undefined };
      },
    },
  });
  await runStartScript(script);
  stopped.abort();
  expect(given?.aborted).toBe(true);
});

test('that it is still to run is known while it waits, for what comes before it and for the disk', async () => {
  const outcome = toCome('x.al');
  const before = Promise.withResolvers<undefined>();
  const { clock, script } = world([diskFault(0), undefined], { before: before.promise, outcome });
  const ended = runStartScript(script);
  expect(outcome.running).toEqual({ path: 'x.al', line: 0 });
  before.resolve(undefined);
  await clock.advance(1);
  expect(outcome.running).toEqual({ path: 'x.al', line: 0 });
  await clock.runWhile(ended, 10 * DISK_LOOK_MS);
  expect(outcome.running).toBeUndefined();
});

test('it is named where what it waits for fails, and silent where the node stops', async () => {
  const stopped = new AbortController();
  const outcome = toCome('x.al');
  const failed = world([undefined], {
    before: Promise.reject(new Error('no ledger')),
    outcome,
  });
  await runStartScript(failed.script);
  expect([failed.runs(), failed.said]).toEqual([0, ['the script x.al was not run: no ledger']]);
  expect(outcome).toEqual({ failure: failed.said[0], running: undefined });
  const waiting = world([diskFault(0), undefined], { signal: stopped.signal });
  const ended = runStartScript(waiting.script);
  await waiting.clock.advance(1);
  stopped.abort();
  await ended;
  expect([waiting.runs(), waiting.said.length]).toEqual([1, 1]);
});

test('without a script, a node that did not get ready says why; one that was stopped meanwhile says nothing', async () => {
  const said: string[] = [];
  const log = createLogger(({ text }) => said.push(text));
  const stop = new AbortController();
  const unready = (): Promise<void> =>
    sayUnready({ before: Promise.reject(fault('LEDGER_DISK_FAILED', 'disk I/O error')), log, signal: stop.signal });
  await unready();
  expect(said).toEqual(['what the peers know was not taken up: disk I/O error']);
  stop.abort();
  await unready();
  expect(said).toHaveLength(1);
});
