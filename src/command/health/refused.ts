import { fault, type HoldfastError } from '../../base/errors.ts';
import type { Refusal } from '../../policy/introduction/introductions.ts';

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
