import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { factOf } from '../../../src/policy/facts.ts';
import { Authority } from '../../../src/policy/authority/authority.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';

const [ROOT, ADMIN, MEMBER, STRANGER, NEXT, LAST] = ['0', 'a', 'b', 'c', 'd', 'e'].map(authorKey) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const NET = 'f'.repeat(64);
const WRITTEN = 20;

/** An admin below the root, a member below the admin; root and member have written. `write` returns the hash, and how many entries are judged again. */
const world = () => {
  const authority = new Authority({ hold: () => true });
  authority.begin({ network: NET, admission: 'open', roots: new Set([ROOT]) });
  const seqs = new Map<string, number>();
  const write = (
    author: string,
    cap: string,
    op: string,
    content: JsonObject = {},
  ): { hash: string; judged: number } => {
    const seq = (seqs.get(author) ?? 0) + 1;
    seqs.set(author, seq);
    const fact = factOf(
      entryOf({ author, cap, op, content, seq, net: NET, id: op === 'insert' ? `${author} ${seq}` : null }),
    );
    return { hash: fact.hash, judged: authority.add([fact]).size };
  };
  const grant = (author: string, cap: string, key: string, role: string, more: JsonObject = {}) =>
    write(author, cap, 'grant', { v: 1, key, roles: [role], scope: {}, grants: true, ...more });
  const revoke = (author: string, cap: string, what: string, more: JsonObject = {}) =>
    write(author, cap, 'revoke', { v: 1, grant: what, from: 1, ...more });
  const rotate = (author: string, cap: string, key: string): string =>
    write(author, cap, 'rotate', { v: 1, key, proof: 'a'.repeat(128) }).hash;
  const admin = grant(ROOT, NET, ADMIN, 'admin').hash;
  const member = grant(ADMIN, admin, MEMBER, 'admin').hash;
  for (let count = 0; count < WRITTEN; count += 1) write(ROOT, NET, 'insert');
  for (let count = 0; count < WRITTEN; count += 1) write(MEMBER, member, 'insert');
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
