import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterInfo, Topology } from '../../src/topology/topology.ts';
import { benchCluster, benchOperator, type BenchNode, benchTopology, startBenchNode } from './query-node.ts';
import { type Figure, quantile, report, timed } from './report.ts';

const PROGRAM = fileURLToPath(new URL('query-node.ts', import.meta.url));
const RAW = fileURLToPath(new URL('query-raw.ts', import.meta.url));
const ROWS = 1_000_000;
const ROUNDS = 15;
const KILLS = 12;

const COUNT = 'select count(*) from readings';
const QUERIES: readonly (readonly [string, string, string])[] = [
  ['count', COUNT, '≤ SQLite + 5 ms'],
  ['min, max, avg', 'select min(value), max(value), avg(value) from readings', '≤ SQLite + 5 ms'],
  ['group by 100 devices', 'select device, count(*), avg(value) from readings group by device', '≤ SQLite + 5 ms'],
  ['where of 1 device', "select count(*), max(value) from readings where device = 'device-7'", '≤ SQLite + 5 ms'],
  ['select * limit 1000', 'select * from readings limit 1000', '≤ 15 ms'],
  ['select * order by time desc limit 1000', 'select * from readings order by timestamp desc limit 1000', ''],
];

interface Peer {
  readonly child: ChildProcess;
  readonly key: string;
  readonly address: string;
}

const startOperator = async (dir: string, id: string, rows: number): Promise<Peer> => {
  const child = fork(PROGRAM, [join(dir, id), id, String(rows)], { execArgv: [] });
  const [{ key, address }] = (await once(child, 'message')) as [{ key: string; address: string }];
  return { child, key, address };
};

const ask = (node: BenchNode, sql: string) =>
  node.query.network({
    dbms: 'bench',
    sql,
    options: { nodes: 'main', committed: false, partial: false, timeoutMs: 60_000, include: [] },
  });

/** Runs SQL on a file in a process of its own, so that this one's network is not held up; tells the milliseconds. */
const startRaw = (file: string): { child: ChildProcess; run: (sql: string) => Promise<number> } => {
  const child = fork(RAW, [file], { execArgv: [] });
  const run = async (sql: string): Promise<number> => {
    child.send(sql);
    const [ms] = (await once(child, 'message')) as [number];
    return ms;
  };
  return { child, run };
};

/** Medians of both, measured in turns so that a noisy moment meets both. */
const latencies = async (node: BenchNode, file: string, what: string): Promise<Figure[]> => {
  const raw = startRaw(file);
  const figures: Figure[] = [];
  for (const [work, sql, target] of QUERIES) {
    const samples: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS + 2; round += 1) {
      const [ours, limit] = [await timed(() => ask(node, sql)), await raw.run(sql)];
      if (round < 2) continue;
      samples[0].push(ours);
      samples[1].push(limit);
    }
    const [ours, limit] = [quantile(samples[0], 0.5), quantile(samples[1], 0.5)];
    const against = 'better-sqlite3 on 1,000,000 rows here';
    figures.push({ work: `${what}: ${work}`, ours, limit, against, unit: 'ms', target });
  }
  raw.child.kill('SIGKILL');
  return figures;
};

/** From the signal to the first right answer, asked again and again as a user would. */
const killToAnswer = async (node: BenchNode, victim: Peer, right: number): Promise<number> => {
  const ended = once(victim.child, 'exit');
  victim.child.kill('SIGKILL');
  const start = performance.now();
  for (;;) {
    const answer = await ask(node, COUNT).catch(() => undefined);
    if (answer !== undefined && [...answer.rows][0]?.[0] === right) break;
  }
  const ms = performance.now() - start;
  await ended;
  return ms;
};

const kills = async (
  node: BenchNode,
  dir: string,
  use: (clusters: readonly ClusterInfo[]) => void,
): Promise<Figure[]> => {
  const small = 10_000;
  const survivor = await startOperator(dir, 'survivor', small);
  await node.network.dial({ address: survivor.address });
  const raw = startRaw(join(dir, 'survivor', 'bench.sqlite'));
  const samples: [number[], number[]] = [[], []];
  for (let round = 0; round < KILLS; round += 1) {
    const victim = await startOperator(dir, `victim-${round}`, small);
    await node.network.dial({ address: victim.address });
    const operators = [benchOperator('v', 'k', victim.key, true), benchOperator('s', 'k', survivor.key, false)];
    use([benchCluster('k', operators)]);
    await ask(node, COUNT);
    samples[0].push(await killToAnswer(node, victim, small));
    samples[1].push(await raw.run(COUNT));
  }
  for (const { child } of [survivor, raw]) child.kill('SIGKILL');
  const beside = (share: number) => ({
    ours: quantile(samples[0], share),
    limit: quantile(samples[1], share),
    against: 'better-sqlite3 on the rows of the other operator',
    unit: 'ms',
  });
  return [
    {
      work: 'kill -9 of the operator asked → first right answer, p50',
      ...beside(0.5),
      target: '≤ 300 ms',
    },
    {
      work: 'kill -9 of the operator asked → first right answer, worst',
      ...beside(1),
      target: '≤ 1,000 ms',
    },
  ];
};

const main = async (): Promise<void> => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  let topology: Topology = benchTopology([]);
  const use = (clusters: readonly ClusterInfo[]): void => {
    topology = benchTopology(clusters);
  };
  try {
    const node = await startBenchNode(join(dir, 'asker'), undefined, () => topology);
    const whole = await startOperator(dir, 'whole', ROWS);
    const halves = [await startOperator(dir, 'half-1', ROWS / 2), await startOperator(dir, 'half-2', ROWS / 2)];
    const peers = [whole, ...halves].map(({ address, key }) => ({ address, key }));
    for (const peer of peers) await node.network.dial(peer);
    node.network.keepDialled(peers);
    const file = join(dir, 'whole', 'bench.sqlite');
    use([benchCluster('one', [benchOperator('o', 'one', whole.key, true)])]);
    const one = await latencies(node, file, 'one cluster');
    use(
      halves.map(({ key }, index) => benchCluster(`c${index}`, [benchOperator(`h${index}`, `c${index}`, key, true)])),
    );
    const two = await latencies(node, file, 'two clusters');
    node.network.keepDialled([]);
    for (const { child } of [whole, ...halves]) child.kill('SIGKILL');
    report('Network queries over 1,000,000 rows', [...one, ...two, ...(await kills(node, dir, use))]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

await main();
process.exit(0);
