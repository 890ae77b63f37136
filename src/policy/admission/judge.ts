import { fault, type HoldfastError } from '../../base/errors.ts';
import { ENTRY_FUTURE_MS_MAX } from '../../base/limits.ts';
import { signatureHolds } from '../../entry/check.ts';
import type { Entry } from '../../entry/entry.ts';
import { verifySignature } from '../../entry/keys.ts';
import { joinText, readAct } from '../authority/acts.ts';
import type { Authority } from '../authority/authority.ts';
import type { Fact } from '../facts.ts';

/** What a node knows when somebody asks to be let in. */
export interface DoorView {
  readonly authority: Authority;
  /** The key at the other end of the channel. */
  readonly peer: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Why a join is not let in; `again`: another node, or this one later, may say otherwise. */
export interface JoinFault {
  readonly error: HoldfastError;
  readonly again: boolean;
}

/**
 * Whether a join may go into the ledger; undefined where it may. A join that is void would stay there for ever, so
 * everything is looked at before: the ledger is not filled by who has no invite.
 */
export const judgeJoin = (view: DoorView, entry: Entry): JoinFault | undefined => {
  const { authority, peer, nowMs } = view;
  const { genesis } = authority;
  const { header } = entry;
  if (genesis === undefined) return later('JOIN_NO_NETWORK', 'this node belongs to no network itself');
  if (header.net !== genesis.network) return final('JOIN_OTHER_NETWORK', 'the invite is for another network');
  const act = header.op === 'join' ? readAct(header.op, entry.content) : undefined;
  if (act === undefined || 'malformed' in act || act.op !== 'join' || header.author !== peer || !signatureHolds(entry))
    return final('JOIN_MALFORMED', 'this is no join of the key that asks');
  if (header.time > (nowMs + ENTRY_FUTURE_MS_MAX) * 1_000)
    return final('JOIN_CLOCK', 'the clock of the node that asks is more than five minutes ahead');
  const invite = authority.graph.link(header.cap);
  if (invite?.act.op !== 'grant' || invite.act.expires === undefined)
    return later('JOIN_INVITE_UNKNOWN', 'this node does not know the invite (yet)');
  const signed = Buffer.from(joinText(genesis.network, invite.fact.hash, header.author));
  if (!verifySignature(invite.act.key, signed, Buffer.from(act.proof, 'hex')))
    return final('JOIN_NOT_PROVEN', 'it is not signed with the key of the invite');
  return judgeInvite(view, { hash: invite.fact.hash, fact: invite.fact, expires: invite.act.expires }, entry);
};

/** Whether the invite is still good for this join. */
const judgeInvite = (
  { authority, nowMs }: DoorView,
  { hash, fact, expires }: { readonly hash: string; readonly fact: Fact; readonly expires: number },
  entry: Entry,
): JoinFault | undefined => {
  if (authority.reasonOf(fact) !== undefined || authority.revocationOf(hash) !== undefined)
    return final('JOIN_INVITE_VOID', 'the invite was taken back, or its giver may not give it');
  const redeemer = authority.redeemerOf(hash);
  if (redeemer !== undefined && redeemer.hash !== entry.hash)
    return final('JOIN_INVITE_REDEEMED', `the invite was redeemed before, by ${redeemer.author}`);
  return redeemer === undefined && Math.max(nowMs * 1_000, entry.header.time) > expires
    ? final('JOIN_INVITE_EXPIRED', 'the invite has expired')
    : undefined;
};

const final = (code: string, text: string): JoinFault => ({ error: fault(code, text), again: false });
const later = (code: string, text: string): JoinFault => ({ error: fault(code, text), again: true });
