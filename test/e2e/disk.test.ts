import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { becomeOperator, insertPolicy, restartOperator } from '../../scripts/demo/network.ts';
import { CommandRefused, NodeProcess } from '../../scripts/demo/node-process.ts';
import { sensorRows } from '../support/network-fixture.ts';
import { createSmallDisk, DISK_KIND, IS_REAL_DISK, type SmallDisk } from '../support/small-disk.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const [DBMS, TABLE] = ['plant', 'readings'];
const COUNT = `format = json and stat = false "select count(*) from ${TABLE}"`;

/** What a refused request says. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
}

const refusalOf = (work: Promise<unknown>): Promise<Refusal> =>
  work.then(
    () => Promise.reject(new Error('it was not refused')),
    (caught: unknown) => {
      if (!(caught instanceof CommandRefused)) throw caught;
      return { ...(JSON.parse(caught.body) as Omit<Refusal, 'status'>), status: caught.status };
    },
  );

describe(`a node whose disk takes no writes (${DISK_KIND})`, () => {
  let disk: SmallDisk;
  let scratch: string;
  let node: NodeProcess;

  const count = async (command: string): Promise<number> => {
    const { Query = [] } = (await node.json(command)) as { Query?: Record<string, unknown>[] };
    return Number(Object.values(Query[0] ?? {})[0]);
  };
  const networkCount = (): Promise<number> => count(`run client () sql ${DBMS} ${COUNT}`);
  const put = (from: number, rows: number): Promise<string> => node.put(DBMS, TABLE, sensorRows(from, rows));
  let sites = 0;
  const addSite = async (text = ''): Promise<void> => {
    await node.run(`blockchain insert where policy = {"site": {"name": "site-${sites}", "text": "${text}"}}`);
    sites += 1;
  };
  /** The ledger has room for some small entries at any time: until one is refused. */
  const addSites = async (): Promise<void> => {
    for (let more = 0; more < 10; more += 1) await addSite('x'.repeat(30_000));
  };
  const diskState = async (): Promise<string> =>
    ((await node.json('get status where format = json')) as { disk: { state: string } }).disk.state;
  const log = (): string => readFileSync(join(scratch, 'node.log'), 'utf8');

  beforeEach(async () => {
    disk = createSmallDisk(48);
    scratch = tempDir();
    const { through } = disk;
    const options = { dir: join(disk.dir, 'node'), name: 'op', through, log: join(scratch, 'node.log') };
    sites = 0;
    node = await NodeProcess.start({ ...options, args: ['--network', 'test'] });
    const { id } = await insertPolicy(node, 'cluster', { company: 'Acme', name: 'plant-1' });
    await becomeOperator(node, 'Acme', id);
    await put(0, 200);
    await waitFor(async () => (await networkCount()) === 200);
  }, 60_000);
  afterEach(async () => {
    await node.stop('SIGKILL');
    disk.close();
  });

  const servesReads = async (): Promise<void> => {
    await waitFor(async () => (await networkCount()) === 200, { what: log });
    expect(await count(`sql ${DBMS} ${COUNT}`)).toBe(200);
    expect(await node.json('blockchain get operator')).toMatchObject([{ operator: { name: 'op' } }]);
    expect(await node.run('get consumer')).toMatch(/Consumer: Running/);
  };
  const refusesWrites = async (): Promise<void> => {
    const streamed = (): Promise<string> => node.put(DBMS, TABLE, sensorRows(2_000, 10), 'streaming');
    const writes: [() => Promise<unknown>, string[]][] = [
      [() => put(1_000, 10), ['DISK_NO_ROOM', 'SQLITE_DISK_FAILED']],
      [streamed, ['DISK_NO_ROOM', 'SQLITE_DISK_FAILED']],
      [addSites, ['LEDGER_DISK_FAILED']],
    ];
    for (const [write, codes] of writes) {
      const { status, code, hint } = await refusalOf(write());
      expect([status, code]).toEqual([code === 'DISK_NO_ROOM' ? 507 : 503, expect.toBeOneOf(codes)]);
      expect(hint).toMatch(/disk|file system/);
    }
  };
  const goesOn = async (rows: number): Promise<void> => {
    await waitFor(() => addSite().then(() => true), { what: log });
    await waitFor(() => put(5_000, 50).then(() => true), { what: log });
    let counted = -1;
    const what = (): string => `${counted} rows are ${rows + 50}\n${log()}`;
    await waitFor(async () => (counted = await networkCount()) === rows + 50, { what });
    await waitFor(async () => (await diskState()) === 'ok', { what: log });
    const told = (): unknown => JSON.parse(readFileSync(join(node.options.dir, 'node.json'), 'utf8'));
    await waitFor(() => (told() as { pid: number }).pid === node.facts.pid);
    expect((await node.json('blockchain get site')) as unknown[]).toHaveLength(sites);
  };

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'starts on a full disk after %s, answers, refuses writes, and goes on by itself when there is room',
    async (signal) => {
      await node.stop(signal);
      writeFileSync(join(node.options.dir, 'data', 'watch', `${DBMS}.${TABLE}.json`), sensorRows(200, 100));
      disk.fill();
      node = await restartOperator(node, undefined);
      await servesReads();
      expect(await diskState()).toBe(IS_REAL_DISK ? 'full' : 'failing');
      await refusesWrites();
      expect(await node.run('get disk usage')).toMatch(/free/);
      disk.free();
      await goesOn(300);
      // Looked at twice a second all the time, and said once for each kind of failure.
      const said = log().match(/is not stored yet|no file of .* is taken up now/g) ?? [];
      expect(said.length).toBeGreaterThan(0);
      expect(said).toEqual([...new Set(said)]);
    },
    60_000,
  );

  test('starts on a read-only disk, answers, refuses writes, and goes on by itself when it is writable', async () => {
    await node.stop();
    disk.readOnly();
    node = await restartOperator(node, undefined);
    await servesReads();
    expect(await diskState()).toBe(IS_REAL_DISK ? 'read-only' : 'failing');
    await refusesWrites();
    disk.writable();
    await goesOn(200);
  }, 60_000);

  if (!IS_REAL_DISK) return;

  test('fills up while it runs: what was acknowledged stays, the rest is refused, and it goes on by itself', async () => {
    disk.fill();
    await waitFor(async () => (await diskState()) === 'full');
    await servesReads();
    await refusesWrites();
    disk.free();
    await goesOn(200);
  }, 60_000);

  test('a backup whose disk is full in mid-copy says so, and leaves nothing', async () => {
    // In SQLite's log, so that the copy needs more room than the file has bytes.
    await put(10_000, 12_000);
    const target = createSmallDisk(1);
    try {
      const dir = join(target.dir, 'copy');
      await node.run(`run backup where dir = "${dir}"`);
      const backup = (): Promise<unknown> => node.json('get backup where format = json');
      await waitFor(async () => ((await backup()) as { state: string }).state === 'failed');
      expect(await backup()).toMatchObject({ part: 'databases', error: { code: 'BACKUP_DISK_FULL' } });
      expect(readdirSync(dir)).toEqual([]);
      expect(await diskState(), log()).toBe('ok');
      await put(50_000, 10);
    } finally {
      target.close();
    }
  }, 60_000);
});
