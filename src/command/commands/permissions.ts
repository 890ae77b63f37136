import { ALL_RIGHTS, type Rights, type Role } from '../../policy/authority/rights.ts';
import { isInForce, mayCiteGenesis } from '../../policy/authority/members.ts';
import type { CommandContext } from '../context.ts';
import { anyText, optional, type OptionTable } from '../options.ts';
import { type Call, type Command, define } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { keyNamed, nodeNames } from './members.ts';

/** What a key may do by one grant. */
interface Permission {
  readonly key: string;
  readonly name: string;
  /** Hash of the grant; the network id for what genesis gives. */
  readonly grant: string;
  readonly rights: Rights;
}

const ROLE_WRITES: Readonly<Record<Role, (rights: Rights) => string>> = {
  admin: ({ scope }) => (scope.types === undefined ? 'every policy' : `policies of type ${scope.types.join(', ')}`),
  operator: () => 'its own operator policy, the tables and child clusters that arise from its data',
  member: ({ scope }) => `policies of type ${scope.types?.join(', ') ?? ''}; of node types only its own`,
  auditor: () => 'nothing',
};

const writes = (rights: Rights): string => rights.roles.map((role) => ROLE_WRITES[role](rights)).join('; ');

const where = ({ scope }: Rights): string =>
  [
    scope.company === undefined ? '' : `companies that begin with ${scope.company}`,
    scope.cluster === undefined ? '' : `the cluster ${scope.cluster}`,
  ]
    .filter((part) => part !== '')
    .join('; ');

/** What keys may do now: by genesis, and by the grants that are in force. */
const permissionsOf = (context: CommandContext, keys: readonly string[]): readonly Permission[] => {
  const { authority } = context.policies.book;
  const names = nodeNames(context);
  const network = authority.genesis?.network ?? '';
  const granted = context.policies.members.list().filter(isInForce);
  return keys.flatMap((key) => {
    const own = granted.filter((member) => member.key === key);
    const name = names.get(key) ?? own[0]?.name ?? '';
    const root = authority.genesis?.roots.has(key) === true;
    const rights = { ...ALL_RIGHTS, grants: root };
    const byGenesis = network !== '' && mayCiteGenesis(authority, key) ? [{ key, name, grant: network, rights }] : [];
    return [...byGenesis, ...own.map((member) => ({ key, name, grant: member.grant, rights: member.rights }))];
  });
};

const show = (permissions: readonly Permission[]): Reply =>
  givesTable({
    titles: ['Key', 'Name', 'May Write', 'Of', 'May Let In', 'Grant'],
    rows: permissions.map(({ key, name, rights, grant }) => [
      key,
      name,
      writes(rights),
      where(rights),
      rights.grants ? 'yes' : '',
      grant,
    ]),
    json: permissions.map(({ key, name, rights: { roles, scope, grants }, grant }) => ({
      ...{ public_key: key, name, roles, scope, grants, grant },
    })),
  });

const whose = {
  public_key: optional(anyText, 'key of the member; default: this node'),
  name: optional(anyText, 'name of the member'),
};

const getPermissions = ({ context, options }: Call<typeof whose>): Reply => {
  const { public_key: key, name } = options;
  const of = key ?? (name === undefined ? context.ledger.author : keyNamed(context, name));
  return show(permissionsOf(context, [of]));
};

const getMemberPermissions = ({ context }: Call<OptionTable>): Reply => {
  const roots = context.policies.book.authority.genesis?.roots ?? new Set();
  const keys = new Set([...roots, ...context.policies.members.list().map(({ key }) => key)]);
  return show(permissionsOf(context, [...keys]));
};

/** What members may do, as their grants say. */
export const permissionCommands = (): readonly Command[] => [
  define({
    patterns: ['get permissions'],
    method: 'GET',
    explanation: 'shows what a node may write, and whether it may let in others, by the grants that it holds now',
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
