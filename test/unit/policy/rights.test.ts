import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { covers, isWithin, type Rights, type Scope } from '../../../src/policy/authority/rights.ts';
import type { Role } from '../../../src/policy/authority/roles.ts';

const ME = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

const rights = (role: Role, scope: Scope = {}, grants = false): Rights => ({ roles: [role], scope, grants });

const change = (type: string, before: JsonObject | undefined, after: JsonObject | undefined, id = 'p1') => ({
  author: ME,
  type,
  id,
  before,
  after,
});

describe('what a grant covers', () => {
  test.each<readonly [string, Rights, ReturnType<typeof change>, boolean]>([
    ['an admin writes any policy', rights('admin'), change('site', undefined, {}), true],
    ['and deletes it', rights('admin'), change('site', {}, undefined), true],
    ['within its types', rights('admin', { types: ['pump'] }), change('site', undefined, {}), false],
    [
      'within its companies',
      rights('admin', { company: 'Acme' }),
      change('site', undefined, { company: 'Acme East' }),
      true,
    ],
    [
      'not another company',
      rights('admin', { company: 'Acme' }),
      change('site', undefined, { company: 'Other' }),
      false,
    ],
    ['nor one that says none', rights('admin', { company: 'Acme' }), change('site', undefined, {}), false],
    [
      'nor what it takes over from another',
      rights('admin', { company: 'Acme' }),
      change('site', { company: 'Other' }, { company: 'Acme' }),
      false,
    ],
    [
      'an operator writes its own policy',
      rights('operator'),
      change('operator', undefined, { peer: ME, cluster: 'c' }),
      true,
    ],
    [
      'in its cluster alone',
      rights('operator', { cluster: 'c' }),
      change('operator', undefined, { peer: ME, cluster: 'd' }),
      false,
    ],
    [
      'and does not leave it',
      rights('operator', { cluster: 'c' }),
      change('operator', { peer: ME, cluster: 'c' }, { peer: ME, cluster: 'd' }),
      false,
    ],
    ['not one without its key', rights('operator'), change('operator', undefined, { cluster: 'c' }), false],
    ['not that of another', rights('operator'), change('operator', { peer: OTHER }, { peer: ME }), false],
    ['but makes one without a key its own', rights('operator'), change('operator', {}, { peer: ME }), true],
    ['and deletes its own', rights('operator'), change('operator', { peer: ME }, undefined), true],
    ['not one without a key', rights('operator'), change('operator', {}, undefined), false],
    [
      'an operator declares tables',
      rights('operator', { cluster: 'c', company: 'A' }),
      change('table', undefined, { dbms: 'd' }),
      true,
    ],
    ['and does not change them', rights('operator'), change('table', { dbms: 'd' }, { dbms: 'e' }), false],
    [
      'it adds children to its cluster',
      rights('operator', { cluster: 'c' }),
      change('cluster', undefined, { parent: 'c' }),
      true,
    ],
    ['not to another', rights('operator', { cluster: 'c' }), change('cluster', undefined, { parent: 'd' }), false],
    ['nor makes a cluster', rights('operator', { cluster: 'c' }), change('cluster', undefined, {}, 'c'), false],
    ['nor anything else', rights('operator'), change('site', undefined, {}), false],
    ['a member writes its types', rights('member', { types: ['site'] }), change('site', {}, { x: 1 }), true],
    ['no others', rights('member', { types: ['site'] }), change('pump', undefined, {}), false],
    ['nothing where none is named', rights('member'), change('site', undefined, {}), false],
    [
      'of nodes only its own',
      rights('member', { types: ['query'] }),
      change('query', undefined, { peer: OTHER }),
      false,
    ],
    ['its own', rights('member', { types: ['query'] }), change('query', undefined, { peer: ME }), true],
    ['an auditor writes nothing', rights('auditor', { types: ['site'] }), change('site', undefined, {}), false],
    ['an archive writes nothing', rights('archive', { types: ['site'] }), change('site', undefined, {}), false],
  ])('%s', (_, given, wish, expected) => expect(covers(given, wish)).toBe(expected));
});

describe('nobody grants more than what was granted', () => {
  test.each<readonly [string, Rights, Rights, boolean]>([
    ['without the right to grant', rights('auditor'), rights('admin'), false],
    ['an admin any role', rights('operator'), rights('admin', {}, true), true],
    ['a member its own', rights('member', { types: ['x'] }), rights('member', { types: ['x', 'y'] }, true), true],
    ['not another role', rights('admin'), rights('member', { types: ['x'] }, true), false],
    ['not more types', rights('member', { types: ['x', 'z'] }), rights('admin', { types: ['x'] }, true), false],
    ['not all types', rights('admin'), rights('admin', { types: ['x'] }, true), false],
    [
      'a part of the companies',
      rights('admin', { company: 'Acme East' }),
      rights('admin', { company: 'Acme' }, true),
      true,
    ],
    ['not all companies', rights('admin'), rights('admin', { company: 'Acme' }, true), false],
    ['not another cluster', rights('operator', { cluster: 'd' }), rights('admin', { cluster: 'c' }, true), false],
    ['the same cluster', rights('operator', { cluster: 'c' }), rights('admin', { cluster: 'c' }, true), true],
  ])('%s', (_, part, whole, expected) => expect(isWithin(part, whole)).toBe(expected));
});
