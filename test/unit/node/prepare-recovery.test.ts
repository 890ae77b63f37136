import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type GivenOptions, resolveConfig } from '../../../src/node/config.ts';
import { nodePaths } from '../../../src/node/paths.ts';
import { prepareRecovery } from '../../../src/node/recover/prepare.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));

const prepare = (given: GivenOptions = {}) => {
  const config = resolveConfig({ dir, ...given }, {});
  return prepareRecovery(config, nodePaths(dir));
};

test('a recovery that was broken off goes on', async () => {
  writeFileSync(join(dir, 'recovering.json'), '{"operator":"abc"}\n');
  expect((await prepare())?.operator).toBe('abc');
});

test.each(['', '{"operator"', '{"operator":1}', '[]'])('a damaged mark, %j, is named, with a way on', async (text) => {
  writeFileSync(join(dir, 'recovering.json'), text);
  await expect(prepare()).rejects.toMatchObject({
    code: 'CONFIG_VALUE',
    message: expect.stringContaining(join(dir, 'recovering.json')) as unknown,
    hint: expect.stringContaining('--operator') as unknown,
  });
});

test('a directory that holds a ledger is refused: there is nothing to recover into', async () => {
  const options = { recover: 'true', operator: 'abc', seed: ['127.0.0.1:1'] };
  const journal = join(dir, 'ledger', 'journal');
  mkdirSync(journal, { recursive: true });
  writeFileSync(join(journal, '00000001.journal'), '');
  await expect(prepare(options)).rejects.toMatchObject({ code: 'NODE_NOT_EMPTY' });
  rmSync(journal, { recursive: true });
  await expect(prepare(options)).resolves.toMatchObject({ operator: 'abc' });
});
