import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { danglingOf, diffPolicies, testBook, testClusters } from '../../../src/policy/checks.ts';
import { createFold, type LedgerFold } from '../../../src/policy/fold.ts';
import { policyWarnings } from '../../../src/policy/shape.ts';
import { entryOf } from '../../support/policy-entries.ts';

const bookOf = (...policies: readonly (readonly [string, string, JsonObject])[]): LedgerFold => {
  const fold = createFold();
  fold.add(policies.map(([id, type, content]) => entryOf({ id, type, content })));
  return fold;
};

const CLUSTER: JsonObject = { company: 'c', name: 'n', table: [{ dbms: 'd', name: 't' }] };
const operator = (port: number, more: JsonObject = {}): JsonObject => ({ ip: '1.1.1.1', port, cluster: 'c1', ...more });

describe('blockchain test cluster', () => {
  it('finds nothing wrong with a parent, its child and an operator', () => {
    const book = bookOf(
      ['c1', 'cluster', CLUSTER],
      ['k1', 'cluster', { ...CLUSTER, parent: 'c1' }],
      ['o1', 'operator', operator(1, { main: true })],
    );
    expect(testClusters(book)).toEqual([]);
    expect(testBook(book)).toEqual([]);
  });

  it.each<readonly [string, readonly [string, string, JsonObject][], string]>([
    ['an unknown status', [['c2', 'cluster', { ...CLUSTER, status: 'paused' }]], '"paused"'],
    [
      'an unknown status of a table',
      [['c2', 'cluster', { ...CLUSTER, table: [{ dbms: 'd', name: 't', status: 'x' }] }]],
      'entry 1',
    ],
    ['a parent that is not there', [['c2', 'cluster', { ...CLUSTER, parent: 'gone' }]], 'gone is not in the ledger'],
    [
      'a parent of another name',
      [
        ['c1', 'cluster', CLUSTER],
        ['c2', 'cluster', { company: 'c', name: 'x', parent: 'c1' }],
      ],
      'differ',
    ],
    [
      'an operator of no cluster',
      [
        ['c2', 'cluster', CLUSTER],
        ['o1', 'operator', operator(1)],
      ],
      'its cluster c1',
    ],
    [
      'two mains',
      [
        ['c1', 'cluster', CLUSTER],
        ['o1', 'operator', operator(1, { main: true })],
        ['o2', 'operator', operator(2, { main: 'true' })],
      ],
      'both main',
    ],
    [
      'an address that is none',
      [
        ['c1', 'cluster', CLUSTER],
        ['o1', 'operator', operator(1, { ip: 'bad ip' })],
      ],
      '"bad ip" is no address',
    ],
  ])('reports %s', (_, policies, text) => {
    const problems = testClusters(bookOf(...policies));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(text);
  });

  it('blockchain test tells what is in the ledger in vain', () => {
    const problems = testBook(
      bookOf(
        ['q1', 'query', { company: 'c', name: 'n', ip: 'bad ip', port: 7 }],
        ['s1', 'site', { date: 'rubbish' }],
        ['a1', 'anmp', { nosuchid: { note: 'x' } }],
      ),
    );
    expect(problems).toEqual([
      expect.stringContaining('policy q1: the ip "bad ip" is no address'),
      expect.stringContaining('policy s1: the date "rubbish"'),
      expect.stringContaining('policy a1: anmp names the policy "nosuchid"'),
    ]);
  });

  it('throws where there is no cluster', () => {
    expect(() => testClusters(bookOf())).toThrow(expect.objectContaining({ code: 'POLICY_UNKNOWN' }));
  });

  it('lists references to what is not there', () => {
    const book = bookOf(['o1', 'operator', operator(1)], ['k1', 'cluster', { ...CLUSTER, parent: 'p' }]);
    expect(danglingOf(book)).toEqual([
      { id: 'k1', attribute: 'parent', to: 'p' },
      { id: 'o1', attribute: 'cluster', to: 'c1' },
    ]);
  });
});

describe('get policies diff', () => {
  it('compares attribute by attribute, one against many too', () => {
    const left = [{ site: { a: 1, b: { c: 1, d: 2 } } }];
    const right = [
      { site: { b: { d: 2, c: 1 }, a: 1 } },
      { site: { a: 2, e: 1 } },
      { place: { a: 1, b: { c: 1, d: 2 } } },
    ];
    expect(diffPolicies(left, right)).toEqual([
      {
        pair: 1,
        types: ['site', 'site'],
        changes: [
          { attribute: 'a', before: 1, after: 2 },
          { attribute: 'b', before: { c: 1, d: 2 }, after: undefined },
          { attribute: 'e', before: undefined, after: 1 },
        ],
      },
      { pair: 2, types: ['site', 'place'], changes: [] },
    ]);
  });

  it('refuses lists of different length', () => {
    const [a, b] = [{ site: { a: 1 } }, { site: { a: 2 } }];
    expect(() => diffPolicies([a, b], [a, b, a])).toThrow(expect.objectContaining({ code: 'POLICY_STRUCTURE' }));
    expect(() => diffPolicies([], [a])).toThrow(expect.objectContaining({ code: 'POLICY_STRUCTURE' }));
  });
});

describe('warnings', () => {
  it('names what the documented operator sample lacks', () => {
    expect(policyWarnings({ operator: operator(1) })).toHaveLength(2);
    expect(policyWarnings({ operator: operator(1, { company: 'c', name: 'n' }) })).toEqual([]);
  });
});
