import type { JsonObject } from '../../codec/json.ts';
import { peerOf } from '../facts.ts';
import { kindOf } from '../kinds/registry.ts';
import type { Role } from './roles.ts';

/** Where a grant holds. What is not named is not restricted. */
export interface Scope {
  readonly types?: readonly string[];
  /** Beginning of the company of a policy. */
  readonly company?: string;
  /** Id of the cluster that an operator policy names, or a cluster policy is or has as its parent. */
  readonly cluster?: string;
}

/** What its holder may write and grant. */
export interface Rights {
  readonly roles: readonly Role[];
  readonly scope: Scope;
  /** Whether the holder may grant what it has, or less, to others. */
  readonly grants: boolean;
  /**
   * Keys that the holder stands in for: rotated ones, and those that were replaced. Their node policies are its own.
   */
  readonly former?: readonly string[];
}

/** What genesis gives to a root key. */
export const ALL_RIGHTS: Rights = { roles: ['admin'], scope: {}, grants: true };

/** A wish to change one policy: from one value to another; undefined where there is none before, or none after. */
export interface Change {
  readonly author: string;
  readonly type: string;
  readonly id: string;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
}

/** Whether one may give `part` who has `whole`: nobody grants more than what was granted. */
export const isWithin = (part: Rights, whole: Rights): boolean =>
  whole.grants &&
  (whole.roles.includes('admin') || part.roles.every((role) => whole.roles.includes(role))) &&
  isNarrower(part.scope, whole.scope);

const isNarrower = (part: Scope, whole: Scope): boolean =>
  (whole.types === undefined || (part.types?.every((type) => whole.types?.includes(type)) ?? false)) &&
  (whole.company === undefined || (part.company?.startsWith(whole.company) ?? false)) &&
  (whole.cluster === undefined || part.cluster === whole.cluster);

/** Whether the rights cover a change. */
export const covers = ({ roles, scope, former = [] }: Rights, change: Change): boolean =>
  roles.some((role) => ROLE_COVERS[role](change, scope, former)) &&
  (scope.types === undefined || scope.types.includes(change.type)) &&
  [change.before, change.after].every((value) => value === undefined || isInScope(scope, change, value));

const ROLE_COVERS: Readonly<Record<Role, (change: Change, scope: Scope, former: readonly string[]) => boolean>> = {
  admin: () => true,
  operator: (change, _, former) => (change.type === 'operator' ? isOwnNode(change, former) : isOfOwnCluster(change)),
  member: (change, scope, former) =>
    scope.types?.includes(change.type) === true && (kindOf(change.type)?.isNode !== true || isOwnNode(change, former)),
  auditor: () => false,
  archive: () => false,
};

/** The author's own node policy, or one without a key or with a former one that becomes the author's by this change. */
const isOwnNode = ({ author, before, after }: Change, former: readonly string[]): boolean => {
  const was = before === undefined ? undefined : peerOf(before);
  const isOwn = was === author || (was !== undefined && former.includes(was));
  if (after === undefined) return isOwn;
  return (was === undefined || isOwn) && peerOf(after) === author;
};

/** What arises from data on an operator: a table, or a child of its cluster that holds one. */
const isOfOwnCluster = ({ type, before, after }: Change): boolean =>
  before === undefined && (type === 'table' || (type === 'cluster' && typeof after?.['parent'] === 'string'));

const isInScope = ({ company, cluster }: Scope, { type, id }: Change, value: JsonObject): boolean =>
  (company === undefined || isOfCompany(company, type, value)) &&
  (cluster === undefined || isOfCluster(cluster, type, id, value));

const isOfCompany = (prefix: string, type: string, { company }: JsonObject): boolean =>
  // A table belongs to a database, not to a company, unless it says so.
  typeof company === 'string' ? company.startsWith(prefix) : company === undefined && type === 'table';

const isOfCluster = (scope: string, type: string, id: string, { cluster, parent }: JsonObject): boolean => {
  if (type === 'table') return true;
  return type === 'cluster' ? id === scope || parent === scope : cluster === scope;
};
