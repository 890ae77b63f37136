import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { createOperator } from '../../src/operator/create-operator.ts';
import { startSqliteThreads } from '../../src/sqlite/threads.ts';
import { createMemoryRegistry } from './operator-fixture.ts';
import { selectRows } from './table-rows.ts';

/** What the test asks of the process. */
export type OperatorRequest = { readonly id: number } & (
  { readonly kind: 'put' | 'stream'; readonly content: string } | { readonly kind: 'settle' | 'rows' }
);
export interface OperatorReply {
  readonly id: number;
  readonly error?: string;
  readonly value?: unknown;
}

/** An operator in a process of its own, driven by messages, to be killed. Argument: its directory. */
const [dir = ''] = process.argv.slice(2);
const sqlite = startSqliteThreads({ dir: `${dir}/dbms`, log: silentLogger });
const registry = createMemoryRegistry();
registry.tables.set('plant.readings', [
  { name: 'reading', type: 'int' },
  { name: 'device', type: 'varchar' },
]);
const operator = await createOperator(
  { sqlite, registry, clock: systemClock, log: silentLogger, members: () => new Map([['own', 7]]) },
  {
    policy: 'own',
    createTable: true,
    updateTsdInfo: true,
    archive: true,
    distributor: true,
    threads: 4,
    limitTables: [],
    watchDir: `${dir}/watch`,
    errDir: `${dir}/error`,
    archiveDir: `${dir}/archive`,
    prepDir: `${dir}/prep`,
  },
);
operator.setThreshold({ bytes: 400, seconds: 0.05 });

const answer = async (request: OperatorRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'put':
    case 'stream': {
      const content = Buffer.from(request.content);
      const put = { dbms: 'plant', table: 'readings', source: '0', instructions: '0', content };
      return request.kind === 'put' ? (await operator.put(put)).duplicate : operator.stream(put);
    }
    case 'settle':
      await operator.flush();
      return { queued: operator.status().queued, failures: operator.failures(10) };
    case 'rows':
      return (await selectRows(sqlite, 'plant', 'select reading from readings')).map((row) => row['reading']);
  }
};

process.on('message', (request: OperatorRequest) => {
  answer(request).then(
    (value) => process.send?.({ id: request.id, value } satisfies OperatorReply),
    (caught: unknown) => process.send?.({ id: request.id, error: String(caught) } satisfies OperatorReply),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0 } satisfies OperatorReply);
