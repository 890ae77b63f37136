import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import {
  ANN as ADMIN,
  authorityWorld,
  BOB as MEMBER,
  CARL as STRANGER,
  DAVE as NEXT,
  EVE as LAST,
  NET,
  PROOF,
  ROOT,
} from '../../support/authority-world.ts';

const WRITTEN = 20;

/** An admin below the root, a member below the admin; root and member have written. */
const world = () => {
  const { authority, write } = authorityWorld('open');
  const insert = (author: string, cap: string): void => {
    for (let count = 1; count <= WRITTEN; count += 1) write(author, cap, 'insert', { id: `${author} ${count}` });
  };
  const grant = (author: string, cap: string, key: string, role: string, more: JsonObject = {}) =>
    write(author, cap, 'grant', { content: { key, roles: [role], scope: {}, grants: true, ...more } });
  const revoke = (author: string, cap: string, what: string, more: JsonObject = {}) =>
    write(author, cap, 'revoke', { content: { grant: what, from: 1, ...more } });
  const rotate = (author: string, cap: string, key: string): string =>
    write(author, cap, 'rotate', { content: { key, proof: PROOF } }).hash;
  const admin = grant(ROOT, NET, ADMIN, 'admin').hash;
  const member = grant(ADMIN, admin, MEMBER, 'admin').hash;
  insert(ROOT, NET);
  insert(MEMBER, member);
  return { authority, grant, revoke, rotate, admin, member };
};

test('who ends nothing makes nobody be judged again, however often', () => {
  const { grant, revoke, admin, member } = world();
  for (const made of [
    revoke(STRANGER, NET, NET, { key: ROOT }),
    revoke(STRANGER, NET, member),
    revoke(STRANGER, member, member),
    revoke(MEMBER, member, admin),
    grant(STRANGER, NET, STRANGER, 'admin', { replaces: { grant: member, from: 1 } }),
    grant(MEMBER, member, STRANGER, 'admin', { replaces: { grant: admin, from: 1 } }),
  ])
    expect(made.judged).toBe(1);
});

test('a revocation has those judged again that it ends: once, and again when it ends nothing any more', () => {
  const { revoke, admin, member } = world();
  expect(revoke(ADMIN, admin, member, { from: 11 }).judged).toBe(1 + WRITTEN - 10);
  expect(revoke(ADMIN, admin, member, { from: 11 }).judged).toBe(1);
  expect(revoke(ADMIN, admin, member, { from: 6 }).judged).toBe(1 + WRITTEN - 5);
  // The admin's own three revocations and its grant, and what rests on that.
  expect(revoke(ROOT, NET, admin).judged).toBeGreaterThan(WRITTEN);
  expect(revoke(ADMIN, admin, member, { from: 1 }).judged).toBe(1);
});

test('those by a key that a stranger handed on what it does not hold are not looked at when an entry is judged', () => {
  const { authority, revoke, rotate, admin, member } = world();
  const forged = [rotate(STRANGER, admin, NEXT), rotate(STRANGER, NET, NEXT)];
  const further = forged.map((hash) => rotate(NEXT, hash, LAST));
  for (const cap of forged) expect(revoke(NEXT, cap, member).judged).toBe(1);
  for (const cap of further) expect(revoke(LAST, cap, member).judged).toBe(1);
  const looked = vi.spyOn(authority, 'reasonOf');
  expect(authority.revocationOf(member)).toBeUndefined();
  expect(looked).not.toHaveBeenCalled();
});

test('those by a key that was handed on by who held it end what that key could, over several hands', () => {
  const { revoke, rotate, admin, member } = world();
  const last = rotate(NEXT, rotate(ADMIN, admin, NEXT), LAST);
  expect(revoke(LAST, last, member).judged).toBe(1 + WRITTEN);
});
