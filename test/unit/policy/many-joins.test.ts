import { expect, test } from 'vitest';
import { Authority } from '../../../src/policy/authority/authority.ts';
import { type Fact, factOf } from '../../../src/policy/facts.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';

const [ROOT, INVITE] = ['0', 'e'].map(authorKey) as [string, string];
const NET = 'f'.repeat(64);
const PROOF = 'a'.repeat(128);
const JOINS = 300;

/** A network with one invite; only proofs of {@link PROOF} hold. */
const world = () => {
  let looks = 0;
  const authority = new Authority({
    hold: (_key, _text, proof) => {
      looks += 1;
      return Buffer.from(proof).toString('hex') === PROOF;
    },
  });
  authority.begin({ network: NET, admission: 'invite', roots: new Set([ROOT]) });
  const content = { v: 1, key: INVITE, roles: ['member'], scope: { types: ['pump'] }, grants: false, expires: 10_000 };
  const invite = factOf(entryOf({ author: ROOT, cap: NET, op: 'grant', content, net: NET, time: 1 }));
  const join = (time: number, proof = PROOF): Fact =>
    factOf(
      entryOf({
        ...{ author: time.toString(16).padStart(64, '0'), cap: invite.hash, op: 'join', net: NET, time },
        content: { v: 1, proof },
      }),
    );
  return { authority, invite, join, looks: () => looks };
};

test('a join that redeems nothing has no other judged again, whoever made it', () => {
  const { authority, invite, join } = world();
  authority.add([invite]);
  const first = join(1_000);
  authority.add([first]);
  for (let at = 1; at < JOINS; at += 1) {
    expect(authority.add([join(1_000 + at)]).size).toBe(1);
    expect(authority.add([join(1_000 - at, 'b'.repeat(128))]).size).toBe(1);
  }
  expect(authority.redeemerOf(invite.hash)).toBe(first);
});

test('a join that redeems takes the invite from the one before alone, however many there are', () => {
  const { authority, invite, join } = world();
  authority.add([invite]);
  const joins = Array.from({ length: JOINS }, (_, at) => join(2_000 - at));
  for (const [at, fact] of joins.entries()) {
    const affected = authority.add([fact]);
    expect(affected.size).toBe(at === 0 ? 1 : 2);
    for (const each of affected) authority.reasonOf(each);
  }
  for (const fact of joins.slice(0, -1)) expect(authority.reasonOf(fact)?.by).toBe(joins.at(-1)?.hash);
  expect(authority.reasonOf(joins.at(-1)!)).toBeUndefined();
});

test.each([
  ['none has redeemed it', []],
  ['all come before the one that has', [900_000]],
  ['all come after the one that has', [500]],
])('a join in vain is compared with few others, in whatever order they come: %s', (_, good) => {
  const { authority, invite, join } = world();
  authority.add([invite, ...good.map((time) => join(time))]);
  for (const step of [1, -1]) {
    let compared = 0;
    for (let at = 1; at <= JOINS; at += 1) {
      const fact = join(2_000 + step * at, 'b'.repeat(128));
      const { time } = fact;
      const counted = Object.defineProperty(fact, 'time', {
        get: () => {
          compared += 1;
          return time;
        },
      });
      for (const affected of authority.add([counted])) authority.reasonOf(affected);
    }
    expect(compared).toBeLessThan(JOINS * 30);
  }
});

test('an earlier one takes the invite from those after it, in whatever order they and the invite come', () => {
  const { authority, invite, join, looks } = world();
  const joins = Array.from({ length: JOINS }, (_, at) => join(2_000 + at));
  authority.add(joins);
  authority.add([invite]);
  expect(joins.map((fact) => authority.reasonOf(fact)?.by).slice(0, 3)).toEqual([
    undefined,
    joins[0]?.hash,
    joins[0]?.hash,
  ]);
  const early = join(1_999);
  expect(authority.add([early])).toEqual(new Set([early, joins[0]]));
  expect(authority.reasonOf(early)).toBeUndefined();
  for (const fact of joins) expect(authority.reasonOf(fact)?.by).toBe(early.hash);
  expect(looks()).toBe(1 + JOINS);
});
