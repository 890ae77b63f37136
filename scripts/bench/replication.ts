import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { benchFile, type Order, type Reply } from './replication-node.ts';
import { type Figure, NODE_ENVIRONMENT, quantile, report, timed } from './report.ts';

/** Operators as processes of their own, over real libp2p, with real databases; the figures of all share the machine. */
class BenchNode {
  readonly id: string;
  readonly member: number;
  readonly #process: ChildProcess;
  key = '';
  address = '';

  private constructor(dir: string, member: number) {
    this.member = member;
    this.id = `operator-${member}`;
    this.#process = fork(new URL('./replication-node.ts', import.meta.url), [join(dir, this.id), this.id], {
      env: NODE_ENVIRONMENT,
    });
  }

  static async start(dir: string, member: number): Promise<BenchNode> {
    const node = new BenchNode(dir, member);
    const [facts] = (await once(node.#process, 'message')) as [{ readonly key: string; readonly address: string }];
    [node.key, node.address] = [facts.key, facts.address];
    return node;
  }

  async tell(order: Order): Promise<Reply> {
    const answer = once(this.#process, 'message') as Promise<[Reply]>;
    this.#process.send(order);
    const [reply] = await answer;
    return reply;
  }

  async end(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

/** Makes the nodes peers of one another. */
const connect = async (nodes: readonly BenchNode[]): Promise<void> => {
  for (const node of nodes) {
    const peers = nodes
      .filter((other) => other !== node)
      .map(({ id, member, key, address }) => ({ operator: id, name: id, member, peer: key, address }));
    await node.tell({ do: 'peers', peers });
  }
};

const rawRowsPerSecond = (dir: string): number => {
  const db = new BetterSqlite3(join(dir, 'raw.sqlite'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('create table readings (timestamp text, device text, reading int, value float)');
  const insert = db.prepare('insert into readings values (?, ?, ?, ?)');
  const lines = benchFile(0, 100_000).toString().split('\n');
  const start = performance.now();
  db.exec('begin');
  for (const line of lines) {
    const row = JSON.parse(line) as Record<string, string | number>;
    insert.run(row['timestamp'], row['device'], row['reading'], row['value']);
  }
  db.exec('commit');
  const ms = performance.now() - start;
  db.close();
  return (lines.length / ms) * 1_000;
};

const lagOf = async (nodes: readonly BenchNode[], held: number): Promise<number[]> => {
  const [source, ...peers] = nodes as [BenchNode, ...BenchNode[]];
  const files = 100;
  for (const node of nodes) await node.tell({ do: 'times' });
  await source.tell({ do: 'put', files, rows: 1_000, pauseMs: 30 });
  for (const peer of peers) await peer.tell({ do: 'hold', files: held + files });
  const { times: acknowledged = [] } = await source.tell({ do: 'times' });
  const arrivals = await Promise.all(peers.map(async (peer) => (await peer.tell({ do: 'times' })).times ?? []));
  return acknowledged.map((at, file) => Math.max(...arrivals.map((times) => (times[file] ?? Number.NaN) - at)));
};

const lagFigures = (work: string, lags: readonly number[], target: string): Figure[] => [
  { work: `lag of a 1,000-row file to ${work}, p50`, ours: quantile(lags, 0.5), unit: 'ms', target },
  { work: `… p99`, ours: quantile(lags, 0.99), unit: 'ms', target: '≤ 150 ms' },
];

/** A new operator takes up what another holds. */
const backfill = async (source: BenchNode, fresh: BenchNode, files: number): Promise<{ ms: number; usage: Reply }> => {
  await fresh.tell({ do: 'usage' });
  const ms = await timed(async () => {
    await connect([source, fresh]);
    await fresh.tell({ do: 'hold', files });
  });
  return { ms, usage: await fresh.tell({ do: 'usage' }) };
};

const bench = async (dir: string): Promise<Figure[]> => {
  const figures: Figure[] = [];
  const limit = rawRowsPerSecond(dir);
  const against = 'JSON.parse + prepared insert, FULL, no index, one process';
  const nodes: BenchNode[] = [];
  const add = async (): Promise<BenchNode> => {
    const node = await BenchNode.start(dir, nodes.length + 1);
    nodes.push(node);
    return node;
  };
  try {
    const [one, two] = [await add(), await add()];
    await connect([one, two]);
    await one.tell({ do: 'put', files: 20, rows: 1_000, pauseMs: 0 });
    await two.tell({ do: 'hold', files: 20 });
    figures.push(...lagFigures('1 peer', await lagOf([one, two], 20), '≤ 30 ms'));
    const ms = await timed(async () => {
      await one.tell({ do: 'put', files: 100, rows: 10_000, pauseMs: 0 });
      await two.tell({ do: 'hold', files: 220 });
    });
    const perSecond = 1e9 / ms;
    figures.push({
      ...{ work: 'ingest and replication to 1 peer, sustained', ours: perSecond, limit, unit: 'rows/s' },
      ...{ target: '≥ 25 %', against },
    });
    const three = await add();
    await connect([one, three]);
    await three.tell({ do: 'hold', files: 220 });
    await two.end();
    const large = await BenchNode.start(dir, 9);
    const { ms: largeMs, usage } = await backfill(one, large, 220);
    await large.end();
    figures.push(
      {
        ...{ work: 'backfill of 1,120,000 rows in 220 files', ours: largeMs / 1_000, unit: 's', target: '≤ 8 s' },
        ...{ limit: 1_120_000 / limit, against },
      },
      { work: '… memory at most', ours: (usage.peakBytes ?? 0) / 1_048_576, unit: 'MB', target: '≤ 300 MB' },
      { work: '… event loop delay, p99', ours: usage.delayMs ?? 0, unit: 'ms', target: '≤ 50 ms' },
    );
    await three.end();
    await one.end();
    nodes.length = 0;
    figures.push(...(await smallFiles(dir)), ...(await manyPeers(dir)));
    return figures;
  } finally {
    for (const node of nodes) await node.end().catch(() => {});
  }
};

const smallFiles = async (dir: string): Promise<Figure[]> => {
  const source = await BenchNode.start(dir, 21);
  const fresh = await BenchNode.start(dir, 22);
  try {
    await source.tell({ do: 'put', files: 10_000, rows: 10, pauseMs: 0 });
    const { ms } = await backfill(source, fresh, 10_000);
    return [{ work: 'backfill of 10,000 files of 10 rows', ours: ms / 1_000, unit: 's', target: '≤ 6 s' }];
  } finally {
    await Promise.all([source.end(), fresh.end()]);
  }
};

const manyPeers = async (dir: string): Promise<Figure[]> => {
  const nodes = await Promise.all([31, 32, 33, 34].map((member) => BenchNode.start(dir, member)));
  try {
    await connect(nodes);
    await nodes[0]?.tell({ do: 'put', files: 20, rows: 1_000, pauseMs: 0 });
    for (const node of nodes) await node.tell({ do: 'hold', files: 20 });
    return lagFigures('3 peers', await lagOf(nodes, 20), '≤ 60 ms');
  } finally {
    await Promise.all(nodes.map((node) => node.end()));
  }
};

const dir = await mkdtemp(join(process.env['HOLDFAST_BENCH_DIR'] ?? tmpdir(), 'holdfast-bench-'));
try {
  report('Replication between operators', await bench(dir));
} finally {
  await rm(dir, { recursive: true, force: true });
}
