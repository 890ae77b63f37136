import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signingKeyFromSeed, signWith } from '../../../src/entry/keys.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { authorNames } from '../../../src/policy/signed.ts';
import { covers, type Rights } from '../../../src/policy/authority/rights.ts';
import { ROTATIONS_MAX } from '../../../src/base/limits.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { decideRotations } from '../../../src/policy/authority/decide.ts';
import { createFold } from '../../../src/policy/fold.ts';
import { AuthorityRules } from '../../support/authority-rules.ts';
import { entryOf } from '../../support/policy-entries.ts';
import { rotatedHistory } from '../../support/rotated-history.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];

describe('who stands in for another key', () => {
  const operator: Rights = { roles: ['operator'], scope: {}, grants: false, former: [B] };
  const change = (before: object | undefined, after: object | undefined) => ({
    ...{ author: A, type: 'operator', id: 'p' },
    before: before === undefined ? undefined : { ...before },
    after: after === undefined ? undefined : { ...after },
  });

  test.each([
    ['takes its policy over', { peer: B }, { peer: A }, true],
    ['ends it', { peer: B }, undefined, true],
    ['does not leave it to it', { peer: B }, { peer: B }, false],
    ['nor gives it away', { peer: B }, { peer: C }, false],
    ['takes no other over', { peer: C }, { peer: A }, false],
    ['ends no other', { peer: C }, undefined, false],
  ])('%s', (_, before, after, expected) => {
    expect(covers(operator, change(before, after))).toBe(expected);
  });
});

describe('a key that was rotated often', () => {
  const entries = rotatedHistory(ROTATIONS_MAX + 1);
  const fold = createFold();
  fold.add(entries);

  test('holds what the first held, up to a bound', () => {
    const isVoid = ({ hash }: Entry): boolean => typeof fold.effectOf(hash) === 'object';
    expect(entries.filter(isVoid).map(({ header }) => header.id)).toEqual([`s${ROTATIONS_MAX + 1}`]);
    const rules = new AuthorityRules(entries, new Map());
    for (const entry of entries) expect(rules.hasAuthority(entry)).toBe(!isVoid(entry));
    const last = entries.at(-3)!;
    const rights = fold.authority.rightsOf({ cap: last.header.cap });
    expect(rights?.former).toHaveLength(ROTATIONS_MAX);
    expect(fold.authority.graph.base(last.header.cap ?? '')).toBe(entries[0]!.hash);
  });

  test('has one name before and after; who was let in has that by which it was, others have none', () => {
    const history = rotatedHistory(2);
    const [net, last] = [history[0]!.hash, history.at(-1)!.header];
    const write = { author: last.author, net, cap: last.cap, seq: 2, time: last.time + 1 };
    const value = { name: 'alpha', company: 'c', ip: '10.0.0.1', port: 7, peer: last.author };
    const node = entryOf({ ...write, op: 'insert', type: 'query', id: 'q', content: value });
    const rights = { roles: ['auditor'], scope: {}, grants: false };
    const granted = entryOf({
      ...write,
      seq: 3,
      time: last.time + 2,
      op: 'grant',
      content: { v: 1, key: B, ...rights, name: 'beta' },
    });
    const refused = entryOf({
      ...{ ...write, author: B, cap: granted.hash, seq: 1, time: last.time + 3, op: 'grant' },
      content: { v: 1, key: C, ...rights, name: 'gamma' },
    });
    const named = createFold();
    named.add([...history, node, granted, refused]);
    const names = authorNames(named);
    const authors = [...new Set(history.map(({ header }) => header.author)), B, C];
    expect(authors.map((key) => names.get(key))).toEqual(['alpha', 'alpha', 'alpha', 'beta', undefined]);
  });

  test('is not handed on to one that could write nothing', () => {
    const [author, before] = [entries.at(-2)!, entries.at(-4)!].map(({ header }) => header.author) as [string, string];
    const shorter = createFold();
    shorter.add(rotatedHistory(ROTATIONS_MAX));
    expect(() => decideRotations(shorter.authority, author, C, () => '0'.repeat(128))).toThrow(
      /handed its grant on 160/,
    );
    const earlier = createFold();
    earlier.add(rotatedHistory(ROTATIONS_MAX - 1));
    expect(decideRotations(earlier.authority, before, C, () => '0'.repeat(128))).toHaveLength(1);
  });
});

describe('a root that rotates its key', () => {
  const seedOf = (number: number): Uint8Array => Buffer.alloc(32, number);
  const next = signingKeyFromSeed(seedOf(7));
  const sign = (text: string): string => Buffer.from(signWith(next, Buffer.from(text))).toString('hex');
  let ledger: MemoryLedger;
  let policies: Policies;
  const open = async (admission: 'open' | 'invite'): Promise<void> => {
    ledger = await createMemoryLedger({ seed: seedOf(1), clock: createVirtualClock() });
    await ledger.createNetwork('n', admission);
    const clock = createVirtualClock();
    policies = createPolicies({ ledger, ownKey: ledger.author, clock, holders: () => new Set() });
    await policies.caughtUp();
  };
  beforeEach(() => open('invite'));
  afterEach(() => policies.close());

  test('writes nothing any more, and is no member; the new key is', async () => {
    await policies.members.rotate(next.author, sign);
    const { members } = policies;
    expect([members.isMember(ledger.author), members.isMember(next.author)]).toEqual([false, true]);
    await expect(policies.insert({ site: { name: 'x' } })).rejects.toMatchObject({ code: 'POLICY_NOT_AUTHORISED' });
    expect(members.list()).toMatchObject([{ key: next.author, rights: { roles: ['admin'], grants: true } }]);
  });

  test('again, after it was broken off, changes nothing; to a third key it is refused', async () => {
    await policies.members.rotate(next.author, sign);
    const size = ledger.size;
    await policies.members.rotate(next.author, sign);
    expect(ledger.size).toBe(size);
    await expect(policies.members.rotate(C, sign)).rejects.toMatchObject({ code: 'POLICY_NOT_AUTHORISED' });
  });

  test('with a signature that is not the new key’s, it keeps everything', async () => {
    await policies.members.rotate(C, sign).catch(() => {});
    expect(policies.members.isMember(C)).toBe(false);
    expect(policies.members.isMember(ledger.author)).toBe(true);
    await policies.insert({ site: { name: 'x' } });
  });

  test('what the old key granted can be revoked by the new one', async () => {
    const wish = { roles: ['auditor' as const], scope: {}, grants: false, name: undefined, expires: 2e15 };
    const { entry } = await policies.members.invite({ ...wish, key: B });
    await policies.members.rotate(next.author, sign);
    const { authority } = policies.book;
    const [rotation] = policies.members.list();
    expect(authority.standsAbove(rotation?.grant ?? '', entry.hash)).toBe(true);
    // Nobody stands above what genesis gave, whichever key holds it.
    expect(authority.standsAbove(ledger.network ?? '', rotation?.grant ?? '')).toBe(false);
    expect(authority.standsAbove(rotation?.grant ?? '', rotation?.grant ?? '')).toBe(false);
  });

  test('in an open network too, where the old key may not even write what anybody may', async () => {
    await policies.close();
    await open('open');
    await policies.members.rotate(next.author, sign);
    await policies.members.rotate(next.author, sign);
    await expect(policies.insert({ site: { name: 'x' } })).rejects.toMatchObject({ code: 'POLICY_NOT_AUTHORISED' });
    expect([ledger.author, next.author, C].map((key) => policies.members.isMember(key))).toEqual([false, true, true]);
  });
});
