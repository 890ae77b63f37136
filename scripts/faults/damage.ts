import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

const spoil = (bytes: Buffer, way: Way, random: SeededRandom): Buffer | undefined => {
  const at = random.integer(0, Math.max(0, bytes.byteLength - 1));
  switch (way) {
    case 'flipped bits': {
      const copy = Buffer.from(bytes);
      if (copy.byteLength > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7));
      return copy;
    }
    case 'a page of zeros':
      return Buffer.from(bytes).fill(
        0,
        at - (at % PAGE_BYTES),
        Math.min(bytes.byteLength, at - (at % PAGE_BYTES) + PAGE_BYTES),
      );
    case 'cut short':
      return bytes.subarray(0, at);
    case 'garbage at the end':
      return Buffer.concat([bytes, random.bytes(random.integer(1, 300))]);
    case 'deleted':
      return undefined;
  }
};

/** Damages a file in one of the ways in which disks and people do. */
export const damage = (path: string, random: SeededRandom): Damage => {
  const bytes = readFileSync(path);
  const { mode } = statSync(path);
  const way = random.pick(WAYS);
  const spoilt = spoil(bytes, way, random);
  if (spoilt === undefined) rmSync(path);
  else writeFileSync(path, spoilt);
  return {
    what: `${basename(path)} of ${bytes.byteLength} bytes: ${way}`,
    undo: () => writeFileSync(path, bytes, { mode }),
  };
};
