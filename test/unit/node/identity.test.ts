import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownIdentity } from '../../../src/node/identity.ts';
import { nodePaths, type NodePaths } from '../../../src/node/paths.ts';

let paths: NodePaths;
beforeEach(() => {
  paths = nodePaths(mkdtempSync(join(tmpdir(), 'holdfast-identity-')));
});
afterEach(() => rmSync(paths.dir, { recursive: true, force: true }));

const writeJournal = (): void => {
  mkdirSync(join(paths.ledger, 'journal'), { recursive: true });
  writeFileSync(join(paths.ledger, 'journal', '00000001.journal'), '');
};

test('the first start makes a key, which stays', async () => {
  const { key } = await ownIdentity(paths);
  expect(statSync(paths.key).mode & 0o777).toBe(0o600);
  writeJournal();
  expect((await ownIdentity(paths)).key).toBe(key);
});

test('a key with a wrong bit is not taken for another one', async () => {
  await ownIdentity(paths);
  const text = readFileSync(paths.key, 'utf8');
  // The last bits of the 32 bytes: whatever they are, it is a key.
  const at = text.indexOf('\n-----END') - 3;
  writeFileSync(paths.key, `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`);
  await expect(ownIdentity(paths)).rejects.toMatchObject({
    code: 'NODE_KEY_INVALID',
    message: expect.stringContaining('it was changed') as unknown,
  });
});

test('a key without its public half is taken as it is', async () => {
  const { key } = await ownIdentity(paths);
  writeFileSync(paths.key, readFileSync(paths.key, 'utf8').replace(/^Ed25519.*\n/, ''));
  expect((await ownIdentity(paths)).key).toBe(key);
});

test('where a ledger is and its key is gone, no other key takes its place', async () => {
  writeJournal();
  await expect(ownIdentity(paths)).rejects.toMatchObject({
    code: 'NODE_KEY_MISSING',
    hint: expect.stringContaining('--recover') as unknown,
  });
  expect(existsSync(paths.key)).toBe(false);
});
