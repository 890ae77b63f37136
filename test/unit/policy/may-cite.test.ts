import { expect, test } from 'vitest';
import { mayCite } from '../../../src/policy/authority/may-cite.ts';
import { createFold } from '../../../src/policy/fold.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';

const [ROOT, OTHER] = [authorKey('a'), authorKey('b')];

const under = (admission: 'open' | 'invite') => {
  const content = { v: 1, name: 'n', admission, roots: [ROOT] };
  const genesis = entryOf({ author: ROOT, op: 'genesis', net: '', cap: null, content });
  const fold = createFold();
  fold.add([genesis]);
  return (author: string, op: string): boolean | undefined =>
    mayCite(fold.authority, { author, op, cap: genesis.hash });
};

test('open: anybody changes policies, erases, and writes what only a newer program knows; nobody but a root grants', () => {
  const mayGenesis = under('open');
  for (const op of ['insert', 'update', 'delete', 'erase', 'from-a-newer-program'])
    expect(mayGenesis(OTHER, op), op).toBe(true);
  for (const op of ['grant', 'revoke', 'rotate', 'join']) expect(mayGenesis(OTHER, op), op).toBe(false);
  for (const op of ['insert', 'erase', 'grant', 'revoke', 'rotate']) expect(mayGenesis(ROOT, op), op).toBe(true);
});

test('by invite: a root alone', () => {
  const mayGenesis = under('invite');
  for (const op of ['insert', 'erase', 'grant']) {
    expect(mayGenesis(OTHER, op), op).toBe(false);
    expect(mayGenesis(ROOT, op), op).toBe(true);
  }
});
