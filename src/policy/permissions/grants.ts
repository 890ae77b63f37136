import { fault } from '../../base/errors.ts';
import { canonicalJson } from '../../codec/canonical.ts';
import type { JsonObject } from '../../codec/json.ts';
import type { Proposal } from '../../ledger/ledger.ts';
import type { Authority } from '../authority/authority.ts';
import { decideGrant, decideRevocations } from '../authority/decide.ts';
import { isInForce, isRoot, type Membership, membersOf } from '../authority/members.ts';
import type { Rights } from '../authority/rights.ts';
import type { PolicyBook } from '../book.ts';
import { permissionsSchema } from '../kinds/permissions.ts';
import { type Assignment, assignmentsOf } from './assigned.ts';
import { memberPolicies } from './member-policies.ts';

/** What planning grants reads of a book. */
export type Book = Pick<PolicyBook, 'get' | 'ofType' | 'revision' | 'authority'>;

/** What a permissions policy lets write; undefined where it grants nothing. */
export const rightsIn = (value: JsonObject): Rights | undefined => {
  const read = permissionsSchema.safeParse(value);
  if (!read.success || read.data.roles === undefined || read.data.roles.length === 0) return undefined;
  const { roles, types, company, cluster, grants = false } = read.data;
  const scope = {
    ...(types === undefined ? {} : { types }),
    ...(company === undefined ? {} : { company }),
    ...(cluster === undefined ? {} : { cluster }),
  };
  return { roles, scope, grants };
};

const rightsText = ({ roles, scope: { types, ...scope }, grants }: Rights): string =>
  canonicalJson({
    roles: [...roles].sort(),
    scope: { ...scope, ...(types === undefined ? {} : { types: [...types].sort() }) },
    grants,
  });

/** Whether two say the same. */
export const sameRights = (a: Rights | undefined, b: Rights | undefined): boolean =>
  a !== undefined && b !== undefined ? rightsText(a) === rightsText(b) : a === b;

const rightsBy = (book: Book, permissions: string): Rights | undefined => {
  const state = book.get(permissions);
  return state?.type === 'permissions' ? rightsIn(state.value) : undefined;
};

/** How one member of an assignment stands. */
export interface AssignedGrant {
  readonly key: string;
  readonly rights: Rights;
  /**
   * Hash of the grant that gives it what the permissions say; `missing`: the assignment's command is to be repeated;
   * `revoked`: somebody ended it; `root`: it needs none.
   */
  readonly grant: string;
}

/**
 * The grants without invite of these rights that a key was given, each as it is held now: after rotations by another
 * key.
 */
const givenTo = (
  authority: Authority,
  members: readonly Membership[],
  key: string,
  rights: Rights,
): readonly Membership[] =>
  members
    .filter(({ grant, key: of, rights: given, void: reason }) => {
      const act = authority.graph.link(grant)?.act;
      return of === key && act?.op === 'grant' && reason === undefined && sameRights(given, rights);
    })
    .map((member) => {
      let held = member;
      for (let next: Membership | undefined = held; next !== undefined;) {
        held = next;
        next = members.find(({ grant }) => grant === held.rotated);
      }
      return held;
    });

const standingOf = (
  authority: Authority,
  members: readonly Membership[],
  key: string,
  rights: Rights,
): AssignedGrant => {
  if (isRoot(authority, key)) return { key, rights, grant: 'root' };
  const given = givenTo(authority, members, key, rights);
  return { key, rights, grant: given.find(isInForce)?.grant ?? (given.length > 0 ? 'revoked' : 'missing') };
};

/** How the members of an assignment stand; empty where its permissions let nothing be written. */
export const grantsOf = (
  book: Book,
  { permissions, members }: Pick<Assignment, 'permissions' | 'members'>,
): readonly AssignedGrant[] => {
  const rights = rightsBy(book, permissions);
  if (rights === undefined) return [];
  const all = membersOf(book.authority);
  return [...new Set(members)].map((key) => standingOf(book.authority, all, key, rights));
};

/** What an assignment says, before or after a change of it. */
export type Wish = Pick<Assignment, 'permissions' | 'members'>;

const isWished = (wish: Wish | undefined, key: string): boolean => wish?.members.includes(key) === true;

/** A certificate signs no entries: who shows one writes by the node that it commands. */
const checkNoCertificate = (book: Book, { members }: Wish): void => {
  const certificate = memberPolicies(book).find(
    ({ type, public_key }) => type === 'certificate' && members.includes(public_key),
  );
  if (certificate !== undefined)
    throw fault('POLICY_NOT_AUTHORISED', `${certificate.name} is a certificate, which writes no entries itself`, {
      data: { key: certificate.public_key },
      hint: 'assign it permissions without roles; what it writes is written by the node that it commands',
    });
};

/**
 * The acts of authority that go with a change of an assignment, all decided before the first is written.
 * `POLICY_NOT_AUTHORISED` where `author` may not do one of them; `POLICY_PERMISSIONS_UNKNOWN`.
 */
export const planGrants = (
  book: Book,
  author: string,
  change: { readonly id: string; readonly before: Wish | undefined; readonly after: Wish | undefined },
  nextOf: (key: string) => number,
): { readonly grants: readonly Proposal[]; readonly revocations: readonly Proposal[] } => {
  const { id, before, after } = change;
  if (after !== undefined && book.get(after.permissions)?.type !== 'permissions')
    throw fault(
      'POLICY_PERMISSIONS_UNKNOWN',
      `there is no permissions policy with the id ${after.permissions.slice(0, 128)}`,
      {
        hint: 'insert it first; list them: blockchain get permissions bring [*][id] " " [*][name] separator = \\n',
      },
    );
  const wanted = after === undefined ? [] : grantsOf(book, after);
  if (after !== undefined && wanted.length > 0) checkNoCertificate(book, after);
  const isSame = before?.permissions === after?.permissions;
  // One that somebody revoked is not given back by a change that has nothing to do with it.
  const missing = wanted.filter(
    ({ key, grant }) => grant === 'missing' || (grant === 'revoked' && !(isSame && isWished(before, key))),
  );
  const others = assignmentsOf(book).filter((each) => each.id !== id);
  const isStillWanted = ({ key, rights }: AssignedGrant): boolean =>
    wanted.some((each) => each.key === key && sameRights(each.rights, rights)) ||
    others.some((each) => isWished(each, key) && sameRights(rightsBy(book, each.permissions), rights));
  const over = (before === undefined ? [] : grantsOf(book, before)).filter((each) => !isStillWanted(each));
  const names = new Map(memberPolicies(book).map(({ public_key, name }) => [public_key, name]));
  return {
    grants: missing.map(({ key, rights }) =>
      decideGrant(book.authority, author, { ...rights, key, name: names.get(key) }),
    ),
    revocations: over.flatMap(({ key, rights }) => endOf(book.authority, author, key, rights, nextOf)),
  };
};

const endOf = (
  authority: Authority,
  author: string,
  key: string,
  rights: Rights,
  nextOf: (key: string) => number,
): readonly Proposal[] =>
  givenTo(authority, membersOf(authority), key, rights)
    .filter(isInForce)
    .flatMap((held) =>
      decideRevocations(authority, author, {
        ...{ of: held.grant, from: nextOf(held.key), reason: 'no longer assigned' },
      }),
    );
