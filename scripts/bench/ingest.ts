import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import BetterSqlite3 from 'better-sqlite3';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import { createOperator } from '../../src/operator/create-operator.ts';
import { contentHash } from '../../src/operator/file-order.ts';
import type { FileCopy } from '../../src/operator/file-record.ts';
import type { Operator } from '../../src/operator/operator.ts';
import { startSqliteThreads } from '../../src/sqlite/threads.ts';
import type { Column } from '../../src/topology/topology.ts';
import { type Figure, NODE_ENVIRONMENT, quantile, report, timed } from './report.ts';

/** What one operator takes up, without network: REST adds its own. */
const ROWS = 100_000;
const COLUMNS: readonly Column[] = [
  { name: 'timestamp', type: 'timestamp' },
  { name: 'device', type: 'varchar' },
  { name: 'reading', type: 'int' },
  { name: 'value', type: 'float' },
];

const rows = (from: number, count: number): Buffer => {
  const line = (at: number): string => {
    const timestamp = new Date(Date.UTC(2026, 0, 1) + at * 1_000).toISOString();
    return JSON.stringify({ timestamp, device: `device-${at % 4}`, reading: at, value: (at % 100) / 4 });
  };
  return Buffer.from(Array.from({ length: count }, (_, at) => line(from + at)).join('\n'));
};

/** JSON.parse of each line and one prepared insert a row, in transactions of `perCommit` files. */
const rawRowsPerSecond = (dir: string, name: string, files: readonly Buffer[]): number => {
  const db = new BetterSqlite3(join(dir, name));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('create table readings (timestamp text, device text, reading int, value float)');
  const insert = db.prepare('insert into readings values (?, ?, ?, ?)');
  const start = performance.now();
  let count = 0;
  for (const file of files) {
    db.exec('begin');
    for (const line of file.toString().split('\n')) {
      const row = JSON.parse(line) as Record<string, string | number>;
      insert.run(row['timestamp'], row['device'], row['reading'], row['value']);
      count += 1;
    }
    db.exec('commit');
  }
  const ms = performance.now() - start;
  db.close();
  return (count / ms) * 1_000;
};

interface Bench {
  readonly dir: string;
  readonly operator: Operator;
  readonly put: (content: Buffer, table?: string) => Promise<unknown>;
}

let from = 10_000_000;
/** Rows that no file before had: the same content again would be a duplicate. */
const fresh = (count: number): Buffer => {
  from += count;
  return rows(from, count);
};

const largePuts = async ({ put }: Bench, limit: number): Promise<Figure[]> => {
  const against = 'JSON.parse + prepared insert, FULL, no index';
  const first = await timed(() => put(fresh(ROWS), 'inferred'));
  const samples: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const content = fresh(ROWS);
    samples.push(await timed(() => put(content)));
  }
  const perSecond = (ms: number): number => (ROWS / ms) * 1_000;
  return [
    {
      work: 'put of 100,000 rows',
      ours: perSecond(quantile(samples, 0.5)),
      limit,
      unit: 'rows/s',
      target: '≥ 50 %',
      against,
    },
    { work: '… that make a new table', ours: perSecond(first), limit, unit: 'rows/s', target: '', against },
  ];
};

const smallPuts = async ({ dir, put }: Bench): Promise<Figure[]> => {
  const files = Array.from({ length: 2_000 }, () => fresh(10));
  const limit = rawRowsPerSecond(dir, 'raw-small.sqlite', files) / 10;
  const against = 'the same 10 rows, one commit each, FULL, no index';
  const figures: Figure[] = [];
  for (const [clients, puts, target] of [
    [1, 1_000, '≥ 300/s'],
    [32, 8_000, '≥ 2,000/s'],
  ] as const) {
    const contents = Array.from({ length: puts }, () => fresh(10));
    const client = async (): Promise<void> => {
      for (let next = contents.pop(); next !== undefined; next = contents.pop()) await put(next);
    };
    const ms = await timed(() => Promise.all(Array.from({ length: clients }, client)));
    figures.push({
      work: `puts of 10 rows, ${clients} at a time`,
      ours: (puts / ms) * 1_000,
      limit,
      unit: 'files/s',
      target,
      against,
    });
  }
  return figures;
};

const watched = async ({ dir, operator }: Bench): Promise<Figure> => {
  const samples: number[] = [];
  for (let round = 0; round < 40; round += 1) {
    const name = `plant.readings.${round}.json`;
    await writeFile(join(dir, name), fresh(1_000));
    const stored = new Promise((resolve) => operator.store.notices.once('file:stored', resolve));
    samples.push(
      await timed(async () => {
        await rename(join(dir, name), join(dir, 'watch', name));
        await stored;
      }),
    );
  }
  return {
    work: 'file of 1,000 rows moved in → visible, p50',
    ours: quantile(samples, 0.5),
    unit: 'ms',
    target: '≤ 50 ms',
  };
};

const copies = async ({ operator }: Bench): Promise<Figure[]> => {
  const all = Array.from({ length: 10_000 }, (_, at): FileCopy => {
    const content = fresh(10);
    const about = {
      dbms: 'plant',
      table: 'readings',
      source: '0',
      instructions: '0',
      time: '2026-01-01T00:00:00.000000Z',
    };
    const hashes = { hash: contentHash('plant', 'readings', content), digest: sha256Hex(content) };
    const record = {
      origin: 'peer',
      file: at + 1,
      ...about,
      ...hashes,
      rows: 10,
      columns: COLUMNS,
      status: 'stored',
    } as const;
    return { record, content, rebuilt: false };
  });
  const ms = await timed(async () => {
    for (let at = 0; at < all.length; at += 200) await operator.store.store(all.slice(at, at + 200));
  });
  const readMs = await timed(async () => {
    for (let at = 1; at <= all.length; at += 200)
      await operator.store.readMany('peer', [[at, at + 199]], { files: 200, bytes: 1e9 });
  });
  return [
    { work: '10,000 copies of 10 rows stored', ours: ms / 1_000, unit: 's', target: 'part of ≤ 6 s' },
    { work: '… read again for a peer', ours: readMs / 1_000, unit: 's', target: '' },
  ];
};

const million = async ({ dir, put }: Bench): Promise<Figure[]> => {
  let peak = 0;
  const delays: number[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
    delays.push(Math.max(0, performance.now() - last - 5));
    last = performance.now();
  }, 5);
  for (let file = 0; file < 10; file += 1) {
    const content = await readFile(join(dir, `million-${file}`));
    await put(content, 'million');
  }
  clearInterval(timer);
  return [
    {
      work: 'memory while a million rows come in',
      ours: peak / 1_048_576,
      unit: 'MB',
      target: '≤ 300 MB (with the rest of a node)',
    },
    { work: 'event loop delay meanwhile, p99', ours: quantile(delays, 0.99), unit: 'ms', target: '≤ 50 ms' },
  ];
};

const open = async (dir: string): Promise<Bench & { close(): Promise<void> }> => {
  const log = createLogger(({ level, text }) => {
    if (level === 'error') console.error(text);
  });
  const sqlite = startSqliteThreads({ dir: join(dir, 'dbms'), log });
  const tables = new Map<string, readonly Column[]>([
    ['readings', COLUMNS],
    ['million', COLUMNS],
  ]);
  const registry = {
    columns: (_: string, table: string) => tables.get(table),
    isHeld: (_: string, table: string) => tables.has(table),
    declare: async (_: string, table: string, columns: readonly Column[]) => {
      tables.set(table, columns);
      return columns;
    },
  };
  const policy = {
    policy: 'own',
    createTable: true,
    updateTsdInfo: true,
    archive: true,
    distributor: true,
    threads: 1,
    limitTables: [],
  };
  const operator = await createOperator(
    { sqlite, registry, clock: systemClock, log, members: () => new Map([['own', 7]]) },
    {
      ...policy,
      watchDir: join(dir, 'watch'),
      errDir: join(dir, 'error'),
      archiveDir: join(dir, 'archive'),
      prepDir: join(dir, 'prep'),
    },
  );
  return {
    dir,
    operator,
    put: (content, table = 'readings') =>
      operator.put({ dbms: 'plant', table, source: '0', instructions: '0', content }),
    async close() {
      await operator.close();
      await sqlite.close();
    },
  };
};

const MAKE = '--make';

/** In a process of its own: what making the rows leaves behind is not the operator's memory. */
const makeMillion = async (dir: string): Promise<void> => {
  for (let file = 0; file < 10; file += 1) await writeFile(join(dir, `million-${file}`), rows(file * ROWS, ROWS));
};

const measure = async (dir: string): Promise<void> => {
  await mkdir(join(dir, 'watch'));
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), MAKE, dir]);
  const bench = await open(dir);
  const memory = await million(bench);
  const limits = [0, 1, 2].map((round) => rawRowsPerSecond(dir, `raw-${round}.sqlite`, [rows(0, ROWS)]));
  const figures = [
    ...(await largePuts(bench, quantile(limits, 0.5))),
    ...(await smallPuts(bench)),
    await watched(bench),
    ...(await copies(bench)),
    ...memory,
  ];
  await bench.close();
  report('Ingest into one operator', figures);
};

const [mode, target = ''] = process.argv.slice(2);
if (mode === MAKE) await makeMillion(target);
else if (process.env['NODE_COMPILE_CACHE'] === undefined) {
  const again = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  execFileSync(process.execPath, again, { stdio: 'inherit', env: NODE_ENVIRONMENT });
} else {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  await measure(dir).finally(() => rm(dir, { recursive: true, force: true }));
}
