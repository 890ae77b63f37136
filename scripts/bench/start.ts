/**
 * Start to `ready` with an empty ledger and with one of 10,000 entries, idle memory, and what REST costs. Real
 * processes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeProcess } from '../demo/node-process.ts';
import { bareLibp2pMb, idleMb } from './idle-memory.ts';
import { type Figure, quantile, report, timed } from './report.ts';

const ENTRIES = 10_000;
const IN_FLIGHT = 64;
const STARTS = 7;
const CALLS = 200;

const fill = async (node: NodeProcess): Promise<string> => {
  let next = 0;
  const insert = async (): Promise<void> => {
    while (next < ENTRIES) {
      const index = next++;
      const policy = { site: { name: `site-${index}`, region: `region-${index % 50}`, note: 'x'.repeat(250) } };
      await node.run(`blockchain insert where policy = ${JSON.stringify(policy)}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, insert));
  return (await node.run('blockchain get site where name = site-77 bring [*][id]')).trim();
};

/** Median of the milliseconds from spawn to `node.json`. */
const startMs = async (node: NodeProcess, signal: NodeJS.Signals): Promise<{ ms: number; node: NodeProcess }> => {
  const samples: number[] = [];
  let running = node;
  for (let round = 0; round < STARTS; round += 1) {
    await running.stop(signal);
    samples.push(await timed(async () => (running = await running.restart([]))));
  }
  return { ms: quantile(samples, 0.5), node: running };
};

const callMs = async (node: NodeProcess, command: string): Promise<number> => {
  const samples: number[] = [];
  for (let call = 0; call < CALLS; call += 1) samples.push(await timed(() => node.run(command)));
  return quantile(samples, 0.5);
};

const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
try {
  const empty = await startMs(
    await NodeProcess.start({ dir: join(dir, 'empty'), name: 'empty', args: ['--network', 'bench'] }),
    'SIGTERM',
  );
  const idle = await idleMb(empty.node.facts.pid);
  await empty.node.stop();
  const bare = await bareLibp2pMb();
  const first = await NodeProcess.start({ dir: join(dir, 'full'), name: 'full', args: ['--network', 'bench'] });
  const id = await fill(first);
  const stopped = await startMs(first, 'SIGTERM');
  const killed = await startMs(stopped.node, 'SIGKILL');
  const { node } = killed;
  const status = await callMs(node, 'get status');
  const figures: Figure[] = [
    { work: 'start to ready, empty ledger', ours: empty.ms, unit: 'ms', target: '≤ 800 ms' },
    {
      work: 'memory of an idle node, resident',
      ours: idle,
      limit: bare,
      against: 'an idle process with libp2p alone',
      unit: 'MB',
      target: '≤ 130 %',
    },
    {
      work: `restart with ${ENTRIES} entries`,
      ours: stopped.ms,
      limit: empty.ms,
      against: 'the empty ledger',
      unit: 'ms',
      target: '≤ 150 ms more',
    },
    {
      work: `kill -9, restart with ${ENTRIES} entries`,
      ours: killed.ms,
      limit: empty.ms,
      against: 'the empty ledger',
      unit: 'ms',
      target: '≤ 1 s',
    },
    {
      work: 'blockchain get by id, REST, p50',
      ours: await callMs(node, `blockchain get * where id = ${id}`),
      limit: status,
      against: 'get status',
      unit: 'ms',
      target: '≤ 130 %',
    },
    {
      work: 'blockchain get by where, 200 of 10,000, REST, p50',
      ours: await callMs(node, 'blockchain get site where region = region-7 bring.count'),
      limit: status,
      against: 'get status',
      unit: 'ms',
      target: '≤ 5 ms',
    },
  ];
  report('Start and look-up', figures);
  await node.stop();
} finally {
  await rm(dir, { recursive: true, force: true });
}
