import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Act, judge, type Permissions, plainWords } from '../../../src/policy/permissions/judge.ts';

const P = (more: Partial<Permissions>): Permissions => ({
  ...{ id: 'p', name: 'p', enable: [], disable: [], databases: [], tables: undefined },
  ...more,
});
const act = (spelling: string | readonly string[], ...touches: readonly string[]): Act => ({
  spellings: typeof spelling === 'string' ? [spelling] : spelling,
  isMeantBy: (entry) => entry.startsWith('blockchain get '),
  touches: touches.map((name) => {
    const [dbms = '', table = ''] = name.split('.');
    return { dbms, table };
  }),
});
const may = (held: Permissions | readonly Permissions[], what: Act): boolean =>
  judge(Array.isArray(held) ? (held as readonly Permissions[]) : [held as Permissions], what) === undefined;

const SQL = act('sql', 'plant.t');

describe('which commands', () => {
  test.each<readonly [readonly string[], string | readonly string[], boolean]>([
    [['*'], 'get status', true],
    [['get'], 'get status', true],
    [['get status'], 'get status', true],
    [['get stat'], 'get status', false],
    [['ge'], 'get status', false],
    [['get status now'], 'get status', false],
    [['status'], 'get status', false],
    [[' GET \t Status '], 'get status', true],
    [['ledger get'], 'blockchain get', true],
    [['get ledger'], 'blockchain get', false],
    [['blockchain'], 'blockchain insert', true],
    [['time file get'], ['get tsd details', 'time file get'], true],
    [[], 'get status', false],
    [[''], 'get status', false],
    [['  '], 'get status', false],
    [['g.t', '.*', '^', 'get|sql', '(get)', 'get*', '**'], 'get status', false],
    [['__proto__', 'constructor', 'toString'], 'get status', false],
  ])('enable %j: %j is %s', (enable, spelling, expected) => {
    expect(may(P({ enable }), act(spelling))).toBe(expected);
    // What is enabled is what disabling takes away, in any of its spellings.
    if (expected) expect(may(P({ enable: ['*'], disable: enable }), act(spelling))).toBe(false);
  });

  test('an entry that says more than a command gives nothing, and takes all of it', () => {
    const get = act('blockchain get');
    expect(may(P({ enable: ['blockchain get operator'] }), get)).toBe(false);
    expect(may(P({ enable: ['*'], disable: ['blockchain get operator'] }), get)).toBe(false);
    expect(may(P({ enable: ['*'], disable: ['LEDGER  get   operator'] }), get)).toBe(false);
  });
});

describe('which databases and tables', () => {
  const reach = (databases: readonly string[], tables: readonly string[] | undefined, ...touches: readonly string[]) =>
    may(P({ enable: ['*'], databases, tables }), act('sql', ...touches));

  test.each<readonly [readonly string[], readonly string[] | undefined, string, boolean]>([
    [['*'], undefined, 'plant.t', true],
    [['*'], undefined, '*.*', true],
    [['plant'], undefined, 'plant.t', true],
    [['Plant '], undefined, 'plant.t', true],
    [['plant'], undefined, 'plant.*', true],
    [['plant'], undefined, 'plants.t', false],
    [['plant'], undefined, '*.*', false],
    [[], undefined, 'plant.t', false],
    [['*', '-demo'], undefined, 'plant.t', true],
    [['*', '-demo'], undefined, 'demo.t', false],
    [['*', '-demo'], undefined, '*.*', false],
    [['-demo'], undefined, 'plant.t', false],
    [['*', '-*'], undefined, 'plant.t', false],
    [['pl.nt', 'p*', '.*'], undefined, 'plant.t', false],
    [['*'], ['t'], 'plant.t', true],
    [['*'], ['t'], 'plant.u', false],
    [['*'], ['plant.t'], 'plant.t', true],
    [['*'], ['other.t'], 'plant.t', false],
    [['*'], ['t'], 'plant.*', false],
    [['*'], ['*', '-secret'], 'plant.t', true],
    [['*'], ['*', '-secret'], 'plant.secret', false],
    [['*'], ['*', '- Secret'], 'plant.secret', false],
    [['*'], ['*', '-secret'], 'plant.*', false],
    [['*'], ['*', '-plant.secret'], 'plant.secret', false],
    [['*'], ['*', '-plant.secret'], 'other.secret', true],
    [['*'], ['*', '-plant.secret'], 'other.*', true],
    [['*'], ['*', '-plant.*'], 'plant.t', false],
    [['*'], ['*', '-plant.secret'], '*.*', false],
    [['*'], [], 'plant.t', false],
    [['__proto__', 'constructor'], undefined, 'plant.t', false],
  ])('databases %j, tables %j: %s is %s', (databases, tables, touch, expected) =>
    expect(reach(databases, tables, touch)).toBe(expected),
  );

  test('all that a command touches has to be reached', () => {
    expect(reach(['a', 'b'], undefined, 'a.t', 'b.u')).toBe(true);
    expect(reach(['a'], undefined, 'a.t', 'b.u')).toBe(false);
    expect(reach([], undefined)).toBe(true);
  });

  test('one of several permissions has to give command and data together', () => {
    const reader = P({ enable: ['sql'], databases: ['a'] });
    const writer = P({ enable: ['put'], databases: ['b'] });
    expect(may([reader, writer], act('sql', 'a.t'))).toBe(true);
    expect(may([reader, writer], act('put', 'b.t'))).toBe(true);
    expect(may([reader, writer], act('sql', 'b.t'))).toBe(false);
    expect(may([], act('get status'))).toBe(false);
  });
});

test('what is missing is said, with the policy that says so', () => {
  expect(judge([P({ id: 'x', name: 'guest' })], SQL)).toBe('the permissions guest (x) do not enable: sql');
  expect(judge([P({ enable: ['*'], disable: ['sql'] })], SQL)).toBe('the permissions p (p) disable: sql');
  expect(judge([P({ enable: ['*'] })], SQL)).toBe('no permissions held reach the table plant.t');
  expect(judge([P({ enable: ['*'], databases: ['*', '-plant'] })], SQL)).toMatch(/leave out .* the table plant\.t/);
});

const WORDS = ['get', 'status', 'sql', 'blockchain', 'insert'];
const entry = fc.oneof(
  fc.constant('*'),
  fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 }).map((words) => words.join(' ')),
);
const name = fc.constantFrom('*', 'a', 'b', '-a', '-b', 'a.t', '-a.t', 't', '-t');
const permissions = fc.record({
  id: fc.constant('p'),
  name: fc.constant('p'),
  enable: fc.array(entry, { maxLength: 3 }),
  disable: fc.array(entry, { maxLength: 2 }),
  databases: fc.array(name, { maxLength: 3 }),
  tables: fc.option(fc.array(name, { maxLength: 3 }), { nil: undefined }),
});
const acts = fc
  .record({
    spelling: fc.constantFrom('get status', 'sql', 'blockchain insert', 'blockchain get'),
    touches: fc.array(fc.record({ dbms: fc.constantFrom('a', 'b', '*'), table: fc.constantFrom('t', 'u', '*') }), {
      maxLength: 2,
    }),
  })
  .map(({ spelling, touches }): Act => ({
    spellings: [spelling],
    isMeantBy: (of) => of.startsWith(`${spelling} `),
    touches,
  }));

describe('for all permissions and acts', () => {
  test('disabling always wins, and more to disable or to leave out never gives more', () => {
    fc.assert(
      fc.property(fc.array(permissions, { maxLength: 3 }), permissions, acts, (held, other, what) => {
        const more = [...held, { ...other, enable: [] as readonly string[] }];
        if (may(more, what)) expect(may(held, what)).toBe(true);
        const [command = ''] = what.spellings;
        for (const words of ['*', command, command.toUpperCase(), command.split(' ')[0] ?? '', `${command} more`])
          expect(may([...held, P({ enable: ['*'], databases: ['*'], disable: [words] })], what)).toBe(false);
      }),
    );
  });

  test('what is given is given whole: nothing is allowed that no single policy enables and reaches', () => {
    fc.assert(
      fc.property(fc.array(permissions, { maxLength: 3 }), acts, (held, what) => {
        if (may(held, what)) expect(held.some((each) => may([{ ...each, disable: [] }], what))).toBe(true);
        // The order does not matter, and touching less is never refused where more is allowed.
        expect(may([...held].reverse(), what)).toBe(may(held, what));
        if (may(held, what)) expect(may(held, { ...what, touches: what.touches.slice(1) })).toBe(true);
      }),
    );
  });
});

test('plain words', () => {
  expect(plainWords('  Ledger\u00a0 GET\n x ')).toBe('blockchain get x');
  expect(plainWords('get ledger')).toBe('get ledger');
});

test('lists as long as a policy allows are decided at once', () => {
  const long = Array.from({ length: 20_000 }, (_, at) => `no such command ${at}`);
  const held = P({ enable: [...long, 'sql'], disable: long, databases: [...long, 'plant'] });
  expect(may(held, SQL)).toBe(true);
});
