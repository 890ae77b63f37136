/**
 * The ledger at scale, beside the raw limits of the same run: 100,000 entries by 50 authors, real processes where a
 * network is needed. `ENTRIES` in the environment sets how many; the targets printed are those of 100,000.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { RawEntry } from '../../src/entry/entry.ts';
import { verifySignature } from '../../src/entry/keys.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { NodeProcess } from '../demo/node-process.ts';
import { type Figure, quantile, report, timed } from './report.ts';
import { entriesOf, rawTakeUp } from './scale-entries.ts';

const ENTRIES = Number(process.env['ENTRIES'] ?? 100_000);
const AUTHORS = 50;
const STARTS = 3;
const CALLS = 100;
const MOMENTS = 7;
const VERIFIED = 5_000;
const POLL_MS = 20;
const WATCH = fileURLToPath(new URL('loop-watch.ts', import.meta.url));

const root = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
const seed = new Uint8Array(32).fill(99);
const of = `${ENTRIES.toLocaleString('en-US')} entries by ${AUTHORS} authors`;

const sizeOf = (dir: string): number =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, name) => sum + statSync(join(dir, name)).size,
    0,
  );

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
};

/** Verified per second by one core: one signature and two hashes an entry. */
const rawVerified = (raws: readonly RawEntry[], author: string): number => {
  const some = raws.slice(0, VERIFIED);
  const before = cpuSeconds();
  for (const { header, signature, body } of some) {
    sha256Hex(header);
    sha256Hex(body);
    verifySignature(author, header, signature);
  }
  return some.length / (cpuSeconds() - before);
};

/**
 * In this process, without a network: what a peer's entries cost until they are durable, and until each is verified.
 */
const measureTakeUp = async (dir: string): Promise<readonly Figure[]> => {
  const entries = entriesOf(ENTRIES, AUTHORS, Date.now() * 1_000 - ENTRIES * 1_000 - 60_000_000);
  const raws = entries.map(({ raw }) => raw);
  const limit = await timed(() => rawTakeUp(raws));
  const verifyLimit = rawVerified(raws, entries[0]?.header.author ?? '');
  const ledger = await openLedger({ dir, seed });
  const taken = await timed(() => ledger.offer(raws, 'f'.repeat(64)));
  if (ledger.size !== ENTRIES) throw new Error(`${ledger.size} of ${ENTRIES} entries were taken up`);
  const before = cpuSeconds();
  const checked = await timed(() => ledger.signaturesChecked());
  const cpu = cpuSeconds() - before;
  await ledger.close();
  return [
    {
      work: `take up ${of}`,
      ours: taken,
      limit,
      against: 'parse, encode and hash them',
      unit: 'ms',
      target: '≤ 2,500 ms',
    },
    {
      work: '… until every signature is checked',
      ours: (taken + checked) / 1_000,
      unit: 's',
      target: '≤ 9 s',
    },
    {
      work: 'verified per second and core',
      ours: ENTRIES / cpu,
      limit: verifyLimit,
      against: 'one Ed25519 verify and two SHA-256 each, on one core',
      unit: '/s',
      target: '',
    },
    { work: 'disk per entry, journal and index', ours: sizeOf(dir) / ENTRIES, unit: 'B', target: '≤ 1,200 B' },
  ];
};

const loopFile = (name: string): string => join(root, `${name}.loop`);

const startNode = (name: string, args: readonly string[]): Promise<NodeProcess> =>
  NodeProcess.start({
    ...{ dir: join(root, name), name, args },
    environment: { NODE_OPTIONS: `--import=${WATCH}`, BENCH_LOOP_FILE: loopFile(name) },
  });

/** The longest block of a node's event loop, and what its thread computed in one go at most. */
const blocksOf = async (name: string, who: string): Promise<readonly Figure[]> => {
  await delay(500);
  const [blockMs, computedMs] = readFileSync(loopFile(name), 'utf8').split(' ').map(Number);
  return [
    {
      work: `longest block of the event loop: the node that ${who}`,
      ours: blockMs ?? Number.NaN,
      unit: 'ms',
      target: '≤ 100 ms',
    },
    {
      work: '… computed in one go, without waiting for a core',
      ours: computedMs ?? Number.NaN,
      unit: 'ms',
      target: '',
    },
  ];
};

const residentMb = ({ facts }: NodeProcess): number => {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${facts.pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1_024;
};

/** Median of the milliseconds from the program's start to `ready`. */
const restarted = async (node: NodeProcess): Promise<{ ms: number; node: NodeProcess }> => {
  const samples: number[] = [];
  let running = node;
  for (let round = 0; round < STARTS; round += 1) {
    await running.stop();
    samples.push(await timed(async () => (running = await running.restart([]))));
  }
  return { ms: quantile(samples, 0.5), node: running };
};

const callMs = async (node: NodeProcess, calls: number, command: (round: number) => string): Promise<number> => {
  const samples: number[] = [];
  for (let round = 0; round < calls; round += 1) samples.push(await timed(() => node.run(command(round))));
  return quantile(samples, 0.5);
};

const entriesHeld = async (node: NodeProcess): Promise<number> =>
  Number(/(\d+) entries/.exec(await node.run('get processes'))?.[1] ?? 0);

/** Seconds from `ready` of a node that joins until it holds everything and has it in its book. */
const caughtUpS = async (node: NodeProcess): Promise<number> => {
  node.signal('SIGUSR2');
  const ms = await timed(async () => {
    while ((await entriesHeld(node)) < ENTRIES) await delay(POLL_MS);
    await node.run('blockchain get site where name = site-1 bring.count');
  });
  return ms / 1_000;
};

const hashesOf = async (node: NodeProcess): Promise<readonly string[]> => {
  const log = await node.run('blockchain log where limit = 100 and format = json');
  return [...log.matchAll(/"entry":\s*"([0-9a-f]{64})"/g)].map((match) => match[1] ?? '');
};

const measureNodes = async (): Promise<readonly Figure[]> => {
  const empty = await restarted(await startNode('empty', ['--network', 'empty']));
  await empty.node.stop();
  const { ms, node } = await restarted(await startNode('full', []));
  node.signal('SIGUSR2');
  const id = sha256Hex('77').slice(0, 32);
  const status = await callMs(node, CALLS, () => 'get status');
  const byId = await callMs(node, CALLS, () => `blockchain get * where id = ${id}`);
  const byWhere = await callMs(node, CALLS, () => 'blockchain get site where region = region-8 bring.count');
  const heads = await hashesOf(node);
  const asOf = await callMs(
    node,
    MOMENTS,
    (round) => `blockchain get site where id = ${id} as of ${heads[(round * 13) % heads.length] ?? ''}`,
  );
  const late = await startNode('late', ['--seed', node.facts.listen]);
  const caughtUp = await caughtUpS(late);
  const figures: Figure[] = [
    {
      work: `restart with ${of}, to ready`,
      ours: ms,
      limit: empty.ms,
      against: 'the empty ledger',
      unit: 'ms',
      target: '≤ 1.2 s more',
    },
    {
      work: 'blockchain get by id, REST, p50',
      ours: byId,
      limit: status,
      against: 'get status',
      unit: 'ms',
      target: '≤ 130 %',
    },
    {
      work: 'blockchain get by where, REST, p50',
      ours: byWhere,
      limit: status,
      against: 'get status',
      unit: 'ms',
      target: '',
    },
    { work: 'as of a recent frontier, REST, p50', ours: asOf, unit: 'ms', target: '' },
    { work: 'a node that joins: ready → all of it in its book', ours: caughtUp, unit: 's', target: '≤ 2.5 s' },
    ...(await blocksOf('full', 'serves')),
    ...(await blocksOf('late', 'joins')),
    { work: 'memory of the node that serves, resident', ours: residentMb(node), unit: 'MB', target: '' },
    { work: '… of the node that joined', ours: residentMb(late), unit: 'MB', target: '' },
  ];
  await late.stop();
  await node.stop();
  return figures;
};

try {
  // A key first: a node does not start on a ledger without one.
  await (await startNode('full', [])).stop();
  const local = await measureTakeUp(join(root, 'full', 'ledger'));
  report('The ledger at scale', [...local, ...(await measureNodes())]);
} finally {
  rmSync(root, { recursive: true, force: true });
}
