import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { Authority } from '../../../src/policy/authority/authority.ts';
import { letInThrough } from '../../../src/policy/authority/members.ts';
import { factOf } from '../../../src/policy/facts.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';

const [ROOT, THIEF, SECOND, THIRD, OTHER, NEW] = ['0', 'a', 'b', 'c', 'd', 'e'].map(authorKey) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const NET = 'f'.repeat(64);

/** Root → thief → second → third, root → other. */
const world = () => {
  const authority = new Authority({ hold: () => true });
  authority.begin({ network: NET, admission: 'open', roots: new Set([ROOT]) });
  const seqs = new Map<string, number>();
  const write = (author: string, cap: string, op: string, content: JsonObject): string => {
    const seq = (seqs.get(author) ?? 0) + 1;
    seqs.set(author, seq);
    const fact = factOf(entryOf({ author, cap, op, content: { v: 1, ...content }, seq, net: NET }));
    authority.add([fact]);
    return fact.hash;
  };
  const grant = (author: string, cap: string, key: string): string =>
    write(author, cap, 'grant', { key, roles: ['admin'], scope: {}, grants: true });
  const thief = grant(ROOT, NET, THIEF);
  const second = grant(THIEF, thief, SECOND);
  const third = grant(SECOND, second, THIRD);
  const other = grant(ROOT, NET, OTHER);
  const left = (ended: string): readonly string[] => letInThrough(authority, [ended]).map(({ grant: each }) => each);
  return { write, left, thief, second, third, other };
};

test('who was let in by a grant that ends is named, at first and second hand, while in force', () => {
  const { write, left, thief, second, third, other } = world();
  write(ROOT, NET, 'revoke', { grant: thief, from: 2 });
  expect(left(thief)).toEqual([second, third]);
  write(ROOT, NET, 'revoke', { grant: second, from: 2 });
  expect(left(thief)).toEqual([third]);
  expect(left(other)).toEqual([]);
});

test('nobody is named whose grant falls with it', () => {
  const { write, left, thief } = world();
  write(ROOT, NET, 'revoke', { grant: thief, from: 1 });
  expect(left(thief)).toEqual([]);
});

test('a grant that was handed to another key is the same grant', () => {
  const { write, left, thief, second, third } = world();
  const handed = write(THIEF, thief, 'rotate', { key: NEW, proof: '00'.repeat(64) });
  write(ROOT, NET, 'revoke', { grant: handed, from: 1 });
  expect(left(handed)).toEqual([second, third]);
});
