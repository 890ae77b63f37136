import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { remember } from '../../../src/node/remember.ts';
import { tempDir } from '../../support/temp-dir.ts';

const world = (told: Record<string, string>, former: string | undefined) => {
  const works = Promise.withResolvers<undefined>();
  const kept: unknown[] = [];
  const stop = new AbortController();
  const file = { path: '/nowhere', keep: async (text: string) => void kept.push(JSON.parse(text)) };
  const config = { remember: told, listen: '127.0.0.1:0', formerTiles: former, rememberedIsDamaged: false };
  const archiving = { tilesWork: works.promise };
  const started = { network: { address: '127.0.0.1:4' }, archiving, log: silentLogger };
  return { kept, stop, works, done: remember(file, config, started, stop.signal) };
};
const listened = '127.0.0.1:4';

test.each([undefined, '/old'])('a directory of --tiles is remembered once it is of use; before: %j', async (former) => {
  const { kept, works, done } = world({ name: 'a', tiles: '/new' }, former);
  await done;
  expect(kept).toEqual([{ name: 'a', listened, ...(former && { tiles: former }) }]);
  works.resolve(undefined);
  await works.promise;
  expect(kept[1]).toEqual({ name: 'a', listened, tiles: '/new' });
});

test('the one that was remembered stays, none takes it back, and nothing is written once the node stops', async () => {
  for (const tiles of ['/old', undefined]) {
    const { kept, done } = world({ ...(tiles && { tiles }) }, '/old');
    await done;
    expect(kept).toEqual([{ listened, ...(tiles && { tiles }) }]);
  }
  const { kept, works, stop, done } = world({ tiles: '/new' }, undefined);
  await done;
  stop.abort();
  works.resolve(undefined);
  await works.promise;
  expect(kept).toHaveLength(1);
});

test('what cannot be read is set aside, and stays in its place until it is written anew', async () => {
  const path = join(tempDir(), 'start.json');
  writeFileSync(path, '{"name": "a');
  let aside: boolean | undefined;
  const file = { path, keep: async () => void (aside = existsSync(`${path}.damaged`)) };
  const config = { remember: { name: 'a' }, listen: '127.0.0.1:1', formerTiles: undefined, rememberedIsDamaged: true };
  const started = { network: { address: '127.0.0.1:1' }, log: silentLogger };
  await remember(file, config, started, new AbortController().signal);
  expect(aside).toBe(true);
  for (const held of [path, `${path}.damaged`]) expect(readFileSync(held, 'utf8')).toBe('{"name": "a');
});
