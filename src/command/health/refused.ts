import { fault, type HoldfastError } from '../../base/errors.ts';
import type { Refusal } from '../../policy/introduction/introductions.ts';
import type { Note } from '../note.ts';

export const byInvite = (address: string): string => `the network at ${address} admits by invite`;

export const keyRevoked = (address: string): string => `this node's key was revoked, says the node at ${address}`;

export const inviteVoid = (address: string): string =>
  `the invite of this node is void (a different node redeemed it before, or it was taken back), says the node at ${address}`;

export const joinUnheard = (address: string): string =>
  `the node at ${address} has not heard of the join of this one from another member yet`;

/** An error that follows from a refusal of other nodes names it; any other stays as it is. Pure. */
export const withRefusal = (error: HoldfastError, refusals: readonly Refusal[]): HoldfastError => {
  const addressOf = (wanted: string): string | undefined => refusals.find(({ code }) => code === wanted)?.address;
  const { code, message, data, hint, cause } = error;
  const [closed, revoked] = [addressOf('JOIN_NO_INVITE'), addressOf('JOIN_REVOKED')];
  if (closed !== undefined && (code === 'LEDGER_NO_NETWORK' || code === 'POLICY_NO_NETWORK'))
    return fault(code, message, {
      ...{ data, cause },
      hint: `${byInvite(closed)}: ask a member of it for \`create invite where role = …\`, and start with --invite LINE`,
    });
  if (revoked !== undefined && code === 'POLICY_NOT_AUTHORISED')
    return fault(code, `${message}; ${keyRevoked(revoked)}`, {
      ...{ data, cause },
      ...(hint === undefined ? {} : { hint }),
    });
  return error;
};

/**
 * What is to be known about a write of a node that another says was revoked. It cannot hear of that by the ledger, so
 * that one's word is all it has; and for the word of one alone, who may lie, no write is refused. Pure.
 */
export const noteOnWrite = (refusals: readonly Refusal[]): Note | undefined => {
  const revoked = refusals.find(({ code }) => code === 'JOIN_REVOKED');
  return revoked === undefined
    ? undefined
    : {
        code: 'KEY_REVOKED',
        text: `${keyRevoked(revoked.address)}: if that is so, what was written just now is in force nowhere else. Ask an admin for a new invite, and start with it in a new directory (--dir, --invite LINE); see get status`,
      };
};
