import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { waitFor } from '../../support/wait.ts';

let fixture: OperatorFixture;
beforeEach(async () => {
  fixture = await openOperator();
});
afterEach(() => fixture.close());

const rowsText = (from: number, count: number): string =>
  Array.from({ length: count }, (_, at) => `{"reading":${from + at}}`).join('\n');

describe('what is asked for and not done is refused', () => {
  test('a mapping that is asked for is refused: the rows must not be stored as they are', async () => {
    const request = { dbms: 'plant', table: 'readings', source: '0', content: Buffer.from('{"a":1}') };
    for (const way of ['put', 'stream'] as const)
      await expect(fixture.operator[way]({ ...request, instructions: 'nosuchmapping' })).rejects.toMatchObject({
        code: 'INGEST_MAPPING',
      });
    expect(fixture.operator.status()).toMatchObject({ files: 0, rows: 0, failed: 1 });
    await fixture.operator.put({ ...request, instructions: '' });
  });

  test.each([
    ['a mapping', 'plant.readings.0.0.nosuchmap.json', 27, 'nosuchmap'],
    ['a member number that no operator has', 'plant.readings.0.0.0.77.5.260101000000.json', 131, 'number 77'],
    ['rows that are stored already', 'plant.readings.0.0.0.@.5.260101000000.json', 119, '"@"'],
    ['no member number', 'plant.readings.0.0.0.x.5.260101000000.json', 119, '"x"'],
    ['no database', 'pl-ant.readings.json', 175, '"pl-ant"'],
  ])('a file whose name gives %s is refused with its number and the reason', async (_, name, number, text) => {
    await fixture.drop(name, rowsText(0, 1));
    await waitFor(() => fixture.operator.failures(9).length === 1);
    expect(fixture.operator.failures(1)[0]?.text).toContain(text);
    expect((await readdir(fixture.options.errDir)).join(' ')).toContain(`.err_${number}.`);
    expect(fixture.operator.status().files).toBe(0);
  });

  test.each([
    ['a number that is none', '{"n":1}\n{"n":1e400}', 'line 2: a number beyond 1.8e308 does not fit the column n'],
    ['half a surrogate pair', '{"t":"\\ud800"}', 'line 1: \\ud800 is half a surrogate pair'],
    ['a cut row', '{"n":1}\n{"n":2}\n{"n":3 x}', 'of the row'],
  ])('%s in a row is refused in words', async (_, content, text) => {
    await expect(fixture.put(content)).rejects.toThrow(text);
    await expect(fixture.put(content)).rejects.not.toThrow(/null|column \d/);
  });
});
