import { describe, expect, it } from 'vitest';
import { createLogger, silentLogger } from '../../../src/base/log.ts';
import type { JournalFiles } from '../../../src/ledger/journal-files.ts';
import { type Journal, openJournal } from '../../../src/ledger/journal.ts';
import { tornLine } from '../../../src/ledger/journal-room.ts';
import { createPowerCutFiles, type PowerCutFiles } from '../../support/power-cut-files.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { SimulatedDisk } from '../../support/simulated-disk.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const PATH = 'j/00000001.journal';
const ROOM = 2_048;

const open = (files: PowerCutFiles): Promise<Journal> =>
  openJournal({ dir: 'j', log: silentLogger, files, roomBytes: ROOM });

const line = (bytes: number): Buffer => Buffer.from(`${'x'.repeat(bytes - 1)}\n`);

/** As lines of the journal end: with their time of arrival, where that was written. */
const arrived = (text: string, time: number | undefined): Buffer =>
  Buffer.from(time === undefined ? `${text}\n` : `${text}\t${time}\t0123abcd\n`);

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

  it('stay until the append is done that is under way when the journal is closed', async () => {
    const files = createPowerCutFiles();
    const gate = Promise.withResolvers<undefined>();
    let isHeld = false;
    const write: JournalFiles['write'] = async (...args) => {
      if (isHeld) await gate.promise;
      return files.write(...args);
    };
    const journal = await open({ ...files, write });
    await journal.append([line(100)]);
    isHeld = true;
    const append = journal.append([line(50)]);
    const closed = journal.close();
    await expect(journal.append([line(1)])).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
    setImmediate(() => gate.resolve(undefined));
    expect(await append).toEqual([{ file: 1, offset: 100, length: 50 }]);
    await closed;
    expect(bytesOf(files).equals(Buffer.concat([line(100), line(50)]))).toBe(true);
  });

  it('are not given back by who has appended nothing, where another process has', async () => {
    const files = createPowerCutFiles();
    const first = await open(files);
    await first.append([line(100)]);
    // A disk that level cannot open on has no lock.
    const second = await open(files);
    await second.beginAppends({ file: 0, offset: 0 });
    await first.append([line(50)]);
    await second.close();
    expect(bytesOf(files).lastIndexOf('\n')).toBe(149);
    await first.close();
    expect(bytesOf(files).byteLength).toBe(150);
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

  it('are given back where they are more than is made for small appends, and are called no line', async () => {
    const said: string[] = [];
    const log = createLogger(({ level, text }) => said.push(`${level}: ${text}`));
    for (const left of [Buffer.alloc(ROOM + 1), Buffer.concat([Buffer.alloc(ROOM), Buffer.from('x')])]) {
      const files = createPowerCutFiles();
      await (await open(files)).append([line(100)]);
      files.contents.set(PATH, Buffer.concat([line(100), left]));
      files.restart();
      const again = await openJournal({ dir: 'j', log, files, roomBytes: ROOM });
      await again.beginAppends({ file: 1, offset: 100 });
      expect(bytesOf(files).byteLength).toBe(100);
    }
    expect(said.filter((text) => !text.includes('erasure'))).toEqual([
      'info: gave back room for lines that nothing was written to',
      'warn: cut off a line that was not completely written',
    ]);
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

it('that a disk has no room for leave it what there is', async () => {
  const files = createPowerCutFiles();
  const noRoom = new Error('no room');
  const write = async (handle: number, bytes: Buffer, at: number): Promise<number> => {
    if (at + bytes.byteLength <= ROOM) return files.write(handle, bytes, at);
    if (at >= ROOM + 1_000) throw noRoom;
    return files.write(handle, bytes.subarray(0, ROOM + 1_000 - at), at);
  };
  const journal = await openJournal({ dir: 'j', log: silentLogger, roomBytes: ROOM, files: { ...files, write } });
  for (let bytes = 0; bytes < ROOM - 500; bytes += 500) await journal.append([line(500)]);
  await expect(journal.append([line(600)])).rejects.toMatchObject({ code: 'LEDGER_DISK_FAILED' });
  expect(bytesOf(files).byteLength).toBe(ROOM);
});

it('go durably before a large append is written in their place', async () => {
  const files = createPowerCutFiles();
  const calls: string[] = [];
  const noted = <T>(name: string, call: () => Promise<T>): Promise<T> => {
    calls.push(name);
    return call();
  };
  const journal = await openJournal({
    ...{ dir: 'j', log: silentLogger, roomBytes: ROOM },
    files: {
      ...files,
      write: (...args) => noted('write', () => files.write(...args)),
      truncate: (...args) => noted('truncate', () => files.truncate(...args)),
      sync: (...args) => noted('sync', () => files.sync(...args)),
    },
  });
  await journal.append([line(100)]);
  calls.length = 0;
  await journal.append([line(ROOM)]);
  expect(calls).toEqual(['truncate', 'sync', 'write']);
});

it.each([1, 2, 3, 4, 5, 6])('what a killed process wrote last is durable before it is shown (%i)', async (seed) => {
  const clock = createVirtualClock(undefined, { isPure: true });
  const disk = new SimulatedDisk(clock, createSeededRandom(seed, 'disk'), { msMax: 0, full: 0, syncFails: 0 });
  const run = <T>(work: Promise<T>): Promise<T> => clock.runWhile(work, 1_000);
  const begun = async (files: JournalFiles): Promise<Journal> => {
    const journal = await openJournal({ dir: 'j', log: silentLogger, files, roomBytes: ROOM });
    await journal.beginAppends({ file: 0, offset: 0 });
    return journal;
  };
  const files = disk.files();
  const [kill, isKilled] = [new Error('killed'), { now: false }];
  const sync = (handle: number): Promise<void> => (isKilled.now ? Promise.reject(kill) : files.sync(handle));
  const killed = await run(begun({ ...files, sync, close: () => Promise.resolve() }));
  await run(killed.append([line(100)]));
  isKilled.now = true;
  await expect(run(killed.append([line(500), line(400)]))).rejects.toThrow();
  const shown = await run(begun(disk.files()));
  expect(shown.end.offset).toBe(1_000);
  disk.crash();
  expect((await run(begun(disk.files()))).end).toEqual(shown.end);
});

describe('of the last write', () => {
  const reopened = async (files: PowerCutFiles, acknowledged: number): Promise<Journal> => {
    files.restart();
    const journal = await open(files);
    await journal.beginAppends({ file: 1, offset: acknowledged });
    return journal;
  };

  it('the first line may be torn where it is as long as one can be', async () => {
    const files = createPowerCutFiles();
    const journal = await open(files);
    await journal.append([line(100)]);
    await journal.append([line(500), line(ROOM / 2 - 500)]);
    bytesOf(files).fill(0, 100, 512);
    expect((await reopened(files, 0)).end).toEqual({ file: 1, offset: 100 });
  });

  it('a torn line is cut off whatever is damaged before it', async () => {
    const files = createPowerCutFiles();
    await (await open(files)).append([line(400), line(300)]);
    bytesOf(files).fill(0, 350, 360).fill(0, 450, 500);
    expect((await reopened(files, 400)).end).toEqual({ file: 1, offset: 400 });
  });

  it('no line is where another time of arrival stands behind it: it is damaged, and stays', async () => {
    const files = createPowerCutFiles();
    const journal = await open(files);
    for (const time of [1_001, 1_002]) await journal.append([arrived('x'.repeat(300), time)]);
    bytesOf(files).fill(0, 100, 200);
    const again = await reopened(files, 0);
    expect(again.end).toEqual(journal.end);
    expect(
      bytesOf(files)
        .subarray(journal.end.offset)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  it.each([
    [
      'is whole',
      [
        ['a', 1],
        ['b', 1],
      ],
      undefined,
    ],
    [
      'lacks its only line',
      [
        ['a', 1],
        ['b\0', 2],
      ],
      1,
    ],
    [
      'lacks one in its middle',
      [
        ['a', 1],
        ['b', 2],
        ['c\0', 2],
        ['d', 2],
      ],
      2,
    ],
    [
      'lacks two',
      [
        ['a', 1],
        ['b\0', 2],
        ['c', 2],
        ['d\0', 2],
      ],
      1,
    ],
    [
      'lacks the end of a line',
      [
        ['a', 1],
        ['b\0', undefined],
        ['c', 2],
      ],
      1,
    ],
    [
      'lacks all times',
      [
        ['a', 1],
        ['b\0', undefined],
        ['c\0', undefined],
      ],
      1,
    ],
    [
      'is whole, and one before it is not',
      [
        ['a\0', 1],
        ['b', 2],
      ],
      undefined,
    ],
    [
      'lacks a line, as one before it does',
      [
        ['a\0', 1],
        ['b\0', 2],
        ['c', 2],
      ],
      1,
    ],
  ] as const)('%s', (_, lines, torn) => {
    const bytes = lines.map(([text, time]) => arrived(text, time));
    const at = torn === undefined ? undefined : Buffer.concat(bytes.slice(0, torn)).byteLength;
    expect(tornLine(Buffer.concat(bytes))).toBe(at);
  });
});
