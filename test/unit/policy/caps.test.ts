import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { Authority } from '../../../src/policy/authority/authority.ts';
import { capsOf } from '../../../src/policy/authority/members.ts';
import { authorised } from '../../../src/policy/decide.ts';
import { factOf } from '../../../src/policy/facts.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';

const [ROOT, INVITE, JOINER, THIEF, NEW] = ['0', 'e', 'a', 'b', 'c'].map(authorKey) as [
  string,
  string,
  string,
  string,
  string,
];
const NET = 'f'.repeat(64);
const PROOF = 'a'.repeat(128);

/** A joiner of an invite, which was granted the same as well since then. */
const world = () => {
  const authority = new Authority({ hold: () => true });
  authority.begin({ network: NET, admission: 'invite', roots: new Set([ROOT]) });
  const write = (author: string, cap: string, op: string, time: number, content: JsonObject) => {
    const fact = factOf(entryOf({ author, cap, op, time, net: NET, content: { v: 1, ...content } }));
    authority.add([fact]);
    return fact;
  };
  const grant = (key: string, time: number, more: JsonObject = {}, types = ['pump']): string =>
    write(ROOT, NET, 'grant', time, { key, roles: ['member'], scope: { types }, grants: false, ...more }).hash;
  const invite = grant(INVITE, 1, { expires: 10_000 }, ['pump', 'tank']);
  const join = write(JOINER, invite, 'join', 100, { proof: PROOF }).hash;
  return { authority, write, grant, invite, join };
};

const insert = (author: string, type: string) => ({ author, type, id: 'p', before: undefined, after: {} });

test('what a member writes by a grant that rests on no join stays, whoever takes the place of its join', () => {
  const { authority, write, grant, invite } = world();
  const granted = grant(JOINER, 200);
  const cap = authorised({ authority }, insert(JOINER, 'pump'));
  expect(cap).toBe(granted);
  const written = write(JOINER, granted, 'insert', 300, {});
  write(THIEF, invite, 'join', 2, { proof: PROOF });
  expect(authority.reasonOf(written)).toBeUndefined();
  expect(capsOf(authority, JOINER)).toEqual([granted]);
});

test('what that grant does not cover is written by the join', () => {
  const { authority, grant, join } = world();
  grant(JOINER, 200);
  expect(authorised({ authority }, insert(JOINER, 'tank'))).toBe(join);
});

test('a join that was handed to another key is one still; of equals the first comes first', () => {
  const { authority, write, grant, join } = world();
  const handed = write(JOINER, join, 'rotate', 150, { key: NEW, proof: PROOF }).hash;
  const granted = [grant(NEW, 200), grant(NEW, 201)];
  expect(capsOf(authority, NEW)).toEqual([...granted, handed]);
});
