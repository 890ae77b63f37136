import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { CheckpointFile } from '../../../src/receipt/checkpoint-file.ts';
import {
  type Checkpoint,
  cosign,
  readCheckpoint,
  readCosignatureLine,
  signCheckpoint,
  withCosignatures,
} from '../../../src/receipt/checkpoint.ts';
import { tempDir } from '../../support/temp-dir.ts';

const log = signingKeyFromSeed(new Uint8Array(32).fill(1));
const witness = signingKeyFromSeed(new Uint8Array(32).fill(2));
const origin = { network: 'ab'.repeat(32), node: log.author, incarnation: '0123456789abcdef' };
const cosigned = (size: number, time: number): Checkpoint => {
  const checkpoint = readCheckpoint(signCheckpoint(log, origin, { size, root: Buffer.alloc(32, size) }));
  return withCosignatures(checkpoint, [
    readCosignatureLine(checkpoint, cosign(witness, origin, checkpoint.text, time)),
  ]);
};

describe('the file of cosigned checkpoints', () => {
  let dir: string;
  let path: string;
  beforeEach(async () => {
    dir = tempDir();
    path = join(dir, 'checkpoints');
  });

  /** Of sizes 10, 20 …, at times 1000, 1010 …, but one whose witness's clock was behind. */
  const fill = async (count: number): Promise<CheckpointFile> => {
    const file = await CheckpointFile.open(path);
    for (let at = 0; at < count; at += 1)
      await file.append(cosigned(10 * (at + 1), 1_000 + 10 * at - (at === 3 ? 25 : 0)));
    return file;
  };

  test('finds the last one up to a time and up to a size, whatever was asked', async () => {
    const file = await fill(60);
    for (let time = 990; time < 1_610; time += 3) {
      // The fourth counts from when the third does.
      const expected = Math.min(60, Math.floor((time - 1_000) / 10) + 1 + (time >= 1_020 && time < 1_030 ? 1 : 0));
      const found = await file.upToTime(time);
      expect(found?.checkpoint.size ?? 0).toBe(10 * Math.max(0, expected));
    }
    for (let size = 0; size < 620; size += 7)
      expect((await file.upToSize(size))?.checkpoint.size ?? 0).toBe(10 * Math.min(60, Math.floor(size / 10)));
    for (let size = 0; size < 620; size += 7) {
      const first = Math.max(1, Math.ceil(size / 10));
      expect((await file.fromSize(size))?.checkpoint.size).toBe(first > 60 ? undefined : 10 * first);
    }
    expect(file.last?.checkpoint.size).toBe(600);
    expect((await file.upToTime(1_020))?.time).toBe(1_020);
    await file.close();
  });

  test('is read back, without a last line that was not completely written', async () => {
    await (await fill(5)).close();
    const whole = await readFile(path, 'utf8');
    await appendFile(path, '1050 60 "holdf');
    const file = await CheckpointFile.open(path);
    expect(file.last).toEqual({ checkpoint: cosigned(50, 1_040), time: 1_040 });
    expect((await file.upToTime(9_999))?.checkpoint.size).toBe(50);
    await file.append(cosigned(60, 900));
    expect(file.last?.time).toBe(1_040);
    await file.close();
    expect((await readFile(path, 'utf8')).startsWith(whole)).toBe(true);
    const again = await CheckpointFile.open(path);
    expect(again.last).toEqual({ checkpoint: cosigned(60, 900), time: 1_040 });
    await again.close();
  });

  test.each([
    ['a line', () => 'rubbish'],
    ['a sign of a note', (line = '') => `${line.slice(0, 150)}${line[150] === 'x' ? 'y' : 'x'}${line.slice(151)}`],
  ])('says that it is damaged: %s', async (_, damaged: (line: string | undefined) => string) => {
    await (await fill(3)).close();
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    await writeFile(path, `${lines.with(2, damaged(lines[2])).join('\n')}\n`);
    await expect(CheckpointFile.open(path)).rejects.toThrow(
      expect.objectContaining({ code: 'RECEIPT_FILES_DAMAGED' }) as Error,
    );
    await writeFile(path, `${lines.with(0, damaged(lines[0])).join('\n')}\n`);
    const file = await CheckpointFile.open(path);
    await expect(file.upToTime(1_001)).rejects.toThrow(
      expect.objectContaining({ code: 'RECEIPT_FILES_DAMAGED' }) as Error,
    );
    await file.close();
  });

  test('an empty one has nothing', async () => {
    const file = await CheckpointFile.open(path);
    expect([file.last, await file.upToTime(9_999), await file.upToSize(9_999), await file.fromSize(0)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    await file.close();
  });
});
