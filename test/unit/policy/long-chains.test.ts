import { expect, test } from 'vitest';
import { capsOf, memberNames, membersOf } from '../../../src/policy/authority/members.ts';
import { createFold } from '../../../src/policy/fold.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';

const ROOT = authorKey('0');
const STRANGER = authorKey('9');

/** A chain of acts of somebody without any right, each about the one before. */
const foldedChain = (length: number, how: 'replaces' | 'rotates') => {
  const genesis = entryOf({
    ...{ author: ROOT, op: 'genesis', cap: null, time: 1 },
    content: { v: 1, name: 'n', admission: 'invite', roots: [ROOT] },
  });
  const entries = [genesis];
  for (let at = 1; at <= length; at += 1) {
    const last = entries.at(-1)!.hash;
    const given = { v: 1, key: STRANGER, roles: ['auditor'], scope: {}, grants: false };
    entries.push(
      how === 'replaces'
        ? entryOf({
            ...{ author: STRANGER, op: 'grant', cap: genesis.hash, time: 1 + at, seq: at },
            content: { ...given, replaces: { grant: last, from: 1 } },
          })
        : entryOf({
            ...{ author: STRANGER, op: 'rotate', cap: last, time: 1 + at, seq: at },
            content: { v: 1, key: STRANGER, proof: '00'.repeat(64) },
          }),
    );
  }
  const fold = createFold();
  fold.add(entries);
  return fold;
};

test('what an admin holds who replaces the last of a long chain is worked out once, and anew when a part of the chain comes', () => {
  const ADMIN = authorKey('a');
  const genesis = entryOf({
    ...{ author: ROOT, op: 'genesis', cap: null, time: 1 },
    content: { v: 1, name: 'n', admission: 'invite', roots: [ROOT] },
  });
  const grant = (author: string, time: number, key: string, before?: Entry): Entry =>
    entryOf({
      ...{ author, op: 'grant', cap: genesis.hash, time, seq: time, net: genesis.hash },
      content: {
        ...{ v: 1, key, roles: ['admin'], scope: {}, grants: false },
        ...(before === undefined ? {} : { replaces: { grant: before.hash, from: 1 } }),
      },
    });
  const first = grant(STRANGER, 2, authorKey('1'));
  const second = grant(STRANGER, 3, authorKey('2'), first);
  const third = grant(STRANGER, 4, authorKey('3'), second);
  const last = grant(ROOT, 5, ADMIN, third);
  const fold = createFold();
  fold.add([genesis, first, third, last]);
  const asked = () => fold.authority.rightsOf({ cap: last.hash });
  expect(asked()?.former).toEqual([authorKey('3')]);
  expect(asked()).toBe(asked());
  fold.add([second]);
  expect(asked()?.former).toEqual(['1', '2', '3'].map(authorKey));
});

// Without bounds the first took minutes and the second the stack.
test.each(['replaces', 'rotates'] as const)('whoever %s without end makes nobody a member, and nobody wait', (how) => {
  const { authority } = foldedChain(12_000, how);
  expect(membersOf(authority).filter((member) => member.void === undefined)).toEqual([]);
  expect(memberNames(authority).size).toBe(0);
  expect(capsOf(authority, STRANGER)).toEqual([]);
  expect(capsOf(authority, ROOT)).toEqual([authority.genesis?.network]);
});
