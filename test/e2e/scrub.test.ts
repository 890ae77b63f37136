import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { archivedFiles, flipBytes, sabotage } from '../support/damage.ts';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const FILES = 8;
const ROWS = 50;

interface ScrubReply {
  readonly passes: number;
  readonly mended: number;
  readonly damaged: readonly unknown[];
  readonly deeds: readonly { readonly did: string }[];
}

describe('damage on real processes', () => {
  let network: NetworkFixture;

  beforeEach(async () => {
    network = await NetworkFixture.create();
    await network.start('op1', 'op2', 'query');
    await network.cluster('cluster1', 'op1', 'op2');
    for (let file = 0; file < FILES; file += 1)
      await network.node(file % 2 === 0 ? 'op1' : 'op2').put(DBMS, TABLE, sensorRows(file * ROWS, ROWS));
    await waitFor(() => network.equalData('op1'), { timeoutMs: 20_000 });
  }, 60_000);
  afterEach(() => network.close(), 30_000);

  const dirOf = (name: string): string => join(network.node(name).options.dir, 'data');
  const database = (name: string): string => join(dirOf(name), 'dbms', `${DBMS}.sqlite`);
  const count = (name: string, what: string): Promise<number> =>
    network.localNumber(name, DBMS, `select ${what} from ${TABLE}`);
  const expectWhole = async (rows = FILES * ROWS): Promise<void> => {
    for (const name of ['op1', 'op2'])
      expect([await count(name, 'count(*)'), await count(name, 'count(distinct reading)')]).toEqual([rows, rows]);
  };
  const scrub = async (name: string): Promise<ScrubReply> =>
    (await network.node(name).json('get scrub where format = json')) as ScrubReply;
  const scrubbed = async (name: string): Promise<ScrubReply> => {
    const { passes } = await scrub(name);
    await network.node(name).run('run scrub');
    return waitFor(
      async () => {
        const status = await scrub(name);
        return status.passes > passes ? status : undefined;
      },
      { timeoutMs: 30_000 },
    );
  };
  const stopAndDamage = async (name: string, ...statements: readonly string[]): Promise<void> => {
    await network.kill(name);
    sabotage(database(name), (db) => statements.forEach((sql) => db.exec(sql)));
  };

  test('test cluster data names files and rows that differ; repair = true mends them, and says so', async () => {
    await stopAndDamage(
      'op2',
      `update ${TABLE} set reading = -1 where row_id = 3`,
      `delete from ${TABLE} where row_id = ${ROWS + 4}`,
      `insert into ${TABLE} (row_id, insert_timestamp, tsd_name, tsd_id, reading) values (99999, '2026-01-01', '1', 1, -2)`,
      `update holdfast_files set rows = rows + 1 where first_row = ${2 * ROWS + 1}`,
    );
    await network.revive('op2');
    const op1 = network.node('op1');
    const text = await op1.run('test cluster data');
    expect(text).toMatch(/Differences/);
    expect(text).toMatch(/\|3 *\|/);
    expect(text).toMatch(/1 rows of no file in plant.readings at op2/);
    const repaired = await op1.run('test cluster data where repair = true');
    expect(repaired).toMatch(/row 3 changed: reading = -1 -> reading = /);
    expect(repaired).toMatch(/row 4 missing/);
    expect(repaired).toMatch(/1 rows of no file were put aside/);
    await expectWhole();
    expect(await network.equalData('op1')).toBe(true);
    expect(await op1.run('test cluster data where repair = true')).toMatch(/Repair: nothing to do/);
    await op1.put(DBMS, TABLE, sensorRows(FILES * ROWS, ROWS));
    await waitFor(() => network.equalData('op2'));
    await expectWhole((FILES + 1) * ROWS);
  }, 90_000);

  test('the scrub finds bit rot in rows, records and archive by itself, and mends it', async () => {
    await stopAndDamage(
      'op2',
      `update ${TABLE} set reading = reading + 1000000 where row_id between 10 and 12`,
      `delete from holdfast_files where first_row = ${ROWS + 1}`,
    );
    const archive = join(dirOf('op2'), 'archive');
    const whole = archivedFiles(archive);
    flipBytes(whole[0] as string, Math.floor(statSync(whole[0] as string).size / 2), 8);
    await network.revive('op2');
    const status = await scrubbed('op2');
    expect(status.damaged).toEqual([]);
    expect(status.deeds.map(({ did }) => did)).toEqual(expect.arrayContaining(['rows']));
    await waitFor(() => network.equalData('op1'), { timeoutMs: 20_000 });
    await expectWhole();
    expect(archivedFiles(archive)).toEqual(whole);
    expect((await scrubbed('op2')).mended).toBe(status.mended);
  }, 90_000);

  test.each([
    ['its first page', 0],
    ['a page within', 5 * 4_096],
  ])(
    'a database file with damage in %s is set aside and filled again from the peer',
    async (_, at) => {
      await network.kill('op2');
      sabotage(database('op2'), () => {});
      flipBytes(database('op2'), at, 4_096);
      await network.revive('op2');
      if (at > 0) await network.node('op2').run('run scrub');
      await waitFor(async () => readdirSync(join(dirOf('op2'), 'dbms')).some((name) => name.includes('.damaged-')), {
        timeoutMs: 30_000,
      });
      await waitFor(async () => existsSync(database('op2')) && (await network.equalData('op1').catch(() => false)), {
        timeoutMs: 30_000,
      });
      await expectWhole();
      expect(await network.node('op2').run('get operator')).toMatch(/\.damaged-/);
      expect(await network.queryNumber('query', DBMS, `select count(*) from ${TABLE}`)).toBe(FILES * ROWS);
      await network.node('op2').put(DBMS, TABLE, sensorRows(FILES * ROWS, ROWS));
      await waitFor(() => network.equalData('op1'), { timeoutMs: 20_000 });
      await expectWhole((FILES + 1) * ROWS);
    },
    90_000,
  );
});
