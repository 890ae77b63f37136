import { fault, type HoldfastError } from '../../base/errors.ts';
import type { Refusal } from '../../policy/introduction/introductions.ts';
import { shortKey } from '../commands/common.ts';
import type { CommandContext } from '../context.ts';
import { nodeNames } from '../node-names.ts';
import type { Note } from '../note.ts';

/** Who does not let this node in, with its name where a policy gives it one. */
export interface NamedRefusal extends Refusal {
  readonly name?: string | undefined;
}

const SAID_BY_MAX = 5;
/** What is a fault itself, so that what follows from it is none. */
const TOLD = new Set(['JOIN_REVOKED', 'JOIN_INVITE_VOID', 'INTRODUCE_JOIN_UNHEARD']);

/** What a node does whose key was revoked. */
export const REVOKED_STEP =
  'ask an admin for a new invite, and start with it in a new directory (--dir, --invite LINE)';

/** The nodes that do not let this one in, as they stand now; none while there is nothing to say so. */
export const namedRefusals = ({
  refusals,
  topology,
}: Pick<CommandContext, 'refusals' | 'topology'>): readonly NamedRefusal[] => {
  const all = refusals?.() ?? [];
  if (all.length === 0) return all;
  const names = nodeNames(topology());
  return all.map((refusal) => ({ ...refusal, name: names.get(refusal.peer) }));
};

/** Those of whom a fault says that they do not let this node in: what else fails with them follows from that. Pure. */
export const refusing = (refusals: readonly Refusal[], hasNetwork: boolean): ReadonlySet<string> =>
  new Set(
    // That a network admits by invite is told by who has none yet.
    refusals.filter(({ code }) => TOLD.has(code) || (code === 'JOIN_NO_INVITE' && !hasNetwork)).map(({ peer }) => peer),
  );

/** The address of one that dialled this node is of its connection alone. */
const whoSays = ({ name, address, dialled, peer }: NamedRefusal): string =>
  name ?? (dialled ? `the node at ${address}` : `the node ${shortKey(peer)}`);

/** For people: why nobody at that address lets in a node without an invite. */
export const byInvite = (address: string): string => `the network at ${address} admits by invite`;

/** That this node's key was revoked, and who says it; undefined where nobody does. Pure. */
export const keyRevoked = (refusals: readonly NamedRefusal[]): string | undefined => {
  const all = [...new Set(refusals.filter(({ code }) => code === 'JOIN_REVOKED').map(whoSays))];
  if (all.length === 0) return undefined;
  const more = all.length - SAID_BY_MAX;
  const named = [...all.slice(0, SAID_BY_MAX), ...(more > 0 ? [`${more} more`] : [])];
  return `this node's key was revoked, ${all.length === 1 ? 'says' : 'say'} ${named.join(', ')}`;
};

/** For people: the invite that this node came with lets it in no more. */
export const inviteVoid = (refusal: NamedRefusal): string =>
  `the invite of this node is void (a different node redeemed it before, or it was taken back), says ${whoSays(refusal)}`;

/** For people: a member that does not let this node in yet, which passes by itself. */
export const joinUnheard = (refusal: NamedRefusal): string =>
  `${whoSays(refusal)} has not heard of the join of this one from another member yet`;

/** An error that follows from a refusal of other nodes names it; any other stays as it is. Pure. */
export const withRefusal = (error: HoldfastError, refusals: readonly NamedRefusal[]): HoldfastError => {
  const { code, message, data, hint, cause } = error;
  const closed = refusals.find((refusal) => refusal.code === 'JOIN_NO_INVITE')?.address;
  const revoked = keyRevoked(refusals);
  if (closed !== undefined && (code === 'LEDGER_NO_NETWORK' || code === 'POLICY_NO_NETWORK'))
    return fault(code, message, {
      ...{ data, cause },
      hint: `${byInvite(closed)}: ask a member of it for \`create invite where role = …\`, and start with --invite LINE`,
    });
  if (revoked !== undefined && code === 'POLICY_NOT_AUTHORISED')
    return fault(code, `${message}; ${revoked}`, {
      ...{ data, cause },
      ...(hint === undefined ? {} : { hint }),
    });
  if (revoked !== undefined && code === 'QUERY_CLUSTER_UNAVAILABLE')
    return fault(code, `${message}; ${revoked}`, {
      ...{ data, cause },
      hint: `${REVOKED_STEP}; where that is wrong: ${hint ?? 'see get status'}`,
    });
  return error;
};

/**
 * What is to be known about a write of a node that another says was revoked. It cannot hear of that by the ledger, so
 * that one's word is all it has; and for the word of one alone, who may lie, no write is refused. Pure.
 */
export const noteOnWrite = (refusals: readonly NamedRefusal[]): Note | undefined => {
  const revoked = keyRevoked(refusals);
  return revoked === undefined
    ? undefined
    : {
        code: 'KEY_REVOKED',
        text: `${revoked}: if that is so, what was written just now is in force nowhere else; ${REVOKED_STEP}, see get status`,
      };
};
