import { expect, test } from 'vitest';
import { letInThrough } from '../../../src/policy/authority/members.ts';
import {
  ANN as THIEF,
  authorityWorld,
  BOB as SECOND,
  CARL as THIRD,
  DAVE as OTHER,
  EVE as NEW,
  NET,
  PROOF,
  ROOT,
} from '../../support/authority-world.ts';

/** Root → thief → second → third, root → other. */
const world = () => {
  const { authority, write } = authorityWorld('open');
  const grant = (author: string, cap: string, key: string): string =>
    write(author, cap, 'grant', { content: { key, roles: ['admin'], scope: {}, grants: true } }).hash;
  const revoke = (grant: string, from: number): void => void write(ROOT, NET, 'revoke', { content: { grant, from } });
  const thief = grant(ROOT, NET, THIEF);
  const second = grant(THIEF, thief, SECOND);
  const third = grant(SECOND, second, THIRD);
  const other = grant(ROOT, NET, OTHER);
  const left = (ended: string): readonly string[] => letInThrough(authority, [ended]).map(({ grant: each }) => each);
  return { write, revoke, left, thief, second, third, other };
};

test('who was let in by a grant that ends is named, at first and second hand, while in force', () => {
  const { revoke, left, thief, second, third, other } = world();
  revoke(thief, 2);
  expect(left(thief)).toEqual([second, third]);
  revoke(second, 2);
  expect(left(thief)).toEqual([third]);
  expect(left(other)).toEqual([]);
});

test('nobody is named whose grant falls with it', () => {
  const { revoke, left, thief } = world();
  revoke(thief, 1);
  expect(left(thief)).toEqual([]);
});

test('a grant that was handed to another key is the same grant', () => {
  const { write, revoke, left, thief, second, third } = world();
  const { hash: handed } = write(THIEF, thief, 'rotate', { content: { key: NEW, proof: PROOF } });
  revoke(handed, 1);
  expect(left(handed)).toEqual([second, third]);
});
