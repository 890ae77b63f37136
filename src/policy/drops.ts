import { fault } from '../base/errors.ts';
import type { JsonObject } from '../codec/json.ts';
import type { LedgerFold } from './fold.ts';

/**
 * Is this a drop of a cluster's table? One that names another company than the cluster's would have no effect, for
 * good. Throws `POLICY_CLUSTER_UNKNOWN`, `POLICY_STRUCTURE`.
 */
export const checkDrop = (view: Pick<LedgerFold, 'get'>, { cluster, company }: JsonObject): void => {
  const id = typeof cluster === 'string' ? cluster : '';
  const named = view.get(id);
  const hint = 'give the command drop table, which writes the policy';
  if (named?.type !== 'cluster' || named.value['parent'] !== undefined)
    throw fault('POLICY_CLUSTER_UNKNOWN', `there is no cluster without a parent of the id ${id}`, {
      hint,
    });
  if (named.value['company'] !== company)
    throw fault('POLICY_STRUCTURE', 'a drop has the company of its cluster', {
      data: { cluster: id, company: named.value['company'] },
      hint,
    });
};

/**
 * A cluster in which tables were dropped keeps its company, and gets no parent: operators that have not heard of the
 * drops yet would never carry them out. Throws `POLICY_IN_USE`.
 */
export const checkDropsKept = (
  view: Pick<LedgerFold, 'ofType'>,
  id: string,
  before: JsonObject,
  after: JsonObject,
): void => {
  if (before['company'] === after['company'] && before['parent'] === after['parent']) return;
  const drop = view.ofType('drop').find(({ value }) => value['cluster'] === id);
  if (drop === undefined) return;
  throw fault('POLICY_IN_USE', `tables of the cluster ${id} were dropped: its company and parent stay as they are`, {
    data: { id, drop: drop.id },
    hint: 'insert another cluster, and let operators join it',
  });
};
