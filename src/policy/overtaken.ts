import { fault, type HoldfastError } from '../base/errors.ts';
import type { VoidReason } from './void-reason.ts';

const CODES: ReadonlyMap<string, string> = new Map([
  ['id-taken', 'POLICY_ID_TAKEN'],
  ['constraint', 'POLICY_NOT_UNIQUE'],
  ['cluster-full', 'POLICY_CLUSTER_FULL'],
  ['not-the-owner', 'POLICY_NOT_OWNER'],
  ['no-authority', 'POLICY_NOT_AUTHORISED'],
  ['revoked', 'POLICY_NOT_AUTHORISED'],
  ['deleted', 'POLICY_UNKNOWN'],
]);

/** Another node's entry came before the own one between decision and append. */
export const overtaken = (id: string, entry: string, { rule, text, by, holder }: VoidReason): HoldfastError =>
  fault(CODES.get(rule) ?? 'POLICY_VOID', `an entry of another node came first: ${text}`, {
    data: { id, entry, rule, by, holder },
    hint: `the attempt stays in the ledger, without effect: blockchain history where id = ${id}`,
  });
