import { canonicalJson } from '../codec/canonical.ts';
import type { JsonObject } from '../codec/json.ts';
import { capsOf } from './authority/members.ts';
import { type Change, covers } from './authority/rights.ts';
import { peerOf } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import { policyId, readPolicy } from './shape.ts';

type View = Pick<LedgerFold, 'get' | 'authority'>;

/** The first of an author's grants that covers a change. */
export const capFor = ({ authority }: Pick<View, 'authority'>, change: Change): string | undefined =>
  capsOf(authority, change.author).find((held) => {
    const rights = authority.rightsOf({ cap: held });
    return rights === undefined || covers(rights, change);
  });

const insertOf = (policy: JsonObject): string => `blockchain insert where policy = ${canonicalJson(policy)}`;

/**
 * What somebody who may grant types to let an operator move to another cluster; undefined where the change is no such
 * move, or the operator may do it, or may not even write its policy where it is. A second invite for the new cluster
 * would not do: one grant has to cover the policy before and after (A9).
 */
export const stepsToMove = (view: View, change: Change): string | undefined => {
  const { author, type, before, after } = change;
  if (type !== 'operator' || before === undefined || after === undefined) return undefined;
  const { cluster, company } = after;
  const isMove = typeof cluster === 'string' && cluster !== before['cluster'] && view.get(cluster)?.type === 'cluster';
  if (!isMove || peerOf(after) !== author || capFor(view, change) !== undefined) return undefined;
  if (capFor(view, { ...change, after: before }) === undefined) return undefined;
  const scope = typeof company === 'string' && company === before['company'] ? { company } : {};
  const permissions = { permissions: { name: 'operator of any cluster', roles: ['operator'], ...scope } };
  const { value } = readPolicy(permissions);
  const id = policyId('permissions', value);
  const assignment = { assignment: { permissions: id, members: [author] } };
  return [...(view.get(id) === undefined ? [insertOf(permissions)] : []), insertOf(assignment)].join(' ; then: ');
};
