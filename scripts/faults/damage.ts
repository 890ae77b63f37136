import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { SeededRandom } from '../../test/support/seeded-random.ts';

const PAGE_BYTES = 4_096;
type Way = 'flipped bits' | 'a page of zeros' | 'cut short' | 'garbage at the end' | 'deleted';
const WAYS: readonly Way[] = ['flipped bits', 'a page of zeros', 'cut short', 'garbage at the end', 'deleted'];

/** What was done to a file, and the way back. */
interface Damage {
  readonly what: string;
  undo(): void;
}

/**
 * One file of each directory that a node writes, so that the few files of one are met as often as the many of another. Start
 * scripts are the user's.
 */
export const filesOf = (dir: string, random: SeededRandom): readonly string[] => {
  const byDirectory = new Map<string, string[]>();
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name.endsWith('.al')) continue;
    const [top = '', next = ''] = relative(dir, entry.parentPath).split('/');
    const key = top === '' ? entry.name : `${top}/${next}`;
    byDirectory.set(key, [...(byDirectory.get(key) ?? []), join(entry.parentPath, entry.name)]);
  }
  return [...byDirectory.values()].map((paths) => random.pick(paths.sort()));
};

/** In place, as a disk does it: a node that runs has the file open, and may write to it meanwhile. Returns its size. */
const spoil = (path: string, way: Way, random: SeededRandom): number => {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    const at = random.integer(0, Math.max(0, size - 1));
    switch (way) {
      case 'flipped bits': {
        const byte = Buffer.alloc(1);
        if (readSync(file, byte, 0, 1, at) === 1)
          writeSync(file, Buffer.of(byte.readUInt8() ^ (1 << random.integer(0, 7))), 0, 1, at);
        break;
      }
      case 'a page of zeros': {
        const from = at - (at % PAGE_BYTES);
        writeSync(file, Buffer.alloc(Math.min(PAGE_BYTES, size - from)), 0, undefined, from);
        break;
      }
      case 'cut short':
        ftruncateSync(file, at);
        break;
      case 'garbage at the end':
        writeSync(file, random.bytes(random.integer(1, 300)), 0, undefined, size);
        break;
      case 'deleted':
        rmSync(path);
    }
    return size;
  } finally {
    closeSync(file);
  }
};

/** Damages a file in one of the ways in which disks and people do. */
export const damage = (path: string, random: SeededRandom): Damage => {
  const bytes = readFileSync(path);
  const { mode } = statSync(path);
  const way = random.pick(WAYS);
  const size = spoil(path, way, random);
  return {
    what: `${basename(path)} of ${size} bytes: ${way}`,
    undo: () => writeFileSync(path, bytes, { mode }),
  };
};
