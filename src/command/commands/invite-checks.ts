import { fault } from '../../base/errors.ts';
import { isHost, parseAddress } from '../../base/host.ts';
import { isInForce } from '../../policy/authority/members.ts';
import { type Role, ROLES } from '../../policy/authority/roles.ts';
import type { Rights } from '../../policy/authority/rights.ts';
import type { CommandContext } from '../context.ts';
import type { Note } from '../note.ts';

const INVITE_MS_MAX = 366 * 86_400_000;

/** What `create invite` was given, as far as it is looked at here. */
interface InviteOptions {
  readonly role: readonly Role[];
  readonly type: readonly string[];
  readonly seed: readonly string[];
  readonly cluster: string | undefined;
  readonly company: string | undefined;
  readonly grants: boolean;
  readonly replaces: string | undefined;
  /** Milliseconds. */
  readonly expires: number;
}

/** Types of policies that a role writes: `undefined` for all. */
const TYPES_OF: Readonly<Record<Role, readonly string[] | undefined>> = {
  admin: undefined,
  member: undefined,
  operator: ['operator', 'table', 'cluster'],
  auditor: [],
  archive: [],
};

/**
 * Whether all that this node may give is restricted to types: then what it gives has to be as well, also to who writes
 * nothing.
 */
const givesByTypes = ({ policies, ledger }: CommandContext): boolean => {
  const own = policies.members.list().filter((member) => member.key === ledger.author && isInForce(member));
  return own.length > 0 && own.every(({ rights }) => rights.scope.types !== undefined);
};

const hostOf = (seed: string): string => parseAddress(seed)?.host ?? '';

/** A type that none of the roles writes. */
const idleType = (roles: readonly Role[], types: readonly string[]): string | undefined => {
  const written = roles.map((role) => TYPES_OF[role]);
  return types.find((type) => !written.some((all) => all === undefined || all.includes(type)));
};

/** Nobody can be dialled at an address that means every address, many machines, or no port. */
const leadsNowhere = (seed: string): boolean =>
  /:0+$/.test(seed) ||
  /^(?:0+(?:\.0+){3}|\[[0:]+\]|255(?:\.255){3}|2(?:2[4-9]|3\d)(?:\.\d+){3}|\[ff[0-9a-f:]*\]):/i.test(seed);

/** What an invite lets its node do that its text does not show: it may have been left out by oversight. Pure. */
export const noteOnInvite = ({ roles, scope }: Rights): Note | undefined => {
  if (!roles.includes('operator') || scope.cluster !== undefined) return undefined;
  // Without what a header cannot hold.
  const where =
    scope.company === undefined ? 'any cluster' : `any cluster of companies that begin with ${scope.company}`;
  return {
    code: 'INVITE_ANY_CLUSTER',
    text: `whoever redeems it may run an operator in ${where}; for one alone: create invite where role = operator and cluster = ID`,
  };
};

/** That a lost key ends, which happens when the line is printed, unless it was ended before. Pure. */
export const noteOnReplaced = (name: string, from: number, endsNow: boolean): Note => ({
  code: 'INVITE_REPLACES',
  text: `the key of ${name} ${endsNow ? 'ends now' : 'has ended'}: what it writes from its entry ${from} on is void, also before anybody redeems the line`,
});

/** What a key that takes another's place would be given beside its rights, unless it is given a role of its own. */
const besideReplaced = ({ replaces, role, cluster, company, type, grants }: InviteOptions): string | undefined => {
  if (replaces === undefined || role.length > 0) return undefined;
  const given = { cluster: cluster !== undefined, company: company !== undefined, type: type.length > 0, grants };
  return Object.entries(given).find(([, isGiven]) => isGiven)?.[0];
};

/** Refuses what would be left out beside `replaces`. `COMMAND_VALUE`. */
export const checkReplaces = (options: InviteOptions): void => {
  const beside = besideReplaced(options);
  if (beside !== undefined)
    throw fault(
      'COMMAND_VALUE',
      `who takes the place of a member may what that one could: ${beside} would do nothing`,
      { hint: `leave out ${beside}, or name the role that it is for as well` },
    );
};

/** Refuses an invite that would give nothing, or that nobody could redeem. `COMMAND_VALUE`. */
export const checkInvite = (context: CommandContext, options: InviteOptions, roles: readonly Role[]): void => {
  const refuse = (text: string, hint: string): never => {
    throw fault('COMMAND_VALUE', text, { hint });
  };
  if (roles.length === 0) refuse('an invite needs a role', `role = ${ROLES.join(', or role = ')}`);
  if (options.role.includes('member') && options.type.length === 0)
    refuse('a member needs the types of policies that it may write', 'for example: role = member and type = query');
  const within = roles.find((role) => roles.includes('admin') && role !== 'admin' && role !== 'archive');
  if (within !== undefined)
    refuse(
      `an admin may all that the role ${within} may: together they say no more`,
      `role = admin, or role = ${within}`,
    );
  const idle = givesByTypes(context) ? undefined : idleType(roles, options.type);
  if (idle !== undefined)
    refuse(
      `the role ${roles.join(' and ')} writes no policy of type ${idle.slice(0, 128)}: the type would do nothing`,
      'leave out type, or add role = member (policies of the types named) or role = admin',
    );
  const nowhere = options.seed.find((seed) => leadsNowhere(seed) || !isHost(hostOf(seed)));
  if (nowhere !== undefined)
    refuse(
      `nobody can be reached at the seed ${nowhere}`,
      'name where other machines reach a member of the network: seed = HOST:PORT, as its policy or its --listen has it',
    );
  if (options.expires < 1_000 || options.expires > INVITE_MS_MAX)
    refuse('an invite is good for a second to a year', 'for example: expires = 1 day');
  if (options.cluster !== undefined && context.policies.book.get(options.cluster)?.type !== 'cluster')
    refuse(
      `there is no cluster policy with the id ${options.cluster}`,
      'list them: blockchain get cluster bring [*][id] " " [*][name] separator = \\n',
    );
};
