import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planted } from '../../mutants/mutant.ts';
import { MUTANTS } from '../../mutants/mutants.ts';

const ROOT = join(import.meta.dirname, '../../..');

it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
  '%s: fits the source, and its tests exist',
  (_, mutant) => {
    expect(mutant.to).not.toBe(mutant.from);
    expect(() => planted(ROOT, mutant)).not.toThrow();
    expect(mutant.tests.filter((test) => !existsSync(join(ROOT, test)))).toEqual([]);
    expect(mutant.tests).not.toEqual([]);
  },
);

it('each bug has a name of its own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

it('a piece of source that is gone, or is there twice, is refused', () => {
  const [mutant] = MUTANTS;
  expect(() => planted(ROOT, { ...mutant!, from: 'nowhere in this file' })).toThrow('0 times');
  expect(() => planted(ROOT, { ...mutant!, from: 'const' })).toThrow('not once');
});
