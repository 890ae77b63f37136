import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { ENTRIES_WANTED_MAX } from '../../../src/base/limits.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import type { Entry, RawEntry } from '../../../src/entry/entry.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import { createAuthor, genesisOf, offerAll, seedOf } from '../../support/ledger-authors.ts';
import { waitFor } from '../../support/wait.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const bare = ({ raw }: Entry): RawEntry => ({ ...raw, body: new Uint8Array() });

/**
 * A node whose book knows the network, and an entry of ANN that it does not hold; the entries of the others build on
 * that one.
 */
const world = async () => {
  const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
  const ledger = await createMemoryLedger({ seed: seedOf(9) });
  const ports = { ledger, ownKey: ledger.author, clock: systemClock, holders: () => new Set<string>() };
  const policies = createPolicies(ports);
  open.push(ledger, policies);
  await offerAll(ledger, [genesis]);
  await policies.caughtUp();
  const [root, ann, bob, eve] = [1, 2, 3, 4].map((number) => createAuthor(number, genesis)) as [
    ReturnType<typeof createAuthor>,
    ReturnType<typeof createAuthor>,
    ReturnType<typeof createAuthor>,
    ReturnType<typeof createAuthor>,
  ];
  const said = ann.next({ content: { dbms: 'd', name: 't', create: 'c' } });
  let time = said.header.time;
  const act = (by: typeof root, op: string, cap: string, content: JsonObject): Entry =>
    by.next({ op, cap, content, type: null, id: null, time: (time += 10), parents: by === ann ? [] : [said.hash] });
  const erase = (by: typeof root, cap = genesis.hash): Entry =>
    act(by, 'erase', cap, { v: 1, entry: said.hash, attributes: [], removed: [], reason: 'r' });
  const grant = (by: typeof root, key: string, role: string, cap = genesis.hash): Entry =>
    act(by, 'grant', cap, { v: 1, key, roles: [role], scope: {}, grants: true });
  return { ledger, policies, root, ann, bob, eve, said, erase, grant };
};

describe('an entry that comes without its body, once the network is known', () => {
  test.each(['ann', 'root'] as const)('comes in where %s erased it: its author, a root', async (who) => {
    const { ledger, said, erase, ...authors } = await world();
    const erased = erase(authors[who]);
    expect(await offerAll(ledger, [erased, bare(said)])).toEqual(['accept', 'accept']);
  });

  test('does not where somebody erased it who could not: not alone, with a grant of too little, or with one that nobody can have given', async () => {
    const { ledger, policies, root, bob, eve, said, erase, grant } = await world();
    const little = grant(root, bob.author, 'auditor');
    const own = grant(eve, eve.author, 'admin');
    const acts = [little, own, erase(bob), erase(bob, little.hash), erase(eve, own.hash)];
    for (const each of acts) await offerAll(ledger, [each]);
    expect(await offerAll(ledger, [...acts, bare(said)])).toContain('ignore LEDGER_BODY_MISSING');
    expect(ledger.clock().has(said.header.author)).toBe(false);
    await offerAll(ledger, [said]);
    await policies.caughtUp();
    expect(policies.book.get(said.header.id ?? '')?.value).toMatchObject({ name: 't' });
    expect(ledger.status().bodies.missing).toBe(0);
  });

  test.each([
    ['held', {}],
    ['waiting', { parents: ['ab'.repeat(32)] }],
    ['waiting, and what it cites is not known', { parents: ['ab'.repeat(32)], cap: 'cd'.repeat(32) }],
  ])('does not where what erased it cites an entry that is no grant: %s', async (_, change) => {
    const { ledger, bob, eve, said, erase } = await world();
    const other = bob.next(change);
    await offerAll(ledger, [other]);
    expect(await offerAll(ledger, [erase(eve, other.hash), bare(said)])).toContain('ignore LEDGER_BODY_MISSING');
  });

  test('does not where what erased it cites what is not its author’s, though what lies above that is not known', async () => {
    const { ledger, root, bob, eve, said, erase, grant } = await world();
    const first = grant(root, bob.author, 'admin');
    const second = grant(bob, bob.author, 'admin', first.hash);
    const stolen = grant(eve, eve.author, 'admin', second.hash);
    const acts = [second, erase(eve, second.hash), stolen, erase(eve, stolen.hash)];
    expect(await offerAll(ledger, [...acts, bare(said)])).toContain('ignore LEDGER_BODY_MISSING');
    expect(await offerAll(ledger, [erase(bob, second.hash), bare(said)])).toContain('accept');
  });

  test('is asked for where what let it in never comes in itself, to be judged', async () => {
    const { ledger, policies, eve, said, erase } = await world();
    erase(eve); // Withheld: what follows it waits for ever.
    expect(await offerAll(ledger, [erase(eve, 'ab'.repeat(32)), bare(said)])).toContain('accept');
    await policies.caughtUp();
    await waitFor(() => ledger.missedBodies().includes(said.hash));
    await offerAll(ledger, [said]);
    await policies.caughtUp();
    expect(policies.book.get(said.header.id ?? '')?.value).toMatchObject({ name: 't' });
    expect(ledger.status().bodies.missing).toBe(0);
  });

  test('is asked for in its turn and counted, though nobody has hundreds of others that came the same way', async () => {
    const { ledger, policies, ann, bob, eve, said, erase } = await world();
    const lost = Array.from({ length: ENTRIES_WANTED_MAX + 10 }, () => bob.next({ content: { dbms: 'd', name: 'l' } }));
    const unknown = 'ab'.repeat(32);
    const vain = (entry: string): Entry =>
      eve.next({
        ...{ op: 'erase', cap: unknown, type: null, id: null, time: said.header.time + 100_000 },
        content: { v: 1, entry, attributes: [], removed: [], reason: 'r' },
      });
    expect(ann.author).toBe(said.header.author);
    await offerAll(
      ledger,
      lost.flatMap((each) => [vain(each.hash), bare(each)]),
    );
    await policies.caughtUp();
    await waitFor(() => ledger.status().bodies.missing === lost.length);
    await offerAll(ledger, [erase(eve, unknown), bare(said)]);
    await policies.caughtUp();
    await waitFor(() => ledger.status().bodies.missing === lost.length + 1);
    const turns = [0, 1, 2].map((turn) => ledger.missedBodies(turn * ENTRIES_WANTED_MAX));
    for (const turn of turns) expect(turn).toHaveLength(ENTRIES_WANTED_MAX);
    expect(turns.flat()).toContain(said.hash);
    expect(new Set(turns.flat()).size).toBe(lost.length + 1);
  });

  test('is no fault of who gives it where a snapshot was proven too, but with nothing that erased it', async () => {
    const { ledger, eve, said, erase } = await world();
    const offer = async (...raws: RawEntry[]) =>
      (await ledger.offer(raws, 'f'.repeat(64), { has: () => false })).at(-1);
    expect(await offer(bare(said))).toMatchObject({ verdict: 'reject', code: 'LEDGER_BODY_UNCOVERED' });
    expect(await offer(erase(eve).raw, bare(said))).toMatchObject({ verdict: 'ignore', code: 'LEDGER_BODY_MISSING' });
    expect(await offer(bare(said))).toMatchObject({ verdict: 'ignore', code: 'LEDGER_BODY_MISSING' });
  });

  test('comes in where an admin erased it whose grants are not all known: they may build on the entry, and not come before it', async () => {
    const { ledger, policies, root, bob, eve, said, erase, grant } = await world();
    const first = grant(root, bob.author, 'admin');
    const second = grant(bob, eve.author, 'admin', first.hash);
    const erased = erase(eve, second.hash);
    expect(await offerAll(ledger, [second, erased, bare(said)])).toEqual(['accept', 'accept', 'accept']);
    await offerAll(ledger, [first]);
    await policies.caughtUp();
    expect(ledger.erasedBy(said.hash)).toBe(erased.hash);
    expect(ledger.status()).toMatchObject({ waiting: 0, bodies: { missing: 0 } });
  });

  test('is asked for with its body where what the erase entry rests on turns out to give no right', async () => {
    const { ledger, policies, eve, said, erase, grant } = await world();
    const own = grant(eve, eve.author, 'admin');
    const erased = erase(eve, own.hash);
    expect(await offerAll(ledger, [erased, bare(said)])).toContain('accept');
    await offerAll(ledger, [own]);
    await policies.caughtUp();
    expect(ledger.erasedBy(said.hash)).toBeUndefined();
    await expect.poll(() => ledger.missedBodies()).toEqual([said.hash]);
  });

  test('comes in though many others have named it in erase entries since the one that counts came first', async () => {
    const { ledger, root, eve, said, erase } = await world();
    const erased = erase(root);
    for (const each of [erased, ...Array.from({ length: 9 }, () => erase(eve))])
      expect(await offerAll(ledger, [each])).toEqual(['ignore LEDGER_ENTRY_WAITS']);
    expect(await offerAll(ledger, [erased, bare(said)])).toEqual(['ignore LEDGER_ENTRY_WAITS', 'accept']);
  });

  test('comes in though many others that name it in erase entries come at the same time', async () => {
    const { ledger, root, eve, said, erase } = await world();
    const offered = [erase(root), bare(said), ...Array.from({ length: 9 }, () => erase(eve))];
    expect((await offerAll(ledger, offered))[1]).toBe('accept');
  });

  test('comes in too where the admin was revoked since: who erased it then has nothing else to give', async () => {
    const { ledger, policies, root, bob, said, erase, grant } = await world();
    const admin = grant(root, bob.author, 'admin');
    const erased = erase(bob, admin.hash);
    const ended = root.next({
      ...{ op: 'revoke', type: null, id: null, parents: [], time: erased.header.time + 10 },
      content: { v: 1, grant: admin.hash, from: 1 },
    });
    await offerAll(ledger, [admin, ended]);
    await policies.caughtUp();
    expect(await offerAll(ledger, [erased, bare(said)])).toContain('accept');
    expect(ledger.clock().has(said.header.author)).toBe(true);
  });
});
