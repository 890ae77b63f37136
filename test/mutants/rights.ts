import type { Mutant } from './mutant.ts';

const TESTS = ['test/unit/command/rights.test.ts'];

export const rights: readonly Mutant[] = [
  {
    name: 'an operator is told to widen its grant by permissions for one cluster',
    file: 'src/policy/moving.ts',
    from: "roles: ['operator'], ...scope }",
    to: "roles: ['operator'], cluster, ...scope }",
    tests: ['test/unit/policy/moving.test.ts'],
  },
  {
    name: 'every user of REST passes for an admin',
    file: 'src/command/access/door.ts',
    from: "caller === 'local' || isAdmin(context, person);",
    to: "caller !== 'peer' || isAdmin(context, person);",
    tests: TESTS,
  },
  {
    name: 'other nodes pass for admins',
    file: 'src/command/access/door.ts',
    from: "caller === 'local' || isAdmin(context, person);",
    to: "caller !== 'rest' || isAdmin(context, person);",
    tests: TESTS,
  },
  {
    name: 'who may write which kind of policy is not asked',
    file: 'src/policy/kinds/registry.ts',
    from: 'kindOf(type)?.givesRights === true || ',
    to: '',
    tests: TESTS,
  },
  {
    name: 'a plain user writes what start scripts run',
    file: 'src/policy/kinds/registry.ts',
    from: " || Object.hasOwn(value, 'script')",
    to: '',
    tests: TESTS,
  },
  {
    name: 'an assignment gives no rights',
    file: 'src/policy/kinds/assignment.ts',
    from: 'givesRights: true',
    to: 'givesRights: false',
    tests: TESTS,
  },
  {
    name: 'policies that give rights are ended by everybody',
    file: 'src/command/commands/policies.ts',
    from: 'if (state !== undefined) checkMayWrite(call, state.type, state.value);',
    to: "if (state?.type === '') checkMayWrite(call, state.type, state.value);",
    tests: TESTS,
  },
  {
    name: 'an option for admins is everybody’s',
    file: 'src/command/define.ts',
    from: 'table[name]?.admin === true && values[name] !== undefined',
    to: 'table[name]?.admin !== true && values[name] === null',
    tests: TESTS,
  },
  {
    name: 'an operator watches what its node keeps',
    file: 'src/command/commands/operator.ts',
    from: '(!isWithin(dir, ofNode) || isWithin(dir, ofData))',
    to: '(!isWithin(dir, ofNode) || isWithin(dir, ofNode))',
    tests: TESTS,
  },
  {
    name: 'links lead the watch directory into what a node keeps',
    file: 'src/command/commands/operator.ts',
    from: 'Promise<string> => realPath(resolve(path));',
    to: 'Promise<string> => Promise.resolve(resolve(path));',
    tests: TESTS,
  },
  {
    name: 'another node lists tables out of reach of who asks',
    file: 'src/command/remote/client.ts',
    from: 'found.command.actElsewhere(',
    to: 'found.command.actOf(',
    tests: ['test/unit/command/reach.test.ts'],
  },
  {
    name: 'who is no admin of a node drops tables with its right',
    file: 'src/command/commands/drop-table.ts',
    from: '    admin: true,\n',
    to: '',
    tests: ['test/unit/command/access.mocked.test.ts'],
  },
  {
    name: 'a second invite for the place of a lost key leaves the first one open',
    file: 'src/policy/ledger-members.ts',
    from: 'for (const proposal of ended) await write(() => proposal);',
    to: 'for (const proposal of ended.slice(1)) await write(() => proposal);',
    tests: ['test/unit/command/replaces.test.ts'],
  },
  {
    name: 'who has taken the place of a lost key is overlooked when another is invited',
    file: 'src/policy/authority/decide.ts',
    from: 'if (successor !== undefined)\n',
    to: 'if (successor === lost)\n',
    tests: ['test/unit/command/replaces.test.ts'],
  },
];
