import { describe, expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { BUFFER_BYTES_MAX } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { FileJob, JobResult } from '../../../src/operator/store/jobs.ts';
import { StreamBuffers, type StreamingPorts } from '../../../src/operator/streaming.ts';
import { imageOf } from '../../../src/sqlite/procedure-host.ts';
import { copyOf } from '../../conformance/file-store.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const ROW_BYTES = 10;
const about = { dbms: 'plant', table: 'readings', columns: [], time: 't', source: '0', instructions: '0' };
const append = { kind: 'append', ...about, content: new Uint8Array(ROW_BYTES) } as const;

/** A database of one buffer. `flushFails`: what the flush says; undefined for one that works. */
const world = (more: Partial<StreamingPorts> = {}, rowBytes = ROW_BYTES) => {
  const clock = createVirtualClock();
  const state = {
    ...{ rows: [] as number[], stored: 0, flushFails: undefined as string | undefined, discardFails: false },
    cut: 0,
    /** What one file can hold, what each held, bytes that were refused. */
    ...{ rowsOfFile: Number.POSITIVE_INFINITY, files: [] as number[], poison: [] as number[] },
  };
  let id = 0;
  const apply = (job: FileJob): JobResult => {
    if (job.kind === 'append') {
      state.rows.push((id += 1));
      return { kind: 'appended', rows: 1, bytes: rowBytes };
    }
    if (job.kind === 'discard') {
      if (state.discardFails) return { kind: 'failed', fault: imageOf(fault('SQLITE_DISK_FAILED', 'full')) };
      state.rows = state.rows.filter((row) => row > job.upTo);
      return { kind: 'discarded' };
    }
    if (state.rows.length === 0) return { kind: 'empty' };
    const taken = state.rows.slice(0, state.rowsOfFile);
    const content = new Uint8Array(taken.length * rowBytes);
    if (state.flushFails === undefined) {
      state.stored += taken.length;
      state.files.push(taken.length);
      state.rows = state.rows.slice(taken.length);
      const { record } = copyOf('own', state.files.length, '', { rows: taken.length });
      return { kind: 'stored', record, replaced: undefined, leftOut: 0, cut: state.cut, content };
    }
    const failed = { kind: 'failed', fault: imageOf(fault(state.flushFails, 'failed')) } as const;
    if (state.flushFails.startsWith('SQLITE')) return failed;
    return { ...failed, buffer: { content, rows: taken.length, upTo: taken.at(-1) ?? 0 } };
  };
  const ports: StreamingPorts = {
    clock,
    log: silentLogger,
    apply: async (job, onResult) => {
      const result = apply(job);
      onResult(result);
      return result;
    },
    columns: async () => [],
    time: () => 't',
    numberingAllowed: async () => {},
    onPoison: async (_, { byteLength }) => {
      state.poison.push(byteLength);
    },
    ...more,
  };
  return { clock, state, ports, buffers: new StreamBuffers(ports, []) };
};

describe('streaming buffers', () => {
  test('a flush that fails after the rows are durable is no failure of the call', async () => {
    const { clock, state, buffers } = world();
    state.flushFails = 'SQLITE_DISK_FAILED';
    buffers.setThreshold({ writeImmediate: true }, undefined);
    expect(await buffers.append(append)).toEqual({ rows: 1 });
    expect(buffers.status()).toMatchObject([{ rows: 1 }]);
    state.flushFails = undefined;
    await clock.advance(60_000);
    expect(state.stored).toBe(1);
    expect(buffers.status()).toMatchObject([{ rows: 0 }]);
  });

  test('what a column of dates cuts of acknowledged rows is told', async () => {
    const told: string[] = [];
    const { state, buffers } = world({ log: { ...silentLogger, warn: (text) => void told.push(text) } });
    await buffers.append(append);
    await buffers.flush();
    expect(told).toEqual([]);
    await buffers.append(append);
    state.cut = 2;
    await buffers.flush();
    expect(told).toEqual([expect.stringMatching(/^2 values of file 2 of .* have a time of day/)]);
  });

  test('rows that come while refused ones go to the error directory are known and flushed by themselves', async () => {
    const poison = Promise.withResolvers<undefined>();
    const { clock, state, buffers } = world({ onPoison: () => poison.promise });
    await buffers.append(append);
    state.flushFails = 'INGEST_FAILED';
    const flushing = buffers.flush();
    await clock.advance(0);
    await buffers.append(append);
    poison.resolve(undefined);
    await flushing;
    expect(state.rows).toHaveLength(1);
    expect(buffers.status()).toMatchObject([{ rows: 1, bytes: ROW_BYTES, secondsLeft: 60 }]);
    state.flushFails = undefined;
    await clock.advance(60_000);
    expect(state).toMatchObject({ rows: [], stored: 1 });
    expect(buffers.status()).toMatchObject([{ rows: 0, bytes: 0 }]);
  });

  test('refused rows that cannot be taken out of the buffer are still known', async () => {
    const { clock, state, buffers } = world();
    await buffers.append(append);
    Object.assign(state, { flushFails: 'INGEST_FAILED', discardFails: true });
    await expect(buffers.flush()).rejects.toMatchObject({ code: 'SQLITE_DISK_FAILED' });
    expect(buffers.status()).toMatchObject([{ rows: 1 }]);
    state.discardFails = false;
    await clock.advance(65_000);
    expect(state.rows).toEqual([]);
    expect(buffers.status()).toMatchObject([{ rows: 0 }]);
  });

  test('what no single file can hold becomes several, and a flush is over when all are made', async () => {
    const { state, buffers } = world();
    for (let count = 0; count < 5; count += 1) await buffers.append(append);
    state.rowsOfFile = 2;
    await buffers.flush();
    expect(state).toMatchObject({ rows: [], files: [2, 2, 1] });
    expect(buffers.status()).toMatchObject([{ rows: 0, bytes: 0 }]);
  });

  test('refused rows are taken out alone: what is no part of them stays', async () => {
    const { state, buffers } = world();
    for (let count = 0; count < 3; count += 1) await buffers.append(append);
    Object.assign(state, { rowsOfFile: 2, flushFails: 'INGEST_FAILED' });
    await buffers.flush();
    expect(state.poison).toEqual([20, 10]);
    expect(buffers.status()).toMatchObject([{ rows: 0, bytes: 0 }]);
  });

  test('rows that would fill a buffer with those on their way wait until these are flushed', async () => {
    const { state, buffers, ports } = world({}, BUFFER_BYTES_MAX);
    const landed = Promise.withResolvers<undefined>();
    const given: string[] = [];
    const apply = ports.apply.bind(ports);
    ports.apply = async (job, onResult) => {
      given.push(job.kind);
      if (job.kind === 'append') await landed.promise;
      return apply(job, onResult);
    };
    const large = { ...append, content: new Uint8Array(BUFFER_BYTES_MAX) };
    const appended = Promise.all([1, 2, 3].map(() => buffers.append(large)));
    expect(given).toEqual(['append']);
    landed.resolve(undefined);
    await appended;
    await buffers.flush();
    expect(given.slice(0, 3)).toEqual(['append', 'flush', 'append']);
    expect(state.files).toEqual([1, 1, 1]);
  });
});
