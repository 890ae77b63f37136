import { fault } from '../base/errors.ts';
import type { JsonObject } from '../codec/json.ts';
import type { PolicyBook } from './book.ts';
import { kindOf } from './kinds/registry.ts';

/**
 * The name by which people and scripts mean a cluster or a node, of whichever company: one policy of a type is to have it. Child
 * clusters have the name of their parent.
 */
const nameMeant = (type: string, { name, parent }: JsonObject): string | undefined => {
  const isMeant = kindOf(type)?.isNode === true || (type === 'cluster' && parent === undefined);
  return isMeant && typeof name === 'string' ? name : undefined;
};

/** The key that stands for it, none where a policy has no such name. */
export const nameKeys = (type: string, value: JsonObject): readonly string[] => {
  const name = nameMeant(type, value);
  return name === undefined ? [] : [`name\u0000${type}\u0000${name}`];
};

/**
 * No rule of the fold: where two nodes write at once, or a ledger has it from before, both stay, and `blockchain test` tells it.
 * Throws `POLICY_NOT_UNIQUE`.
 */
export const refuseNameTaken = (
  book: Pick<PolicyBook, 'ofType'>,
  type: string,
  id: string,
  value: JsonObject,
): void => {
  const name = nameMeant(type, value);
  if (name === undefined) return;
  const holder = book.ofType(type).find((other) => other.id !== id && nameMeant(type, other.value) === name);
  if (holder === undefined) return;
  throw fault('POLICY_NOT_UNIQUE', `${type} (name) = (${name}) is held by policy ${holder.id}`, {
    data: { id, holder: holder.id },
    hint: `see it with: blockchain get * where id = ${holder.id}`,
  });
};
