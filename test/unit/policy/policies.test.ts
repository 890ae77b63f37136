import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { testBook } from '../../../src/policy/checks.ts';
import { COMPANY, codeOf, cluster, firstNode, joined, nodeOn, operator, pass } from '../../support/policy-node.ts';
import { stateHash } from '../../support/state-hash.ts';

describe('insert', () => {
  it('adds id, date, status and member, and the policy is shown as local', async () => {
    const { policies } = await firstNode();
    const state = await policies.insert(cluster());
    expect(state.id).toMatch(/^[0-9a-f]{32}$/);
    const document = policies.document(state)['cluster'];
    expect(document).toMatchObject({
      company: COMPANY,
      name: 'lsl-cluster2',
      status: 'active',
      ledger: 'local',
      id: state.id,
    });
    expect((document as JsonObject)['date']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const op = await policies.insert(operator(state.id, 7848));
    expect(op.value['member']).toSatisfy((member: number) => member >= 1 && member <= 255);
  });

  it.each<readonly [string, JsonObject, string]>([
    ['two root keys', { a: {}, b: {} }, 'POLICY_STRUCTURE'],
    ['no root key', {}, 'POLICY_STRUCTURE'],
    ['a root value that is no object', { site: [] }, 'POLICY_STRUCTURE'],
    ['a missing name', { cluster: { company: COMPANY } }, 'POLICY_STRUCTURE'],
    [
      'a table named twice',
      {
        cluster: {
          company: 'c',
          name: 'n',
          table: [
            { dbms: 'd', name: 't' },
            { dbms: 'd', name: 'T' },
          ],
        },
      },
      'POLICY_STRUCTURE',
    ],
    ['an operator without a cluster', { operator: { ip: '1.1.1.1', port: 1 } }, 'POLICY_STRUCTURE'],
    ['an operator of an unknown cluster', operator('nowhere', 1), 'POLICY_CLUSTER_UNKNOWN'],
    ['an unknown parent', { cluster: { company: COMPANY, name: 'n', parent: 'nowhere' } }, 'POLICY_PARENT'],
    ['a port that is none', operator('x', 70_000), 'POLICY_STRUCTURE'],
    ['member 0', operator('x', 1, { member: 0 }), 'POLICY_STRUCTURE'],
    ['member 256', operator('x', 1, { member: 256 }), 'POLICY_STRUCTURE'],
    ['a table without create', { table: { dbms: 'd', name: 't' } }, 'POLICY_STRUCTURE'],
    ['a table name that is a path', { table: { dbms: '../../etc', name: 't', create: 'x' } }, 'POLICY_STRUCTURE'],
    ['a table name with a quote', { table: { dbms: 'd', name: 't"; drop', create: 'x' } }, 'POLICY_STRUCTURE'],
    ['__proto__ as attribute', JSON.parse('{"site": {"a": {"__proto__": 1}}}') as JsonObject, 'POLICY_ATTRIBUTE_NAME'],
    ['__proto__ as type', JSON.parse('{"__proto__": {"a": 1}}') as JsonObject, 'POLICY_ATTRIBUTE_NAME'],
    ['NUL in a name', { site: { 'a\u0000': 1 } }, 'POLICY_ATTRIBUTE_NAME'],
    ['NUL in a text', { site: { a: '\u0000' } }, 'POLICY_STRUCTURE'],
    ['half a surrogate pair', { site: { a: '\ud800' } }, 'POLICY_STRUCTURE'],
    ['a number that JSON does not have', { site: { a: Number.NaN } }, 'POLICY_STRUCTURE'],
    ['an id that is no text', { site: { id: 7 } }, 'POLICY_STRUCTURE'],
    ['an oversize name', { site: { ['x'.repeat(200)]: 1 } }, 'POLICY_ATTRIBUTE_NAME'],
    ['an oversize policy', { site: { a: 'x'.repeat(65_000) } }, 'POLICY_OVERSIZE'],
    [
      'a deep policy',
      { site: JSON.parse('{"a":'.repeat(500) + '1' + '}'.repeat(500)) as JsonObject },
      'POLICY_STRUCTURE',
    ],
    ['a foreign key', operator('x', 1, { peer: 'e'.repeat(64) }), 'POLICY_NOT_OWNER'],
  ])('refuses %s, and nothing is written', async (_, policy, code) => {
    const { ledger, policies } = await firstNode();
    const size = ledger.size;
    expect(await codeOf(policies.insert(policy))).toBe(code);
    expect(ledger.size).toBe(size);
  });

  it('names the holder of an id, an address, a name and a member number', async () => {
    const { policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    const op = await policies.insert(operator(id, 7848, { member: 145 }));
    await expect(policies.insert(cluster())).rejects.toMatchObject({ code: 'POLICY_ID_TAKEN', data: { holder: id } });
    const named = { cluster: { company: COMPANY, name: 'lsl-cluster2', id: 'own-id' } };
    await expect(policies.insert(named)).rejects.toMatchObject({ code: 'POLICY_NOT_UNIQUE', data: { holder: id } });
    const address = policies.insert(operator(id, 7848, { name: 'other' }));
    await expect(address).rejects.toMatchObject({ code: 'POLICY_ADDRESS_TAKEN', data: { holder: op.id } });
    const name = policies.insert(operator(id, 7849, { name: 'op7848' }));
    await expect(name).rejects.toMatchObject({ code: 'POLICY_NOT_UNIQUE', data: { holder: op.id } });
    const member = policies.insert(operator(id, 7849, { member: 145 }));
    await expect(member).rejects.toMatchObject({ code: 'POLICY_NOT_UNIQUE', data: { holder: op.id, member: 145 } });
    const parent = policies.insert({ cluster: { company: COMPANY, name: 'other', parent: id } });
    await expect(parent).rejects.toMatchObject({ code: 'POLICY_PARENT' });
  });

  it('a name of a cluster or a node of another company is taken, too; children have the name of their parent', async () => {
    const { ledger, policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    const op = await policies.insert(operator(id, 7848));
    const other = { cluster: { company: 'Other', name: 'lsl-cluster2' } };
    await expect(policies.insert(other)).rejects.toMatchObject({ code: 'POLICY_NOT_UNIQUE', data: { holder: id } });
    const named = policies.insert(operator(id, 7849, { company: 'Other', name: 'op7848' }));
    await expect(named).rejects.toMatchObject({ code: 'POLICY_NOT_UNIQUE', data: { holder: op.id } });
    const child = { company: COMPANY, name: 'lsl-cluster2', parent: id, table: [{ dbms: 'd', name: 't' }] };
    const table = await policies.insert({ cluster: child });
    expect(await codeOf(policies.update(table.id, { parent: null, company: 'Other' }))).toBe('POLICY_NOT_UNIQUE');
    const second = await policies.insert(operator(id, 7849, { company: 'Other' }));
    expect(await codeOf(policies.update(second.id, { name: 'op7848' }))).toBe('POLICY_NOT_UNIQUE');
    expect(testBook(policies.book)).toEqual([]);
    // Written at once elsewhere: it stays, is told, and holds up no update of something else.
    const twin = {
      ...({ op: 'insert', type: 'cluster', id: 'twin', replaces: null } as const),
      content: other.cluster,
    };
    await ledger.append(twin);
    await policies.caughtUp();
    expect(testBook(policies.book)).toEqual([`policy twin: a cluster of that name is policy ${id}, too`]);
    expect((await policies.update('twin', { note: 'x' })).value).toMatchObject({ note: 'x' });
  });

  it('accepts the operator policy of the documentation: no name, no company, a list around it, a quoted port', async () => {
    const { policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    const sample = {
      cluster: id,
      ip: '24.23.250.144',
      local_ip: '10.0.0.78',
      port: '7848',
      id: '52612f21b18cf29f7d2e511e3ca56ca6',
      date: '2021-04-02T21:43:20.129597Z',
      member: 145,
    };
    const state = await policies.insert([{ operator: sample }] as unknown as JsonObject);
    expect(state.value).toEqual({ ...sample, port: 7848 });
  });

  it('gives the same policy the same id, whatever the order of its attributes', async () => {
    const { policies } = await firstNode();
    const ids = [
      { site: { b: 1, a: 2 } },
      { site: { a: 2, b: 1 } },
      { site: { a: 2, b: 1, date: '2020-01-01T00:00:00.000000Z', ledger: 'local' } },
    ].map((policy) => (policies.prepare(policy)['site'] as JsonObject)['id']);
    expect(new Set(ids).size).toBe(1);
  });

  it('prepares a policy that is then inserted under that id and date', async () => {
    const { policies } = await firstNode();
    const prepared = policies.prepare(cluster());
    const state = await policies.insert(prepared);
    expect(prepared).toEqual({ cluster: state.value });
  });

  it('lets independent inserts run together and serialises those that clash', async () => {
    const { ledger, policies } = await firstNode();
    const size = ledger.size;
    const sites = Array.from({ length: 200 }, (_, n) => policies.insert({ site: { n } }));
    const same = Array.from({ length: 20 }, () => codeOf(policies.insert(cluster())));
    await Promise.all(sites);
    const codes = await Promise.all(same);
    expect(codes.filter((code) => code === 'no error')).toHaveLength(1);
    expect(codes.filter((code) => code === 'POLICY_ID_TAKEN')).toHaveLength(19);
    expect(ledger.size).toBe(size + 201);
    const { id } = policies.book.ofType('cluster')[0]!;
    const operators = await Promise.all(Array.from({ length: 30 }, (_, n) => policies.insert(operator(id, n + 1))));
    expect(new Set(operators.map(({ value }) => value['member'])).size).toBe(30);
  });
});

describe('update and delete', () => {
  it('replaces and removes attributes, normalised, and keeps what is fixed', async () => {
    const { ledger, policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    const op = await policies.insert(operator(id, 7848));
    const after = await policies.update(op.id, { port: '7850', local_ip: null });
    expect(after.value).toMatchObject({ port: 7850 });
    expect(after.value).not.toHaveProperty('local_ip');
    const size = ledger.size;
    expect(await policies.update(op.id, { port: 7850, gone: null })).toEqual(after);
    expect(ledger.size).toBe(size);
    expect(await codeOf(policies.update(op.id, { id: 'x' }))).toBe('POLICY_STRUCTURE');
    expect(await codeOf(policies.update(op.id, { cluster: 'nowhere' }))).toBe('POLICY_CLUSTER_UNKNOWN');
    expect(await codeOf(policies.update(op.id, { port: 0 }))).toBe('POLICY_STRUCTURE');
    expect(await codeOf(policies.update('nobody', { a: 1 }))).toBe('POLICY_UNKNOWN');
    await policies.delete(op.id);
    expect(policies.book.get(op.id)).toBeUndefined();
    expect(await codeOf(policies.delete(op.id))).toBe('POLICY_UNKNOWN');
    expect((await policies.insert(operator(id, 7848))).id).toBe(op.id);
  });

  it('keeps a cluster that operators or tables need', async () => {
    const { policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    const op = await policies.insert(operator(id, 7848));
    const child = await policies.insert({
      cluster: { parent: id, company: COMPANY, name: 'lsl-cluster2', table: [{ dbms: 'd', name: 't' }] },
    });
    for (const user of [op.id, child.id]) {
      expect(await codeOf(policies.delete(id))).toBe('POLICY_IN_USE');
      await policies.delete(user);
    }
    await policies.delete(id);
    expect(policies.book.get(id)).toBeUndefined();
  });

  it('adds the own key to a policy that stands for this node, and lets nobody else write it', async () => {
    const first = await firstNode({ isOwn: (_, value) => value['port'] === 7848 });
    const { id } = await first.policies.insert(cluster());
    const own = await first.policies.insert(operator(id, 7848));
    const foreign = await first.policies.insert(operator(id, 7849));
    expect(own.value['peer']).toBe(first.ledger.author);
    expect(foreign.value).not.toHaveProperty('peer');
    const second = await joined(first);
    expect(await codeOf(second.policies.update(own.id, { name: 'evil' }))).toBe('POLICY_NOT_OWNER');
    const claimed = await second.policies.update(foreign.id, { peer: second.ledger.author });
    expect(claimed.value['peer']).toBe(second.ledger.author);
    await pass(second, first);
    expect(await codeOf(first.policies.update(foreign.id, { name: 'evil' }))).toBe('POLICY_NOT_OWNER');
  });

  it('an update after a conflict names both versions and ends it', async () => {
    const first = await firstNode();
    const { id } = await first.policies.insert({ site: { a: 1 } });
    const second = await joined(first);
    await Promise.all([first.policies.update(id, { a: 2 }), second.policies.update(id, { b: 3 })]);
    await pass(first, second);
    await pass(second, first);
    expect(first.policies.book.get(id)?.conflict).toHaveLength(2);
    const after = await first.policies.update(id, { c: 4 });
    expect(after).toMatchObject({ conflict: [], value: { a: 2, b: 3, c: 4 } });
  });
});

describe('two nodes', () => {
  it('a table and its child cluster, made on both at once, end as one with one id', async () => {
    const first = await firstNode();
    const { id } = await first.policies.insert(cluster());
    const second = await joined(first);
    const child = (source: string): JsonObject => ({
      cluster: { company: COMPANY, name: 'lsl-cluster2', parent: id, source, table: [{ dbms: 'd', name: 't' }] },
    });
    const made = await Promise.all(
      [first, second].map(async ({ policies }, n) => [
        (await policies.insert({ table: { dbms: 'd', name: 't', create: `CREATE TABLE t (a${n} int)` } })).id,
        (await policies.insert(child(`Node ${n}`))).id,
      ]),
    );
    expect(made[0]).toEqual(made[1]);
    await pass(first, second);
    await pass(second, first);
    expect(first.policies.book.ofType()).toHaveLength(3);
    expect(stateHash(second.policies.book)).toBe(stateHash(first.policies.book));
  });

  it('announces what changed, own or foreign, and survives a listener that fails', async () => {
    const first = await firstNode();
    const second = await joined(first);
    const changed: string[] = [];
    second.policies.notices.on('policy:changed', () => {
      throw new Error('listener');
    });
    second.policies.notices.on('policy:changed', (ids) => void changed.push(...ids));
    const { id } = await first.policies.insert(cluster());
    await pass(first, second);
    expect(changed).toEqual([id]);
  });

  it('tells local from global by the registered nodes that hold the newest entry', async () => {
    const holders = new Set<string>();
    const first = await firstNode({ isOwn: () => true, holders: () => holders });
    const { id } = await first.policies.insert(cluster());
    const own = await first.policies.insert(operator(id, 1));
    holders.add(first.ledger.author);
    expect(first.policies.ledgerOf(own)).toBe('global');
    const second = await joined(first, { isOwn: () => true });
    const other = await second.policies.insert(operator(id, 2));
    await pass(second, first);
    expect(first.policies.ledgerOf(other)).toBe('local');
    holders.add(second.ledger.author);
    expect(first.policies.ledgerOf(other)).toBe('global');
  });
});

describe('history', () => {
  it('tells who, when, what changed and by which entry', async () => {
    const { ledger, policies } = await firstNode({ isOwn: () => true });
    const { id } = await policies.insert(cluster());
    const op = await policies.insert(operator(id, 7848));
    await policies.update(op.id, { name: 'renamed' });
    await policies.delete(op.id);
    const versions = await policies.history(op.id);
    expect(versions.map(({ op: did }) => did)).toEqual(['insert', 'update', 'delete']);
    expect(versions.map(({ effect }) => effect)).toEqual(['superseded', 'superseded', 'in-force']);
    expect(versions[1]).toMatchObject({
      author: ledger.author,
      changes: [{ attribute: 'name', before: 'op7848', after: 'renamed' }],
    });
    expect(versions[2]?.changes).toContainEqual({ attribute: 'port', before: 7848, after: undefined });
    expect(await codeOf(policies.history('nobody'))).toBe('POLICY_UNKNOWN');
    const again = await policies.insert(operator(id, 7848));
    expect((await policies.history(again.id)).at(-1)).toMatchObject({ authorName: 'op7848', effect: 'in-force' });
  });

  it('shows an entry without effect and what it wanted', async () => {
    const first = await firstNode();
    const second = await joined(first);
    await first.policies.insert({ site: { id: 'x', a: 1 } });
    await second.policies.insert({ site: { id: 'x', a: 2 } });
    await pass(first, second);
    await pass(second, first);
    const versions = await first.policies.history('x');
    expect(versions[1]).toMatchObject({
      effect: { rule: 'id-taken' },
      changes: [{ attribute: 'a', before: 1, after: 2 }],
    });
  });
});

describe('lifecycle', () => {
  it('rebuilds the book from the ledger, and refuses after close', async () => {
    const { ledger, policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    const again = nodeOn(ledger);
    await again.policies.caughtUp();
    expect(again.policies.book.get(id)).toEqual(policies.book.get(id));
    await again.policies.close();
    expect(await codeOf(again.policies.insert(cluster('other')))).toBe('POLICY_CLOSED');
  });

  it('passes a failed append on and leaves nothing blocked', async () => {
    const first = await firstNode();
    const second = nodeOn(await createMemoryLedger());
    await pass(first, second);
    expect(await codeOf(second.policies.insert(cluster()))).toBe('LEDGER_OWN_LOG_BEHIND');
    second.ledger.allowAppend();
    expect((await second.policies.insert(cluster())).type).toBe('cluster');
  });
});
