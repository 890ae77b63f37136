import { ALL_RIGHTS, type Rights } from '../../policy/authority/rights.ts';
import type { Role } from '../../policy/authority/roles.ts';
import { isInForce, mayCiteGenesis } from '../../policy/authority/members.ts';
import { assignmentsOf, heldBy, keysOf } from '../../policy/permissions/assigned.ts';
import { grantsOf } from '../../policy/permissions/grants.ts';
import type { Permissions } from '../../policy/permissions/judge.ts';
import { memberPolicies } from '../../policy/permissions/member-policies.ts';
import type { CommandContext } from '../context.ts';
import { nodeNames } from '../node-names.ts';
import { anyText, optional, type OptionTable } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { keyNamed } from './members.ts';

/** What a key may do by one grant, one assignment, or an assignment with its grant. */
interface Permission {
  readonly key: string;
  readonly name: string;
  /** Hash of the grant; the network id for what genesis gives; what became of it where an assignment lacks its own. */
  readonly grant: string;
  /** Undefined where it is let write nothing. */
  readonly rights: Rights | undefined;
  readonly assigned: Assigned | undefined;
}

interface Assigned {
  readonly assignment: string;
  /** Id of the permissions policy. */
  readonly id: string;
  /** Undefined where it is no policy in force: then nothing is allowed. */
  readonly permissions: Permissions | undefined;
}

const ROLE_WRITES: Readonly<Record<Role, (rights: Rights) => string>> = {
  admin: ({ scope }) => (scope.types === undefined ? 'every policy' : `policies of type ${scope.types.join(', ')}`),
  operator: () => 'its own operator policy, the tables and child clusters that arise from its data',
  member: ({ scope }) => `policies of type ${scope.types?.join(', ') ?? ''}; of node types only its own`,
  auditor: () => 'nothing',
  archive: () => 'nothing',
};

const writes = (rights: Rights): string => rights.roles.map((role) => ROLE_WRITES[role](rights)).join('; ');

const where = ({ scope }: Rights): string =>
  [
    scope.company === undefined ? '' : `companies that begin with ${scope.company}`,
    scope.cluster === undefined ? '' : `the cluster ${scope.cluster}`,
  ]
    .filter((part) => part !== '')
    .join('; ');

/** What keys may write now by genesis, and by the grants that are in force. */
const grantedTo = (context: CommandContext, key: string, name: string): readonly Permission[] => {
  const { authority } = context.policies.book;
  const network = authority.genesis?.network ?? '';
  const rights = { ...ALL_RIGHTS, grants: authority.genesis?.roots.has(key) === true };
  const byGenesis = network !== '' && mayCiteGenesis(authority, key) ? [{ rights, grant: network }] : [];
  const own = context.policies.members.list().filter((member) => member.key === key && isInForce(member));
  return [...byGenesis, ...own].map((held) => ({
    ...{ key, name, rights: held.rights, grant: held.grant, assigned: undefined },
  }));
};

const LACKING: ReadonlySet<string> = new Set(['missing', 'revoked']);

/** What is assigned to a key, each with its grant or with what became of that. */
const assignedToKey = (context: CommandContext, key: string, name: string): readonly Permission[] => {
  const { book } = context.policies;
  const keys = keysOf(book, key);
  return assignmentsOf(book)
    .filter(({ members }) => keys.some((each) => members.includes(each)))
    .map((assignment) => {
      const assigned = {
        ...{ assignment: assignment.id, id: assignment.permissions },
        permissions: heldBy(book, [assignment.permissions]).permissions[0],
      };
      const given = grantsOf(book, assignment).find((each) => keys.includes(each.key));
      return { key, name, rights: given?.rights, grant: given?.grant ?? '', assigned };
    });
};

const permissionsOf = (context: CommandContext, keys: readonly string[]): readonly Permission[] => {
  const names = nodeNames(context.topology());
  const members = new Map(memberPolicies(context.policies.book).map(({ public_key, name }) => [public_key, name]));
  return keys.flatMap((key) => {
    const granted = context.policies.members.list().find((member) => member.key === key);
    const name = names.get(key) ?? members.get(key) ?? granted?.name ?? '';
    const assigned = assignedToKey(context, key, name);
    const byAssignment = new Set(assigned.map(({ grant }) => grant));
    return [...grantedTo(context, key, name).filter(({ grant }) => !byAssignment.has(grant)), ...assigned];
  });
};

const grantText = ({ grant, assigned }: Permission): string =>
  LACKING.has(grant) && assigned !== undefined
    ? `${grant}: ${grant === 'missing' ? 'repeat the command of' : 'take the key out of'} the assignment ${assigned.assignment}`
    : grant;

const runs = (assigned: Assigned | undefined): string => {
  if (assigned === undefined) return '';
  const { permissions, id } = assigned;
  if (permissions === undefined) return `nothing: ${id} is no permissions policy in force`;
  const { name, enable, disable, databases, tables } = permissions;
  const parts = [
    enable.length === 0 ? 'nothing' : enable.join(', '),
    ...(disable.length === 0 ? [] : [`not ${disable.join(', ')}`]),
    `databases ${databases.length === 0 ? 'none' : databases.join(', ')}`,
    ...(tables === undefined ? [] : [`tables ${tables.join(', ')}`]),
  ];
  return `${name}: ${parts.join('; ')}`;
};

const show = (all: readonly Permission[]): Reply =>
  givesTable({
    titles: ['Key', 'Name', 'May Write', 'Of', 'May Let In', 'Grant', 'May Run'],
    rows: all.map((each) => [
      ...[each.key, each.name],
      ...(each.rights === undefined ? ['nothing', ''] : [writes(each.rights), where(each.rights)]),
      each.rights?.grants === true ? 'yes' : '',
      ...[grantText(each), runs(each.assigned)],
    ]),
    json: all.map(({ key, name, rights, grant, assigned }) => ({
      ...{
        public_key: key,
        name,
        roles: rights?.roles ?? [],
        scope: rights?.scope ?? {},
        grants: rights?.grants ?? false,
      },
      ...{ grant: grant === '' ? null : grant, assignment: assigned?.assignment ?? null },
      permissions: assigned === undefined ? null : (assigned.permissions ?? { id: assigned.id, missing: true }),
    })),
  });

const whose = {
  public_key: optional(anyText, 'key of the member; default: this node'),
  name: optional(anyText, 'name of the member'),
};

const getPermissions = ({ context, options }: Call<typeof whose>): Reply => {
  const { public_key: key, name } = options;
  const named =
    name === undefined ? undefined : memberPolicies(context.policies.book).filter((each) => each.name === name);
  const [only, ...others] = named ?? [];
  const byPolicy = others.length === 0 ? only?.public_key : undefined;
  const of = key ?? byPolicy ?? (name === undefined ? context.ledger.author : keyNamed(context, name));
  return show(permissionsOf(context, [of]));
};

const getMemberPermissions = ({ context }: Call<OptionTable>): Reply => {
  const roots = context.policies.book.authority.genesis?.roots ?? new Set();
  const { book } = context.policies;
  const keys = new Set([
    ...roots,
    ...context.policies.members.list().map(({ key }) => key),
    ...assignmentsOf(book).flatMap(({ members }) => members),
    ...memberPolicies(book).map(({ public_key }) => public_key),
  ]);
  return show(permissionsOf(context, [...keys]));
};

/** What members may do, as their grants say. */
export const permissionCommands = (): readonly Command[] => [
  define({
    patterns: ['get permissions'],
    method: 'GET',
    explanation:
      'shows what a node may write, and whether it may let in others, by the grants that it holds now; what is assigned to it, and what it may run by that',
    examples: ['get permissions', 'get permissions where name = operator-b'],
    options: whose,
    run: getPermissions,
  }),
  define({
    patterns: ['get member permissions'],
    method: 'GET',
    explanation: 'shows the same of every member',
    examples: ['get member permissions where format = json'],
    run: getMemberPermissions,
  }),
];
