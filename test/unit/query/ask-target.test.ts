import { expect, test } from 'vitest';
import { sleep } from '../../../src/base/clock.ts';
import { QUERY_HEDGE_SLOW_MS } from '../../../src/base/limits.ts';
import { type AskPorts, askTarget } from '../../../src/query/ask-target.ts';
import { Budget, ResultRoom } from '../../../src/query/collector.ts';
import { JobRecord } from '../../../src/query/jobs.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

test('a slow answer of the local databases is waited for: there is nobody else to ask', async () => {
  const clock = createVirtualClock();
  const ports = {
    clock,
    operating: () => undefined,
    sqlite: {
      async *stream() {
        await sleep(clock, 10 * QUERY_HEDGE_SLOW_MS);
        yield* [];
      },
    },
  } as unknown as AskPorts;
  const target = {
    ...{ cluster: undefined, dbms: 'plant', table: 'readings' },
    candidates: [{ operator: undefined, local: true, up: true }],
  };
  const sql = 'select count(*) from readings';
  const question = {
    ...{ sql, width: 1, keep: 'rows' as const, needs: new Map(), elsewhere: [] },
    budget: new Budget(new ResultRoom()),
    job: new JobRecord(clock, 1, { sql, dbms: 'plant' }),
    deadlineMs: 60_000,
    signal: new AbortController().signal,
  };
  const answer = await clock.runWhile(askTarget(ports, target, question, {}), 60_000, 'the answer');
  expect(answer.rows.length).toBe(0);
});
