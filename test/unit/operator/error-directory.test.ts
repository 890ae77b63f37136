import { copyFile, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAILURES_LISTED_MAX } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { ErrorDirectory, forgetOne } from '../../../src/operator/error-directory.ts';
import { openOperator } from '../../support/operator-fixture.ts';
import { waitFor } from '../../support/wait.ts';

const table = { dbms: 'plant', table: 't' };

describe('the error directory', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-errors-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const fail = (errors: ErrorDirectory, bytes: number): Promise<{ readonly path: string }> =>
    errors.take({ name: 'plant.t.json', content: new Uint8Array(bytes), refused: true }, table, new Error('bad'), 0);

  test('knows what still lies there, also after a start, and takes copies until it holds what it may', async () => {
    const errors = await ErrorDirectory.open(dir, silentLogger, 60_000);
    const [one, two] = [await fail(errors, 10), await fail(errors, 50_000)];
    await errors.look();
    expect(errors.lying().map(({ path }) => path)).toEqual([two.path, one.path]);
    expect(errors.held).toEqual({ dir, files: 2, bytes: 8_192 + 50_000, isFull: false });
    errors.assertRoomForCopy();
    await fail(errors, 10);
    expect(errors.held).toMatchObject({ files: 3, isFull: true });
    expect(() => errors.assertRoomForCopy()).toThrow(expect.objectContaining({ code: 'INGEST_ERRORS_FULL' }));
    await rename(two.path, join(dir, '..', 'corrected.json'));
    await rm(join(dir, '..', 'corrected.json'));
    const again = await ErrorDirectory.open(dir, silentLogger, 60_000);
    for (const each of [errors, again]) {
      await each.look();
      expect(each.lying().map(({ path }) => path)).not.toContain(two.path);
      expect(each.held).toEqual({ dir, files: 2, bytes: 2 * 8_192, isFull: false });
      expect(each.failures(9)).toHaveLength(3);
    }
  });

  test('refusals are forgotten before what lies nowhere else', async () => {
    const errors = await ErrorDirectory.open(dir, silentLogger);
    const taken = [];
    for (const refused of [false, true, false, true])
      taken.push(
        await errors.take({ name: 'a.json', content: new Uint8Array(1), refused }, table, new Error('bad'), 0),
      );
    const [first, , third, last] = taken;
    const left = [...taken];
    forgetOne(left);
    expect(left).toEqual([first, third, last]);
    forgetOne(left);
    forgetOne(left);
    expect(left).toEqual([third]);
  });

  test('nor do any number of refusals hide it after a start', async () => {
    const errors = await ErrorDirectory.open(dir, silentLogger);
    await writeFile(join(dir, '..', 'only.json'), 'no JSON');
    const { path } = await errors.take({ path: join(dir, '..', 'only.json') }, table, new Error('bad'), 0);
    const refused = await fail(errors, 1);
    const report = (await readdir(dir)).find((name) => name.startsWith(`${basename(refused.path)}.`)) ?? '';
    const copies = Array.from({ length: FAILURES_LISTED_MAX }, (_, at) =>
      copyFile(join(dir, report), join(dir, report.replace(/\.\d+\.json/, `.${at + 10}.json`))),
    );
    await Promise.all(copies);
    const again = await ErrorDirectory.open(dir, silentLogger);
    expect(again.failures(FAILURES_LISTED_MAX)).toHaveLength(FAILURES_LISTED_MAX);
    expect(again.failures(FAILURES_LISTED_MAX).at(-1)?.path).toBe(path);
  });

  test('what lies nowhere else goes in, however full it is', async () => {
    const errors = await ErrorDirectory.open(dir, silentLogger, 1);
    await fail(errors, 10);
    await writeFile(join(dir, '..', 'only.json'), 'no JSON');
    const { path } = await errors.take({ path: join(dir, '..', 'only.json') }, table, new Error('bad'), 0);
    expect(errors.lying().map((failure) => failure.path)).toContain(path);
  });
});

test('what was refused is known as such, also after a start', async () => {
  const first = await openOperator();
  await first.drop('plant.t.json', 'no JSON');
  await waitFor(() => first.operator.failing().newest.length === 1);
  await expect(first.put('no JSON')).rejects.toThrow('not JSON');
  const refused = (): boolean[] => first.operator.failures(9).map((failure) => failure.refused);
  expect(refused()).toEqual([true, false]);
  const fixture = await first.restarted();
  try {
    expect(fixture.operator.failures(9).map((failure) => failure.refused)).toEqual([true, false]);
  } finally {
    await fixture.close();
  }
});

test('an operator tells of a failed file until somebody has taken it away', async () => {
  const fixture = await openOperator();
  try {
    await fixture.drop('plant.t.json', 'no JSON');
    const failing = (): number => fixture.operator.failing().newest.length;
    await waitFor(() => failing() === 1);
    for (const name of await readdir(fixture.options.errDir))
      if (!name.endsWith('.reason.json')) await rm(join(fixture.options.errDir, name));
    await waitFor(() => failing() === 0);
    expect(fixture.operator.failures(9)).toHaveLength(1);
  } finally {
    await fixture.close();
  }
});
