import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { merkleLeaf, merkleRoot } from '../../../src/codec/merkle.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { readCheckpoint, signCheckpoint } from '../../../src/receipt/checkpoint.ts';
import { WitnessedLog } from '../../../src/receipt/witnessed-log.ts';
import { tempDir } from '../../support/temp-dir.ts';

test('a witness goes on from what it cosigned last, whichever older line is damaged', async () => {
  const dir = tempDir();
  const key = signingKeyFromSeed(new Uint8Array(32).fill(1));
  const origin = { network: 'ab'.repeat(32), node: key.author, incarnation: '0123456789abcdef' };
  const hashes = Array.from({ length: 12 }, (_, at) => Buffer.alloc(32, at));
  const log = await WitnessedLog.open(dir);
  for (let size = 1; size <= hashes.length; size += 1) {
    const root = merkleRoot(hashes.slice(0, size).map(merkleLeaf));
    await log.keep(readCheckpoint(signCheckpoint(key, origin, { size, root })));
  }
  await log.copy(async (from, to) => Buffer.concat(hashes.slice(from, to)));
  await log.close();
  const path = join(dir, 'checkpoints');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  for (let damaged = 0; damaged < lines.length - 1; damaged += 1) {
    writeFileSync(path, `${lines.with(damaged, 'rubbish').join('\n')}\n`);
    const again = await WitnessedLog.open(dir);
    expect([again.last?.size, again.copied], `line ${damaged}`).toEqual([hashes.length, hashes.length]);
    await again.close();
  }
});
