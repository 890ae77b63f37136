import type { HeldEntry, Proposal } from '../ledger/ledger.ts';
import type { PeerKey } from '../network/network.ts';
import { readAct } from './authority/acts.ts';
import type { Authority } from './authority/authority.ts';
import {
  decideInvite,
  decideInviteDelete,
  decideRevocations,
  decideRotations,
  decideSuccession,
  type InviteWish,
  type RevocationWish,
} from './authority/decide.ts';
import {
  capsOf,
  invitesOf,
  isInForce,
  letInThrough,
  mayCiteGenesis,
  membersOf,
  type Invite,
  type Membership,
} from './authority/members.ts';
import type { Members } from './policies.ts';

/** Whose word counts, who this node is, and how it writes an act of authority. */
export interface MembersPorts {
  readonly authority: Authority;
  readonly ownKey: PeerKey;
  /** Decides on what the book says now, appends, and resolves when the book holds the entry. */
  readonly write: (decide: () => Proposal) => Promise<HeldEntry>;
}

/** Who belongs to the network, as the ledger of this node says. */
export class LedgerMembers implements Members {
  readonly #ports: MembersPorts;
  #granted: { readonly revision: number; readonly keys: ReadonlySet<PeerKey> } = { revision: -1, keys: new Set() };

  constructor(ports: MembersPorts) {
    this.#ports = ports;
  }

  list(): readonly Membership[] {
    return membersOf(this.#ports.authority);
  }

  invites(): readonly Invite[] {
    return invitesOf(this.#ports.authority);
  }

  isMember(key: PeerKey): boolean {
    const { authority } = this.#ports;
    return authority.genesis === undefined || mayCiteGenesis(authority, key) || this.#grantedKeys().has(key);
  }

  mayConnect(key: PeerKey): boolean {
    return this.isMember(key) || this.#isStillJoining();
  }

  /** Who has not joined yet cannot tell who is a member; who was revoked can, and guards what it holds. */
  #isStillJoining(): boolean {
    const { ownKey } = this.#ports;
    return (
      !this.isMember(ownKey) &&
      !this.list().some(({ key, revoked, rotated }) => key === ownKey && (revoked ?? rotated) !== undefined)
    );
  }

  async invite(wish: InviteWish): Promise<HeldEntry> {
    const { authority, ownKey, write } = this.#ports;
    const decide = (): Proposal => decideInvite(authority, ownKey, wish);
    if (wish.replaces !== undefined) {
      // Whether it may be given is decided before an earlier one is taken back.
      decide();
      const ended = decideSuccession(authority, ownKey, wish.replaces.grant);
      for (const proposal of ended) await write(() => proposal);
    }
    return write(decide);
  }

  async deleteInvite(grant: string): Promise<void> {
    const { authority, ownKey, write } = this.#ports;
    await write(() => decideInviteDelete(authority, ownKey, grant));
  }

  async revoke(wish: RevocationWish): Promise<readonly Membership[]> {
    const { authority, ownKey, write } = this.#ports;
    // All are decided before the first is written: none is half done for want of a right.
    const proposals = decideRevocations(authority, ownKey, wish);
    for (const proposal of proposals) await write(() => proposal);
    const ended = proposals.flatMap(({ op, content }) => {
      const act = readAct(op, content);
      return 'op' in act && act.op === 'revoke' ? [act.grant] : [];
    });
    return letInThrough(authority, ended);
  }

  async rotate(key: PeerKey, sign: (text: string) => string): Promise<void> {
    const { authority, ownKey, write } = this.#ports;
    for (const proposal of decideRotations(authority, ownKey, key, sign)) await write(() => proposal);
  }

  former(): readonly PeerKey[] {
    const { authority, ownKey } = this.#ports;
    return capsOf(authority, ownKey).flatMap((cap) => authority.rightsOf({ cap })?.former ?? []);
  }

  #grantedKeys(): ReadonlySet<PeerKey> {
    const { revision } = this.#ports.authority;
    if (this.#granted.revision !== revision) {
      const inForce = this.list().filter(isInForce);
      this.#granted = { revision, keys: new Set(inForce.map(({ key }) => key)) };
    }
    return this.#granted.keys;
  }
}
