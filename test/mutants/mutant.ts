import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One bug, planted for one run of tests: an exact piece of source and what stands in its place. Nothing in `src` knows
 * of it.
 */
export interface Mutant {
  /** In the terms of the bug, unique. */
  readonly name: string;
  /** Path from the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The few fast test files that must notice it. */
  readonly tests: readonly string[];
}

/** The source with the bug in it. Throws where the piece is not there exactly once: the source has moved on. */
export const planted = (root: string, { name, file, from, to }: Mutant): string => {
  const source = readFileSync(join(root, file), 'utf8');
  const found = source.split(from).length - 1;
  if (found !== 1) throw new Error(`${name}: ${file} has it ${found} times, not once: ${from}`);
  // A function, since a string would give `$&` a meaning.
  return source.replace(from, () => to);
};
