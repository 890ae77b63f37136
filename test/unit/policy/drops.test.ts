import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { createFold } from '../../../src/policy/fold.ts';
import { deriveTopology } from '../../../src/topology/derive.ts';
import { entryOf } from '../../support/policy-entries.ts';
import { cluster, codeOf, COMPANY, firstNode } from '../../support/policy-node.ts';

const drop = (more: JsonObject = {}): JsonObject => ({
  ...{ company: 'Acme', cluster: 'c1', dbms: 'd', table: 't', files: { o: 7 } },
  ...more,
});
const inserted = (id: string, type: string, content: JsonObject) => entryOf({ op: 'insert', id, type, content });

describe('a drop in the ledger', () => {
  it.each<readonly [string, { op: string; content: JsonObject }]>([
    ['changed', { op: 'update', content: { files: { o: 1 } } }],
    ['emptied', { op: 'update', content: { note: 'x' } }],
    ['deleted', { op: 'delete', content: {} }],
  ])('is not %s, whoever writes that', (_, change) => {
    const first = inserted('x', 'drop', drop());
    const second = entryOf({ id: 'x', ...change });
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      const fold = createFold();
      for (const entry of order) fold.add([entry]);
      expect(fold.get('x')?.value).toMatchObject(drop());
      expect(fold.effectOf(second.hash)).toMatchObject({ rule: 'final', by: first.hash });
    }
  });

  it.each<readonly [string, JsonObject]>([
    ['numbers that leave none', { files: { o: 2 ** 53 - 1 } }],
    ['no number', { files: { o: 0 } }],
    ['the TSD tables', { dbms: 'almgm' }],
    ['a table of the node itself', { table: 'holdfast_files' }],
    ['no company', { company: null }],
  ])('that names %s is none', (_, more) => {
    const fold = createFold();
    const entry = inserted('x', 'drop', drop(more));
    fold.add([entry]);
    expect(fold.get('x')).toBeUndefined();
    expect(fold.effectOf(entry.hash)).toMatchObject({ rule: 'structure' });
  });

  it.each<readonly [string, JsonObject, number]>([
    ['its cluster', {}, 1],
    ['another company', { company: 'Beta' }, 0],
    ['a child of the cluster', { cluster: 'child' }, 0],
    ['no cluster', { cluster: 'nowhere' }, 0],
  ])('is carried out where it names %s', (_, more, count) => {
    const fold = createFold();
    fold.add([
      inserted('c1', 'cluster', { company: 'Acme', name: 'c' }),
      inserted('child', 'cluster', { company: 'Acme', name: 'c', parent: 'c1', table: [{ dbms: 'd', name: 't' }] }),
      inserted('op', 'operator', { cluster: 'c1', ip: '10.0.0.1', port: 7 }),
      inserted('x', 'drop', drop(more)),
    ]);
    expect(deriveTopology(fold).dropsOf('c1')).toHaveLength(count);
  });
});

describe('a drop where it is written', () => {
  it('is of a cluster that is there and of its company', async () => {
    const { policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    const write = (more: JsonObject) => policies.insert({ drop: drop({ cluster: id, company: COMPANY, ...more }) });
    expect(await codeOf(write({ cluster: 'nowhere' }))).toBe('POLICY_CLUSTER_UNKNOWN');
    expect(await codeOf(write({ company: 'Beta' }))).toBe('POLICY_STRUCTURE');
    expect((await write({})).value).toMatchObject({ cluster: id });
  });

  it('keeps the cluster in its company', async () => {
    const { policies } = await firstNode();
    const { id } = await policies.insert(cluster());
    await policies.insert({ drop: drop({ cluster: id, company: COMPANY }) });
    expect(await codeOf(policies.update(id, { company: 'Beta' }))).toBe('POLICY_IN_USE');
    expect((await policies.update(id, { note: 'x' })).value).toMatchObject({ note: 'x' });
  });
});
