import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { type Journal, openJournal } from '../../../src/ledger/journal.ts';
import { tornLine } from '../../../src/ledger/journal-room.ts';
import { createPowerCutFiles, type PowerCutFiles } from '../../support/power-cut-files.ts';

const PATH = 'j/00000001.journal';
const ROOM = 2_048;

const open = (files: PowerCutFiles): Promise<Journal> =>
  openJournal({ dir: 'j', log: silentLogger, files, roomBytes: ROOM });

const line = (bytes: number): Buffer => Buffer.from(`${'x'.repeat(bytes - 1)}\n`);

const bytesOf = (files: PowerCutFiles): Buffer => files.contents.get(PATH) ?? Buffer.alloc(0);

describe('the zeros behind the last line', () => {
  it('are there before a small append is written over them, and one is left behind it', async () => {
    const files = createPowerCutFiles();
    const journal = await open(files);
    await journal.append([line(48)]);
    const sizes = [bytesOf(files).byteLength];
    for (const bytes of [1_000, 999, 1, 1]) {
      await journal.append([line(bytes)]);
      sizes.push(bytesOf(files).byteLength);
    }
    expect(sizes).toEqual([ROOM, ROOM, ROOM, 2_047 + ROOM, 2_047 + ROOM]);
    expect(bytesOf(files).lastIndexOf('\n')).toBe(2_048);
  });

  it('go before a large append, and when the journal is closed', async () => {
    const files = createPowerCutFiles();
    const journal = await open(files);
    await journal.append([line(100)]);
    await journal.append([line(ROOM)]);
    expect(bytesOf(files).byteLength).toBe(100 + ROOM);
    await journal.append([line(100)]);
    expect(bytesOf(files).byteLength).toBe(100 + ROOM + ROOM);
    await journal.close();
    expect(bytesOf(files).byteLength).toBe(100 + ROOM + 100);
  });

  it('are used again after a process that did not close the journal', async () => {
    const files = createPowerCutFiles();
    await (await open(files)).append([line(100)]);
    files.restart();
    const again = await open(files);
    await again.beginAppends({ file: 0, offset: 0 });
    expect(bytesOf(files).byteLength).toBe(ROOM);
    await again.append([line(100)]);
    expect(bytesOf(files).byteLength).toBe(ROOM);
    expect(bytesOf(files).lastIndexOf('\n')).toBe(199);
  });

  it('in a line that was acknowledged are damage: nothing is cut off', async () => {
    const files = createPowerCutFiles();
    await (await open(files)).append([line(400), line(300)]);
    bytesOf(files).fill(0, 350, 500);
    files.restart();
    const known = await open(files);
    await known.beginAppends({ file: 1, offset: 700 });
    expect(known.end).toEqual({ file: 1, offset: 700 });
    expect(bytesOf(files).indexOf(0)).toBe(350);
  });

  it('in a line that nothing knows of are a write that was broken off, unless the journal was closed', async () => {
    const files = createPowerCutFiles();
    const journal = await open(files);
    await journal.append([line(400), line(300)]);
    bytesOf(files).fill(0, 450, 500);
    files.restart();
    const again = await open(files);
    await again.beginAppends({ file: 1, offset: 400 });
    expect(again.end).toEqual({ file: 1, offset: 400 });
    await again.append([line(300)]);
    await again.close();
    bytesOf(files).fill(0, 450, 500);
    const closed = await open(files);
    await closed.beginAppends({ file: 0, offset: 0 });
    expect(closed.end).toEqual({ file: 1, offset: 700 });
  });
});

describe('the first line with a zero in it', () => {
  it.each([
    ['abc\nde\n', true, undefined],
    ['abc\nd\0e\nf\0\n', true, 4],
    ['\0bc\nde\n', true, 0],
    ['\0bc\nd\0\n', false, undefined],
    ['\nb\0c\nde\n', false, 1],
  ])('of %j begins where it should', (text, isFirst, at) => {
    expect(tornLine(Buffer.from(text), isFirst)).toBe(at);
  });
});
