import { GRANT_CHAIN_MAX } from '../../base/limits.ts';
import type { VoidReason } from '../void-reason.ts';
import type { Authority } from './authority.ts';
import type { Link } from './graph.ts';
import type { Rights } from './rights.ts';

/** What one key was granted, as commands show it. */
export interface Membership {
  /** Hash of the grant, or of the join that redeemed an invite: what the holder's entries cite. */
  readonly grant: string;
  readonly key: string;
  /** What the granter, or else the holder, calls it. */
  readonly name: string | undefined;
  readonly rights: Rights;
  /** Key of the granter. */
  readonly by: string;
  /** Microseconds since 1970, as stated. */
  readonly since: number;
  /** Hash of the invite that was redeemed. */
  readonly invite: string | undefined;
  /** Why it gives nothing, and never did. */
  readonly void: VoidReason | undefined;
  /** The revocation in force: the holder's entries from number `from` on are void. */
  readonly revoked: { readonly from: number; readonly by: string; readonly reason: string | undefined } | undefined;
  /** The rotation by which the holder has handed it to another key. */
  readonly rotated: string | undefined;
}

/** An invite, as commands show it. */
export interface Invite {
  readonly grant: string;
  readonly rights: Rights;
  readonly name: string | undefined;
  readonly by: string;
  readonly since: number;
  /** Microseconds since 1970. */
  readonly expires: number;
  /** Key that redeemed it. */
  readonly redeemedBy: string | undefined;
  /** The grant of a lost key whose place is taken by who redeems it. */
  readonly replaces: string | undefined;
  readonly void: VoidReason | undefined;
  readonly deleted: boolean;
}

/** Everyone who was ever granted something, in the ledger's order. */
export const membersOf = (authority: Authority): readonly Membership[] =>
  membershipsOf(authority, authority.graph.links());

const membershipsOf = (authority: Authority, links: readonly Link[]): readonly Membership[] =>
  links.flatMap((link) => {
    const { fact, act } = link;
    const rights = authority.graph.granted(link);
    if (rights === undefined || (act.op === 'grant' && act.expires !== undefined)) return [];
    const invite = act.op === 'join' ? authority.graph.link(fact.cap) : undefined;
    const key = authority.graph.holder(link);
    const revocation = authority.revocationOf(fact.hash, key);
    return {
      grant: fact.hash,
      key,
      name: nameOf(authority, link),
      rights,
      by: (invite?.fact ?? fact).author,
      since: fact.time,
      invite: invite?.fact.hash,
      void: authority.reasonOf(fact),
      rotated: authority.rotationOf(fact.hash, key)?.hash,
      revoked:
        revocation === undefined
          ? undefined
          : { from: revocation.act.from, by: revocation.fact.author, reason: revocation.act.reason },
    };
  });

/** A key that may write no more by what genesis gives everybody. */
export interface Exclusion {
  readonly key: string;
  /** Its entries from this number on are void. */
  readonly from: number;
  readonly by: string;
  /** Microseconds since 1970, as stated. */
  readonly since: number;
  readonly reason: string | undefined;
}

/** Whom an open network has shut out, each key once: they hold no grant, so none of theirs tells of it. */
export const excludedBy = (authority: Authority): readonly Exclusion[] => {
  const { genesis, graph } = authority;
  if (genesis?.admission !== 'open') return [];
  const keys = new Set(graph.revocationsOf(genesis.network).flatMap(({ act }) => act.key ?? []));
  return [...keys].flatMap((key) => {
    const found = authority.revocationOf(genesis.network, key);
    if (found === undefined) return [];
    const { fact, act } = found;
    return [{ key, from: act.from, by: fact.author, since: fact.time, reason: act.reason }];
  });
};

/** The names of keys that were let in, whether or not they may write still; who was never let in has none. */
export const memberNames = (authority: Authority): ReadonlyMap<string, string> =>
  new Map(
    authority.graph.links().flatMap((link) => {
      const { fact, act } = link;
      const name = act.op === 'grant' && act.expires !== undefined ? undefined : nameOf(authority, link);
      const isLetIn = name !== undefined && authority.reasonOf(fact) === undefined;
      return isLetIn ? [[authority.graph.holder(link), name] as const] : [];
    }),
  );

/** What the granter, or else the holder, calls it; after a rotation as before. */
const nameOf = (authority: Authority, link: Link): string | undefined => {
  let own: string | undefined;
  let at: Link | undefined = link;
  for (let steps = 0; at !== undefined && steps <= GRANT_CHAIN_MAX; steps += 1) {
    const { fact, act }: Link = at;
    if (act.op === 'grant') return act.name ?? own;
    // The join that lies deepest is the first that was made.
    if (act.op === 'join') own = act.name ?? own;
    at = authority.graph.link(fact.cap);
  }
  return own;
};

/** All invites, in the ledger's order. */
export const invitesOf = (authority: Authority): readonly Invite[] =>
  authority.graph.links().flatMap(({ fact, act }) => {
    if (act.op !== 'grant' || act.expires === undefined) return [];
    const { roles, scope, grants, name, expires, replaces } = act;
    return {
      grant: fact.hash,
      rights: { roles, scope, grants },
      name,
      by: fact.author,
      since: fact.time,
      expires,
      redeemedBy: authority.redeemerOf(fact.hash)?.author,
      replaces: replaces?.grant,
      void: authority.reasonOf(fact),
      deleted: authority.revocationOf(fact.hash) !== undefined,
    };
  });

/** Whether a grant gives its holder anything now. */
export const isInForce = ({ void: reason, revoked, rotated }: Membership): boolean =>
  reason === undefined && revoked === undefined && rotated === undefined;

/**
 * Members in force whose grants go back to one of these, by whichever key it was held: their end makes void what is
 * written from then on, not what was granted before. What genesis gives lets in nobody but by a root.
 */
export const letInThrough = (authority: Authority, ended: readonly string[]): readonly Membership[] => {
  const { graph, genesis } = authority;
  const origins = new Set(ended.map((grant) => graph.base(grant)).filter((base) => base !== genesis?.network));
  const goesBack = (grant: string): boolean => {
    const link = graph.link(grant);
    return link !== undefined && graph.above(link.fact).some((cap) => origins.has(graph.base(cap)));
  };
  return membersOf(authority).filter((member) => isInForce(member) && goesBack(member.grant));
};

/** Whether genesis names the key, and it has not been handed on since. */
export const isRoot = (authority: Authority, key: string): boolean => {
  const { genesis } = authority;
  return genesis?.roots.has(key) === true && authority.rotationOf(genesis.network, key) === undefined;
};

/** Whether anything that let the key write was revoked, by the entries that are held here. */
export const wasRevoked = (authority: Authority, key: string): boolean => {
  const { genesis, graph } = authority;
  const isShutOut = genesis?.admission === 'open' && authority.revocationOf(genesis.network, key) !== undefined;
  return isShutOut || membershipsOf(authority, graph.linksOf(key)).some(({ revoked }) => revoked !== undefined);
};

/** Whether anything that let the key write was handed to a new key. */
export const wasHandedOn = (authority: Authority, key: string): boolean => {
  const { genesis, graph } = authority;
  const isRootNoMore = genesis !== undefined && authority.rotationOf(genesis.network, key) !== undefined;
  return isRootNoMore || membershipsOf(authority, graph.linksOf(key)).some(({ rotated }) => rotated !== undefined);
};

/**
 * Whether genesis lets the key write: a root, or any under open admission that is not revoked; none that was handed on.
 */
export const mayCiteGenesis = (authority: Authority, key: string): boolean => {
  const { genesis } = authority;
  if (genesis === undefined || authority.rotationOf(genesis.network, key) !== undefined) return false;
  return (
    genesis.roots.has(key) ||
    (genesis.admission === 'open' && authority.revocationOf(genesis.network, key) === undefined)
  );
};

/**
 * The grants that a key may cite now, best first: with the fewest joins above them, then in the ledger's order; the
 * network id stands for what genesis gives. Empty: it may not write.
 */
export const capsOf = (authority: Authority, key: string): readonly string[] => {
  const { genesis } = authority;
  if (genesis === undefined) return [];
  const grants = membershipsOf(authority, authority.graph.linksOf(key)).filter(isInForce);
  const held = grants
    .map(({ grant }) => ({ grant, joins: joinsIn(authority, grant) }))
    .sort((a, b) => a.joins - b.joins);
  return [...(mayCiteGenesis(authority, key) ? [genesis.network] : []), ...held.map(({ grant }) => grant)];
};

/**
 * Joins on which a grant rests: each falls, with all that was written by it, to one dated back by whoever has the line
 * of its invite.
 */
const joinsIn = ({ graph }: Authority, grant: string): number => {
  const link = graph.link(grant);
  const chain = link === undefined ? [] : [grant, ...graph.above(link.fact)];
  return chain.filter((cap) => graph.link(cap)?.act.op === 'join').length;
};
