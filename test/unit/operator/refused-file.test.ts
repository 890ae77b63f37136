import { afterEach, beforeEach, expect, test } from 'vitest';
import { readdir } from 'node:fs/promises';
import { unwatchedDisk } from '../../../src/base/disk.ts';
import { fault } from '../../../src/base/errors.ts';
import { errorNumber } from '../../../src/command/error-numbers.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { allRows } from '../../support/table-rows.ts';

let fixture: OperatorFixture;
beforeEach(async () => {
  fixture = await openOperator();
});
afterEach(() => fixture.close());

test('what is refused declares no table, and is no failure of others that come with it', async () => {
  const deep = '['.repeat(100) + ']'.repeat(100);
  const bad = [
    `{"reading":1}\n{"reading":2,"a":${deep}}`,
    '{"reading":1}\n{"reading":1e999}',
    '{"reading":',
    '5',
    '[{"a":1}',
  ];
  const refusal = {
    code: expect.stringMatching(/^INGEST_ROW_/) as string,
    hint: expect.stringMatching(/send|correct/) as string,
  };
  for (const content of bad) {
    await expect(fixture.put(content)).rejects.toMatchObject(refusal);
    await expect(fixture.stream(content)).rejects.toMatchObject(refusal);
  }
  expect([...fixture.registry.tables]).toEqual([]);
  const all = await Promise.allSettled([...bad, rowsText(0, 2)].map((content) => fixture.put(content)));
  expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(bad.length);
  const rows = await allRows(fixture.sqlite, 'plant', 'readings');
  expect(rows.map((row) => row['reading'])).toEqual([0, 1]);
});

test.each([
  ['a list of lists', '['.repeat(100_000) + ']'.repeat(100_000)],
  ['a list that is not closed', '['.repeat(100_000)],
  ['a row that is not closed', '{"a":'.repeat(100_000)],
  ['a value', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['a value of objects', `{"a":${'{"b":'.repeat(100_000)}1${'}'.repeat(100_000)}}`],
  ['a value beside a long integer', `{"a":9223372036854775808,"b":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
])('100,000 brackets, %s: a typed error with a short text', async (_, content) => {
  for (const known of [false, true]) {
    if (known) await fixture.put('{"a":1}');
    const failure: unknown = await fixture.put(content).catch((caught: unknown) => caught);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^INGEST_ROW_(?:JSON|FORM|DEPTH)$/) as string });
    expect(errorNumber((failure as { code: string }).code)).toBe(6);
    expect((failure as Error).message.length).toBeLessThan(300);
    expect((failure as Error).message).not.toMatch(/call stack/);
  }
});

test('where the disk is for the ledger alone, the client hears why its data is refused, and no copy takes the rest', async () => {
  await fixture.close();
  let isFull = true;
  const assertRoom = (): void => {
    if (isFull) throw fault('DISK_NO_ROOM', 'the disk is nearly full');
  };
  fixture = await openOperator({ ports: { disk: { ...unwatchedDisk, assertRoom } } });
  const kept = (): Promise<string[]> => readdir(fixture.options.errDir).catch(() => []);
  await expect(fixture.put('{"reading":')).rejects.toMatchObject({ code: 'INGEST_ROW_JSON' });
  expect(await kept()).toEqual([]);
  isFull = false;
  await expect(fixture.put('{"reading":')).rejects.toMatchObject({ code: 'INGEST_ROW_JSON' });
  expect((await kept()).length).toBeGreaterThan(0);
});
