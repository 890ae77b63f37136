import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { atOnce } from '../../../src/base/slices.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import { archivedEntry, type Entry } from '../../../src/entry/entry.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import type { LedgerFold } from '../../../src/policy/fold.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import { EVERYTHING } from '../../../src/policy/moment.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { snapshotContent } from '../../../src/policy/snapshot/act.ts';
import { draftSnapshot } from '../../../src/policy/snapshot/draft.ts';
import { droppable, statesToSave } from '../../../src/policy/snapshot/drop.ts';
import { SettleMemory } from '../../../src/policy/snapshot/settle.ts';
import { stateRoot } from '../../../src/policy/state-root.ts';
import { authorKey, entryOf, type EntrySketch } from '../../support/policy-entries.ts';
import { bookOf } from '../../support/snapshot-histories.ts';
import { stateHash } from '../../support/state-hash.ts';

const [ROOT, ANN, BOB, ROOT2, ROOT3] = ['0', 'a', 'b', 'c', 'd'].map(authorKey) as [
  string,
  string,
  string,
  string,
  string,
];

/**
 * A network in which anybody writes, one entry after the other, each building on all before; except where a sketch says
 * otherwise.
 */
const world = (roots = [ROOT]) => {
  const entries: Entry[] = [];
  const heads = new Map<string, Entry>();
  const add = (author: string, op: string, content: JsonObject, sketch: EntrySketch = {}): Entry => {
    const [net, last] = [entries[0]?.hash ?? '', heads.get(author)];
    const parents = [...heads.values()].filter(({ header }) => header.author !== author).map(({ hash }) => hash);
    const entry = entryOf({
      ...{ author, op, content, net, cap: net === '' ? null : net, time: 1_000 + 10 * entries.length },
      ...{ seq: (last?.header.seq ?? 0) + 1, prev: last?.hash ?? null, parents: parents.sort(), ...sketch },
    });
    entries.push(entry);
    heads.set(author, entry);
    return entry;
  };
  add(ROOT, 'genesis', { v: 1, name: 'n', admission: 'open', roots });
  const table = (author: string, id: string, sketch: EntrySketch = {}): Entry =>
    add(author, 'insert', { dbms: 'd', name: 't', create: 'CREATE TABLE t (a int)' }, { type: 'table', id, ...sketch });
  const fold = (): LedgerFold => bookOf(entries);
  const draft = (author = ROOT) =>
    atOnce(draftSnapshot({ fold: fold(), memory: new SettleMemory(), author, isHeldByAll: () => true }));
  const snapshot = (author = ROOT, more: JsonObject = {}): Entry =>
    add(author, 'snapshot', { ...snapshotContent(draft(author).act), ...more });
  return { entries, add, table, fold, draft, snapshot };
};

const ruleOf = (fold: LedgerFold, { hash }: Entry): string | undefined => {
  const effect = fold.effectOf(hash);
  return typeof effect === 'object' ? effect.rule : effect;
};

describe('what a snapshot settles', () => {
  it('is not displaced by what is stated earlier and comes later', () => {
    const { entries, table, fold, snapshot } = world();
    const held = table(ANN, 'held');
    const away = (): Entry => table(BOB, 'late', { seq: 1, prev: null, parents: [entries[0]!.hash], time: 1_001 });
    const without = [...entries, away()];
    expect(bookOf(without).get('held')).toBeUndefined();
    entries.pop();
    const settled = snapshot();
    const late = away();
    expect([ruleOf(fold(), settled), ruleOf(fold(), held), ruleOf(fold(), late)]).toEqual([
      'in-force',
      'in-force',
      'constraint',
    ]);
    expect(fold().get('late')).toBeUndefined();
    expect(fold().waiting('late')?.reason.holder).toBe('held');
  });

  it('has no attribute that an insert gave as null: the same on a node that has its bodies and on one that has the leaves alone', () => {
    const { entries, add, fold, snapshot } = world();
    add(ANN, 'insert', { a: null, b: 1 }, { type: 'site', id: 's' });
    const gone = add(ANN, 'insert', { z: 1 }, { type: 'site', id: 'gone' });
    add(ANN, 'delete', {}, { id: 'gone' });
    const before = fold().get('s')?.value;
    snapshot();
    const [whole, memory] = [bookOf(entries), new SettleMemory()];
    bookOf(entries, memory);
    const given = new SettleMemory();
    for (const [key, state] of statesToSave(whole, memory)) given.saved.set(key, state);
    const pruned = bookOf(
      entries.map((entry) => (entry === gone ? archivedEntry(entry) : entry)),
      given,
    );
    expect(before).toMatchObject({ a: null, b: 1 });
    for (const book of [whole, pruned]) {
      expect(book.lacksBodies()).toBe(false);
      expect(Object.keys(book.get('s')?.value ?? {}).sort()).toEqual(['b', 'date', 'id']);
    }
    expect(stateHash(pruned)).toBe(stateHash(whole));
  });

  it('takes what comes late and clashes with nothing, after all that is settled', () => {
    const { entries, add, fold, snapshot } = world();
    add(ANN, 'insert', { a: 1, b: 1 }, { type: 'site', id: 's' });
    add(ANN, 'update', { a: 2 }, { id: 's' });
    snapshot();
    const late = add(
      BOB,
      'update',
      { a: 3 },
      { id: 's', seq: 1, prev: null, parents: [entries[1]!.hash], time: 1_011 },
    );
    expect(fold().get('s')?.value).toMatchObject({ a: 3, b: 1 });
    expect(ruleOf(fold(), late)).toBe('in-force');
  });

  it('ends for good who waited', () => {
    const { table, add, fold, draft, snapshot } = world();
    table(ANN, 'holder');
    const waits = table(BOB, 'waits');
    expect(draft().ended).toEqual(['waits']);
    snapshot();
    expect(ruleOf(fold(), waits)).toBe('constraint');
    const book = fold();
    book.add([add(ANN, 'delete', {}, { id: 'holder' })]);
    for (const each of [book, fold()]) expect(each.ofType('table')).toEqual([]);
    expect(ruleOf(fold(), waits)).toBe('constraint');
    table(BOB, 'waits');
    expect(
      fold()
        .ofType('table')
        .map(({ id }) => id),
    ).toEqual(['waits']);
  });

  it('lets bodies go; but once its author turns out to have contradicted itself, only those before that', () => {
    const { entries, add, fold, snapshot } = world();
    const [before, after] = ['one', 'two'].map((id) => {
      const inserted = add(ANN, 'insert', { a: 1 }, { type: 'site', id });
      add(ANN, 'delete', {}, { id });
      return inserted;
    }) as [Entry, Entry];
    snapshot();
    expect(atOnce(droppable(fold()))).toEqual([before.hash, after.hash]);
    entries.push(entryOf({ ...after.header, content: { other: true } }));
    expect(atOnce(droppable(fold()))).toEqual([before.hash]);
  });

  it('stays when its author turns out to have contradicted itself, or is revoked: what is not settled goes', () => {
    const { entries, add, table, fold, snapshot } = world();
    const kept = table(ANN, 'kept');
    add(ANN, 'insert', { a: 1 }, { type: 'site', id: 'other' });
    snapshot();
    const fresh = add(ANN, 'insert', { a: 1 }, { type: 'site', id: 'fresh' });
    const twin = entryOf({ ...kept.header, content: { other: true } });
    const forked = bookOf([...entries, twin]);
    expect(
      forked
        .ofType()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['kept', 'other']);
    expect([ruleOf(forked, kept), ruleOf(forked, fresh)]).toEqual(['in-force', 'equivocation']);
    add(ROOT, 'revoke', { v: 1, grant: entries[0]!.hash, key: ANN, from: 1 });
    expect([ruleOf(fold(), kept), ruleOf(fold(), fresh)]).toEqual(['in-force', 'revoked']);
  });

  it('has one version of what was in conflict: a later update of that one settles it, one of an older is in conflict', () => {
    const { entries, add, fold, snapshot } = world();
    const first = add(ANN, 'insert', { a: 1 }, { type: 'site', id: 's' });
    const [left, right] = [ANN, BOB].map((author, at) =>
      add(author, 'update', { a: at + 2 }, { id: 's', replaces: first.hash }),
    );
    const same = add(BOB, 'update', { a: 3 }, { id: 's', replaces: [left!.hash, right!.hash].sort() });
    expect(fold().get('s')?.conflict).toEqual([]);
    snapshot();
    expect(fold().get('s')).toMatchObject({ conflict: [], entry: right!.hash });
    const update = (replaces: string): Entry => {
      const made = add(ANN, 'update', { a: 9 }, { id: 's', replaces });
      entries.pop();
      return made;
    };
    for (const named of [same.hash, right!.hash])
      expect(bookOf([...entries, update(named)]).get('s')?.conflict).toEqual([]);
    const stale = update(left!.hash);
    expect(bookOf([...entries, stale]).get('s')?.conflict).toEqual([right!.hash, stale.hash]);
  });
});

describe('a snapshot is in force', () => {
  it('once a majority of the root keys says the same, and no other', () => {
    const { table, fold, draft, snapshot, add } = world([ROOT, ROOT2, ROOT3]);
    table(ANN, 'held');
    const first = snapshot();
    expect(ruleOf(fold(), first)).toBe('snapshot-waits');
    add(ROOT, 'snapshot', first.content);
    expect(ruleOf(fold(), first)).toBe('snapshot-waits');
    expect(snapshotContent(draft(ROOT2).act)).toEqual(first.content);
    snapshot(ROOT2);
    expect(ruleOf(fold(), first)).toBe('in-force');
  });

  it.each([
    ['of somebody else', ANN, {}, 'not-the-owner'],
    ['with another root', ROOT, { root: 'e'.repeat(64) }, 'snapshot-mismatch'],
    ['with other logs', ROOT, { logs: 'e'.repeat(64) }, 'snapshot-mismatch'],
    ['of what nobody holds', ROOT, { frontier: ['e'.repeat(64)] }, 'structure'],
    ['with something more', ROOT, { more: 1 }, 'structure'],
  ])('not one %s', (_, author, more: JsonObject, rule) => {
    const { table, fold, snapshot } = world();
    table(ANN, 'held');
    const made = snapshot(author, more);
    expect(ruleOf(fold(), made)).toBe(rule);
    expect(fold().snapshots.settled).toBeUndefined();
  });

  it('only if it has the one before', () => {
    const { table, add, fold, snapshot, draft } = world();
    table(ANN, 'held');
    const older = draft().act;
    table(BOB, 'more');
    const first = snapshot();
    const second = add(ROOT, 'snapshot', snapshotContent(older));
    expect([ruleOf(fold(), first), ruleOf(fold(), second)]).toEqual(['in-force', 'snapshot-order']);
    add(ANN, 'insert', { a: 1 }, { type: 'site', id: 's' });
    const third = snapshot();
    expect([ruleOf(fold(), first), ruleOf(fold(), third)]).toEqual(['in-force', 'in-force']);
    expect(fold().snapshots.settled?.chain).toHaveLength(2);
  });

  it('no more once its author turns out to have contradicted itself before', () => {
    const { entries, table, snapshot } = world();
    table(ANN, 'held');
    const settled = snapshot();
    const twin = entryOf({ ...settled.header, content: { other: true } });
    const forked = bookOf([...entries, twin]);
    expect(ruleOf(forked, settled)).toBe('equivocation');
    expect(forked.snapshots.settled).toBeUndefined();
    expect(forked.get('held')).toBeDefined();
  });
});

describe('a node', () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const resource of open.splice(0).reverse()) await resource.close();
  });

  const policiesOn = (ledger: MemoryLedger, away: ReadonlySet<string> = new Set()): Policies => {
    const holders = (author: string, seq: number): ReadonlySet<string> =>
      new Set((ledger.clock().get(author) ?? 0) >= seq ? [ledger.author, ...away] : []);
    const policies = createPolicies({ ledger, ownKey: ledger.author, clock: systemClock, holders });
    open.push(policies);
    return policies;
  };
  const node = (name: string, peer: string) => ({
    node: { company: 'c', name, ip: '10.0.0.1', port: name === 'n1' ? 1 : 2, peer },
  });

  it('makes one, finds it again after a restart, and has nothing more to settle', async () => {
    const ledger = await createMemoryLedger();
    open.push(ledger);
    await ledger.createNetwork('test', 'open');
    const policies = policiesOn(ledger);
    await policies.insert(node('n1', ledger.author));
    const dry = await policies.snapshots.preview();
    expect(dry).toMatchObject({ entries: 2, fresh: 2, spare: [], ended: [] });
    expect(policies.snapshots.list()).toEqual([]);
    const made = await policies.snapshots.make();
    expect(made).toMatchObject({ act: dry.act, effect: 'in-force' });
    expect(policies.snapshots.list()).toMatchObject([
      { root: dry.act.root, effect: 'in-force', entries: 2, needed: 1 },
    ]);
    const again = policiesOn(ledger);
    await again.caughtUp();
    expect(again.snapshots.list()).toEqual(policies.snapshots.list());
    expect((await again.past(EVERYTHING)).root).toBe(dry.act.root);
    await expect(policies.snapshots.make()).rejects.toMatchObject({ code: 'POLICY_SNAPSHOT_NOTHING' });
    await policies.insert({ site: { name: 'a' } });
    expect(await policies.snapshots.make()).toMatchObject({ entries: 4, fresh: 1, effect: 'in-force' });
    expect(policies.snapshots.list().map(({ effect }) => effect)).toEqual(['in-force', 'in-force']);
  });

  it('settles only what all registered nodes are known to hold, and only with a root key', async () => {
    const ledger = await createMemoryLedger();
    const other = await createMemoryLedger();
    open.push(ledger, other);
    await ledger.createNetwork('test', 'open');
    const policies = policiesOn(ledger);
    await policies.insert(node('n1', ledger.author));
    await policies.insert({ site: { name: 'a' } });
    const theirs = (await ledger.follow(0, 10)).map(({ entry }) => entry.raw);
    await other.offer(theirs, ledger.author);
    other.allowAppend();
    const others = policiesOn(other);
    await others.insert(node('n2', other.author));
    await expect(others.snapshots.make()).rejects.toMatchObject({ code: 'POLICY_SNAPSHOT_NOT_ROOT' });
    const [more] = await other.follow(theirs.length, 1);
    await ledger.offer([more!.entry.raw], other.author);
    await policies.caughtUp();
    await expect(policies.snapshots.preview()).rejects.toMatchObject({ code: 'POLICY_SNAPSHOT_NOTHING' });
    expect(await policiesOn(ledger, new Set([other.author])).snapshots.preview()).toMatchObject({ entries: 4 });
  });

  it('has the settled state in its book', async () => {
    const { entries, table, snapshot } = world();
    table(ANN, 'held');
    snapshot();
    const fold = bookOf(entries);
    expect(atOnce(stateRoot(fold))).toBe(entries.at(-1)!.content['root']);
  });
});
