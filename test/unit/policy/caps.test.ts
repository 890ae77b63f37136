import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { capsOf } from '../../../src/policy/authority/members.ts';
import { authorised } from '../../../src/policy/decide.ts';
import {
  ANN as JOINER,
  authorityWorld,
  BOB as THIEF,
  CARL as NEW,
  EVE as INVITE,
  NET,
  PROOF,
  ROOT,
} from '../../support/authority-world.ts';

/** A joiner of an invite, which was granted the same as well since then. */
const world = () => {
  const { authority, write } = authorityWorld('invite');
  const grant = (key: string, time: number, more: JsonObject = {}, types = ['pump']): string =>
    write(ROOT, NET, 'grant', { time, content: { key, roles: ['member'], scope: { types }, grants: false, ...more } })
      .hash;
  const invite = grant(INVITE, 1, { expires: 10_000 }, ['pump', 'tank']);
  const join = write(JOINER, invite, 'join', { time: 100, content: { proof: PROOF } }).hash;
  return { authority, write, grant, invite, join };
};

const insert = (author: string, type: string) => ({ author, type, id: 'p', before: undefined, after: {} });

test('what a member writes by a grant that rests on no join stays, whoever takes the place of its join', () => {
  const { authority, write, grant, invite } = world();
  const granted = grant(JOINER, 200);
  const cap = authorised({ authority, get: () => undefined }, insert(JOINER, 'pump'));
  expect(cap).toBe(granted);
  const { fact: written } = write(JOINER, granted, 'insert', { time: 300 });
  write(THIEF, invite, 'join', { time: 2, content: { proof: PROOF } });
  expect(authority.reasonOf(written)).toBeUndefined();
  expect(capsOf(authority, JOINER)).toEqual([granted]);
});

test('what that grant does not cover is written by the join', () => {
  const { authority, grant, join } = world();
  grant(JOINER, 200);
  expect(authorised({ authority, get: () => undefined }, insert(JOINER, 'tank'))).toBe(join);
});

test('a join that was handed to another key is one still; of equals the first comes first', () => {
  const { authority, write, grant, join } = world();
  const handed = write(JOINER, join, 'rotate', { time: 150, content: { key: NEW, proof: PROOF } }).hash;
  const granted = [grant(NEW, 200), grant(NEW, 201)];
  expect(capsOf(authority, NEW)).toEqual([...granted, handed]);
});
