import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/codec/json.ts';
import { createFold } from '../../src/policy/fold.ts';
import { parseGet, runGet } from '../../src/policy/query.ts';
import { entryOf } from '../support/policy-entries.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 300);

const value = fc.record(
  { a: fc.constantFrom('x', 'y', 'z'), b: fc.integer({ min: 0, max: 2 }), c: fc.constant('c') },
  { requiredKeys: [] },
);
const contents = fc.array(value, { maxLength: 6 });

const rootsOf = (policies: readonly JsonObject[], type: string): readonly JsonObject[] =>
  policies.map((policy) => policy[type] as JsonObject);

const asked = (lefts: readonly JsonObject[], rights: readonly JsonObject[]) => {
  const fold = createFold();
  const add = (type: string, list: readonly JsonObject[]): void => {
    fold.add(list.map((content, at) => entryOf({ id: `${type}${at}`, type, content })));
  };
  add('l', lefts);
  add('r', rights);
  const source = {
    book: fold,
    document: (state: { readonly type: string; readonly id: string }) => ({
      [state.type]: { ...fold.shown(state.id) },
    }),
  };
  return (text: string): readonly JsonObject[] => {
    const result = runGet(source, parseGet(text), { nowMs: 0 });
    if (result.kind !== 'policies') throw new Error(result.kind);
    return result.policies;
  };
};

describe('join and merge of policies', () => {
  it('join is the pairs that are equal, in the order of both; merge keeps every left and only adds', () => {
    fc.assert(
      fc.property(contents, contents, fc.constantFrom('a', 'b'), (lefts, rights, key) => {
        const get = asked(lefts, rights);
        const [left, right] = [rootsOf(get('l'), 'l'), rootsOf(get('r'), 'r')];
        const pairs = left.flatMap((one) =>
          right.filter((two) => one[key] !== undefined && one[key] === two[key]).map((two) => ({ l: one, r: two })),
        );
        const where = `(blockchain get r where ${key} = [l][${key}])`;
        expect(get(`l join ${where}`)).toEqual(pairs);
        const merged = left.flatMap((one) => {
          const partners = pairs.filter(({ l }) => l === one);
          return partners.length === 0 ? [one] : partners.map(({ r }) => ({ ...r, ...one }));
        });
        expect(rootsOf(get(`l merge ${where}`), 'l')).toEqual(merged);
      }),
      { numRuns },
    );
  });
});
