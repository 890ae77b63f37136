import { fault, type HoldfastError } from '../../base/errors.ts';
import { ROTATIONS_MAX } from '../../base/limits.ts';
import { isHash } from '../../codec/fields.ts';
import type { JsonObject } from '../../codec/json.ts';
import type { Proposal } from '../../ledger/ledger.ts';
import { readAct, rotateText } from './acts.ts';
import type { Authority } from './authority.ts';
import { capsOf, invitesOf, isRoot, membersOf, wasRevoked } from './members.ts';
import { ALL_RIGHTS, isWithin, type Rights } from './rights.ts';

/** A grant that somebody wishes to give. */
export interface GrantWish extends Rights {
  /** Public key of the holder. */
  readonly key: string;
  readonly name: string | undefined;
}

/** An invite that somebody wishes to give out; its key is of the pair that is made for this invite alone. */
export interface InviteWish extends GrantWish {
  /** Microseconds since 1970. */
  readonly expires: number;
  /** The grant of a lost key, which ends from that entry of its holder on. */
  readonly replaces?: { readonly grant: string; readonly from: number };
}

/** Whose writes end, from which entry on, and why. */
export interface RevocationWish {
  /** Hash of a grant or invite, or the key of a member: then everything that it was granted. */
  readonly of: string;
  /** Number of the member's first entry that is void. */
  readonly from: number;
  readonly reason: string | undefined;
}

/** May `author` give this out? Throws `POLICY_NOT_AUTHORISED`, `POLICY_NO_NETWORK`. */
export const decideInvite = (authority: Authority, author: string, wish: InviteWish): Proposal =>
  grantBy(authority, author, wish);

/**
 * What makes room for another invite to take the place of a lost key: those that nobody has redeemed end, or two could
 * stand in for it. Throws `POLICY_INVITE_REDEEMED`, `POLICY_NOT_AUTHORISED`.
 */
export const decideSuccession = (authority: Authority, author: string, lost: string): readonly Proposal[] => {
  const earlier = invitesOf(authority).filter(
    ({ replaces, deleted, void: reason }) => replaces === lost && !deleted && reason === undefined,
  );
  const successor = earlier.find(({ redeemedBy }) => redeemedBy !== undefined)?.redeemedBy;
  if (successor !== undefined)
    throw fault('POLICY_INVITE_REDEEMED', `${successor} has taken the place of this key already`, {
      data: { grant: lost, by: successor },
      hint: `where its key is lost as well: create invite where replaces = ${successor}`,
    });
  const other = earlier.find(({ grant }) => revokingCap(authority, author, grant) === undefined);
  if (other !== undefined)
    throw notAuthorised(
      `may not take back the earlier invite ${other.grant} for the same place`,
      `a root node may, or who made it (${other.by}): the same command there`,
    );
  return earlier.flatMap(({ grant }) =>
    decideRevocations(authority, author, { of: grant, from: 1, reason: undefined }),
  );
};

/** As an invite, for a grant to a key that is known, which needs no redeeming. */
export const decideGrant = (authority: Authority, author: string, wish: GrantWish): Proposal =>
  grantBy(authority, author, wish);

const grantBy = (authority: Authority, author: string, wish: GrantWish & Partial<InviteWish>): Proposal => {
  const { key, roles, scope, grants, name, expires, replaces } = wish;
  const mayReplace = (cap: string, rights: Rights): boolean =>
    replaces === undefined || (rights.roles.includes('admin') && authority.standsAbove(cap, replaces.grant));
  const cap = grantingCap(
    authority,
    author,
    (rights, held) => isWithin({ roles, scope, grants }, rights) && mayReplace(held, rights),
  );
  if (cap === undefined)
    throw notAuthorised('may not grant this', 'ask a root node, or an admin whose grant covers it; see: get members');
  const content: JsonObject = {
    v: 1,
    key,
    roles: [...roles],
    scope: { ...scope, ...(scope.types === undefined ? {} : { types: [...scope.types] }) },
    grants,
    ...(expires === undefined ? {} : { expires }),
    ...(name === undefined ? {} : { name }),
    ...(replaces === undefined ? {} : { replaces }),
  };
  const act = readAct('grant', content);
  if ('malformed' in act)
    throw fault('POLICY_STRUCTURE', `this cannot be granted: ${act.malformed}`, {
      hint: 'a role once, a type once; a member needs the types that it may write',
    });
  return { op: 'grant', type: null, id: null, replaces: null, content, cap };
};

/**
 * Hands everything that `author` still holds to another key: one proposal for each grant. `sign` gives that key's
 * signature over a text. Throws `POLICY_NOT_AUTHORISED` where it holds nothing and has handed nothing to that key.
 */
export const decideRotations = (
  authority: Authority,
  author: string,
  key: string,
  sign: (text: string) => string,
): readonly Proposal[] => {
  const { genesis } = authority;
  const held = heldCaps(authority, author).filter((cap) => cap !== genesis?.network || isRoot(authority, author));
  const isDone = authority.graph
    .links()
    .some(({ fact, act }) => act.op === 'rotate' && act.key === key && fact.author === author);
  if (genesis === undefined || (held.length === 0 && !isDone))
    throw notAuthorised(
      'holds no grant that it could hand to another key',
      'in an open network start with a new key and take over the policy: start --recover --operator ID',
    );
  if (held.some((cap) => rotationsIn(authority, cap) >= ROTATIONS_MAX))
    throw notAuthorised(
      `has handed its grant on ${ROTATIONS_MAX} times: the next key could write nothing`,
      'an admin invites a successor: create invite where replaces = NAME; join with it by start --recover --operator ID',
    );
  return held.map((cap) => {
    const content = { v: 1, key, proof: sign(rotateText(genesis.network, cap, author, key)) };
    return { op: 'rotate', type: null, id: null, replaces: null, content, cap };
  });
};

const rotationsIn = ({ graph }: Authority, cap: string): number => {
  const link = graph.link(cap);
  const chain = link === undefined ? [] : [cap, ...graph.above(link.fact)];
  return chain.filter((each) => graph.link(each)?.act.op === 'rotate').length;
};

/**
 * May `author` revoke this? One proposal for each grant that ends. Throws `POLICY_MEMBER_UNKNOWN`,
 * `POLICY_NOT_AUTHORISED`.
 */
export const decideRevocations = (
  authority: Authority,
  author: string,
  { of, from, reason }: RevocationWish,
): readonly Proposal[] => {
  const targets = targetsOf(authority, of);
  return targets.map(({ grant, key }) => {
    const cap = revokingCap(authority, author, grant);
    if (cap === undefined)
      throw notAuthorised(
        'may not revoke this',
        'only a root node, or the holder of a grant above it, may: get members',
      );
    const content = {
      v: 1,
      grant,
      from,
      ...(key === undefined ? {} : { key }),
      ...(reason === undefined ? {} : { reason }),
    };
    return { op: 'revoke', type: null, id: null, replaces: null, content, cap };
  });
};

/**
 * May `author` take back an invite that nobody has redeemed? Throws `POLICY_MEMBER_UNKNOWN`, `POLICY_INVITE_REDEEMED`.
 */
export const decideInviteDelete = (authority: Authority, author: string, grant: string): Proposal => {
  const invite = invitesOf(authority).find((each) => each.grant === grant);
  if (invite === undefined) throw unknownMember(grant, 'invite', 'get invites');
  if (invite.deleted)
    throw fault('POLICY_MEMBER_UNKNOWN', `the invite ${grant} was taken back before`, {
      data: { of: grant },
      hint: 'nobody can redeem it; see: get invites',
    });
  if (invite.redeemedBy !== undefined)
    throw fault('POLICY_INVITE_REDEEMED', `the invite ${grant} was redeemed by ${invite.redeemedBy}`, {
      data: { grant, by: invite.redeemedBy },
      hint: `end the membership instead: revoke member where key = ${invite.redeemedBy}`,
    });
  const [proposal] = decideRevocations(authority, author, { of: grant, from: 1, reason: undefined });
  if (proposal === undefined) throw unknownMember(grant, 'invite', 'get invites');
  return proposal;
};

/** What ends when a grant, or a key, is named. `key` is set for what open admission gives. */
const targetsOf = (
  authority: Authority,
  of: string,
): readonly { readonly grant: string; readonly key: string | undefined }[] => {
  const { genesis } = authority;
  const named = membersOf(authority).filter(({ grant, key, rotated }) => grant === of || (key === of && !rotated));
  const grants = named.filter(({ revoked }) => !revoked).map(({ grant }) => ({ grant, key: undefined }));
  const invites = invitesOf(authority).filter(({ grant, deleted }) => grant === of && !deleted);
  const isOpenKey =
    genesis?.admission === 'open' &&
    isHash(of) &&
    grants.length + invites.length === 0 &&
    authority.graph.ofAuthor(of).length > 0 &&
    authority.revocationOf(genesis.network, of) === undefined;
  if (genesis?.roots.has(of) === true)
    throw fault('POLICY_NOT_AUTHORISED', 'a root key cannot be revoked', { data: { key: of } });
  const targets = [
    ...grants,
    ...invites.map(({ grant }) => ({ grant, key: undefined })),
    ...(isOpenKey ? [{ grant: genesis.network, key: of }] : []),
  ];
  if (targets.length > 0) return targets;
  throw named.length === 0
    ? unknownMember(of, 'member', 'get members')
    : fault('POLICY_MEMBER_UNKNOWN', `${of} is revoked already`, { data: { of }, hint: 'since when: get members' });
};

const grantingCap = (
  authority: Authority,
  author: string,
  covers: (rights: Rights, cap: string) => boolean,
): string | undefined =>
  heldCaps(authority, author).find((cap) => {
    const rights = authority.rightsOf({ cap });
    if (rights !== undefined) return covers(rights, cap);
    return isRoot(authority, author) && covers(ALL_RIGHTS, cap);
  });

const revokingCap = (authority: Authority, author: string, grant: string): string | undefined => {
  const { genesis } = authority;
  const held = heldCaps(authority, author).filter((cap) => cap !== genesis?.network || isRoot(authority, author));
  if (grant === genesis?.network) return held.find((cap) => authority.graph.base(cap) === genesis.network);
  return held.find((cap) => authority.standsAbove(cap, grant));
};

/** Says of an author that holds nothing any more why that is. Throws `POLICY_NOT_AUTHORISED`. */
export const refuseRevoked = (authority: Authority, author: string): void => {
  if (wasRevoked(authority, author))
    throw fault('POLICY_NOT_AUTHORISED', "this node's key was revoked: what it writes has no effect anywhere", {
      hint: 'ask an admin for a new invite, and start with it in a new directory (--dir, --invite LINE)',
    });
};

const heldCaps = (authority: Authority, author: string): readonly string[] => {
  if (authority.genesis === undefined)
    throw fault('POLICY_NO_NETWORK', 'this node belongs to no network yet', {
      hint: 'create one (start with --network NAME) or join one (start with --invite TOKEN or --seed HOST:PORT)',
    });
  const caps = capsOf(authority, author);
  if (caps.length === 0) refuseRevoked(authority, author);
  return caps;
};

const notAuthorised = (text: string, hint: string): HoldfastError =>
  fault('POLICY_NOT_AUTHORISED', `this node ${text}`, { hint });

const unknownMember = (of: string, what: string, list: string): HoldfastError =>
  fault('POLICY_MEMBER_UNKNOWN', `there is no ${what} ${of.slice(0, 128)}`, {
    data: { of: of.slice(0, 128) },
    hint: `list them with: ${list}`,
  });
