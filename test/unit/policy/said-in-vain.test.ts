import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { COMPANY, codeOf, cluster, firstNode, joined } from '../../support/policy-node.ts';

describe('what a policy says in vain is refused where it is written', () => {
  it.each<readonly [string, JsonObject]>([
    ['the status paused', { cluster: { company: COMPANY, name: 'c', status: 'paused' } }],
    [
      'such a status of a table',
      { cluster: { company: COMPANY, name: 'c', table: [{ dbms: 'd', name: 't', status: 'off' }] } },
    ],
    ['the date rubbish', { site: { name: 's', date: 'rubbish' } }],
    ['a day that is none', { site: { name: 's', date: '2026-02-30' } }],
    ['permissions with an attribute that is none', { permissions: { name: 'p', enable: ['*'], disabled: ['get'] } }],
    ['permissions that leave out in enable', { permissions: { name: 'p', enable: ['*', '-get dictionary'] } }],
    ['an ip with a blank', { query: { company: COMPANY, name: 'q', ip: 'bad ip', port: 7 } }],
    ['an ip that is a variable', { query: { company: COMPANY, name: 'q', ip: '!ip', port: 7 } }],
    ['an ip out of range', { query: { company: COMPANY, name: 'q', ip: '1.2.3.400', port: 7 } }],
  ])('%s', async (_, policy) => {
    const { policies } = await firstNode();
    expect(await codeOf(policies.insert(policy))).toBe('POLICY_STRUCTURE');
  });

  it.each(['10.0.0.1', '::1', 'fe80::1', 'plant-op.example.com', 'node_1', 'brücke'])('takes the ip %s', async (ip) => {
    const { policies } = await firstNode();
    expect((await policies.insert({ query: { company: COMPANY, name: 'q', ip, port: 7 } })).value).toMatchObject({
      ip,
    });
  });

  it.each<readonly [JsonObject, string, string]>([
    [{ port: 70_000 }, 'query policy: port must be at most 65535', 'it is 70000: correct "port"'],
    [{ port: 'x' }, 'query policy: port must be a number', 'it is "x": correct "port"'],
    [{ port: 1.5 }, 'query policy: port must be a whole number', 'it is 1.5: correct "port"'],
    [{ name: '' }, 'query policy: name is empty', 'it is "": correct "name"'],
    [{ peer: 'x' }, 'query policy: peer must be 64 hex digits', 'it is "x": correct "peer"'],
  ])('says in our words what is wrong with %j', async (change, message, hint) => {
    const { policies } = await firstNode();
    const value = { company: COMPANY, name: 'q', ip: '10.0.0.1', port: 7, ...change };
    await expect(policies.insert({ query: value })).rejects.toMatchObject({ message, hint });
  });

  it('in an update as well; an update of something else goes through', async () => {
    const first = await firstNode();
    const { id } = await first.policies.insert(cluster());
    expect(await codeOf(first.policies.update(id, { status: 'paused' }))).toBe('POLICY_STRUCTURE');
    await first.ledger.append({
      ...{ op: 'insert', type: 'cluster', id: 'old', replaces: null },
      content: { company: COMPANY, name: 'old', status: 'paused' },
    });
    await first.policies.caughtUp();
    expect((await first.policies.update('old', { note: 'x' })).value).toMatchObject({ status: 'paused', note: 'x' });
    expect((await first.policies.update('old', { status: null })).value).toMatchObject({ status: 'active' });
  });

  it('an anmp policy over nothing, over the policy of another node, over what never changes', async () => {
    const first = await firstNode({ isOwn: (type) => type === 'query' });
    const { id } = await first.policies.insert({ query: { company: COMPANY, name: 'q', ip: '10.0.0.1', port: 7 } });
    const other = await joined(first);
    expect(await codeOf(other.policies.insert({ anmp: { nosuchid: { note: 'x' } } }))).toBe('POLICY_UNKNOWN');
    expect(await codeOf(other.policies.insert({ anmp: { [id]: { note: 'x' } } }))).toBe('POLICY_NOT_OWNER');
    expect(await codeOf(first.policies.insert({ anmp: { [id]: { member: 3 } } }))).toBe('POLICY_STRUCTURE');
    const own = await first.policies.insert({ anmp: { [id]: { note: 'x' } } });
    expect(first.policies.book.shown(id)).toMatchObject({ note: 'x' });
    expect(await codeOf(first.policies.update(own.id, { nosuchid: { note: 'y' } }))).toBe('POLICY_UNKNOWN');
  });
});
