import type { Mutant } from './mutant.ts';

/** What is taken in without its body. */
export const erasures: readonly Mutant[] = [
  {
    name: 'an entry without its body waits for the grants of who erased it, which wait for it',
    file: 'src/policy/erasure-judge.ts',
    from: 'if (!above.isWhole) return this.#holdsSoFar(erase, above.facts);',
    to: 'if (!above.isWhole) return false;',
    tests: ['test/unit/policy/erasure-judge.test.ts'],
  },
  {
    name: 'the erase entry of a stranger is enough for an entry without its body',
    file: 'src/policy/erasure-judge.ts',
    from: 'alone.reasonOf(erase) === undefined && ',
    to: '',
    tests: ['test/unit/policy/erasure-judge.test.ts'],
  },
  {
    name: 'a grant to somebody else is enough for an entry without its body while what lies above it is not known',
    file: 'src/policy/erasure-judge.ts',
    from: 'if (!above.isWhole) return this.#holdsSoFar(erase, above.facts);',
    to: 'if (!above.isWhole) return true;',
    tests: ['test/unit/policy/erasure-judge.test.ts'],
  },
  {
    name: 'an entry that is no grant is enough for an entry without its body',
    file: 'src/policy/erasure-judge.ts',
    from: 'if (!graph.add({ ...fact })) return false;',
    to: 'graph.add({ ...fact });',
    tests: ['test/unit/policy/erasure-judge.test.ts'],
  },
];
