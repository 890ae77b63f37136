import { describe, expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { FileJob, JobResult } from '../../../src/operator/store/jobs.ts';
import { StreamBuffers, type StreamingPorts } from '../../../src/operator/streaming.ts';
import { imageOf } from '../../../src/sqlite/procedure-host.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const ROW_BYTES = 10;
const about = { dbms: 'plant', table: 'readings', columns: [], time: 't', source: '0', instructions: '0' };
const append = { kind: 'append', ...about, content: new Uint8Array(ROW_BYTES) } as const;

/** A database of one buffer. `flushFails`: what the flush says; undefined for one that works. */
const world = (more: Partial<StreamingPorts> = {}) => {
  const clock = createVirtualClock();
  const state = { rows: [] as number[], stored: 0, flushFails: undefined as string | undefined, discardFails: false };
  let id = 0;
  const apply = (job: FileJob): JobResult => {
    if (job.kind === 'append') {
      state.rows.push((id += 1));
      return { kind: 'appended', rows: 1, bytes: ROW_BYTES };
    }
    if (job.kind === 'discard') {
      if (state.discardFails) return { kind: 'failed', fault: imageOf(fault('SQLITE_DISK_FAILED', 'full')) };
      state.rows = state.rows.filter((row) => row > job.upTo);
      return { kind: 'discarded' };
    }
    if (state.flushFails === undefined) {
      state.stored += state.rows.length;
      state.rows = [];
      return { kind: 'empty' };
    }
    const failed = { kind: 'failed', fault: imageOf(fault(state.flushFails, 'failed')) } as const;
    if (state.flushFails.startsWith('SQLITE')) return failed;
    return { ...failed, buffer: { content: new Uint8Array(state.rows.length * ROW_BYTES), upTo: id } };
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
    onPoison: async () => {},
    ...more,
  };
  return { clock, state, buffers: new StreamBuffers(ports, []) };
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
});
