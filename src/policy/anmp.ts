import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import type { PolicyState } from './book.ts';

/** Identity and place in the network: never overlaid. */
export const ANMP_FIXED: ReadonlySet<string> = new Set(['id', 'date', 'ledger', 'member', 'peer']);

const overlay = (before: JsonValue | undefined, after: JsonValue): JsonValue =>
  Array.isArray(before)
    ? [...(before as readonly JsonValue[]), ...(Array.isArray(after) ? (after as readonly JsonValue[]) : [after])]
    : after;

/** ANMP policies by the id of the policy that they lie over, in the ledger's order. */
export const anmpByPolicy = (anmp: readonly PolicyState[]): ReadonlyMap<string, readonly PolicyState[]> => {
  const byPolicy = new Map<string, PolicyState[]>();
  for (const state of anmp)
    for (const [id, over] of Object.entries(state.value)) {
      if (!isJsonObject(over)) continue;
      const before = byPolicy.get(id);
      if (before === undefined) byPolicy.set(id, [state]);
      else before.push(state);
    }
  return byPolicy;
};

/**
 * What users are shown of a policy: its value with ANMP policies that name it laid over it, scalars replaced, lists
 * appended. A node's policy takes them from that node alone.
 */
export const mergeAnmp = (state: PolicyState, anmp: readonly PolicyState[]): JsonObject => {
  const { peer } = state.value;
  let shown: JsonObject = state.value;
  for (const { value, author, owner } of anmp) {
    const over = value[state.id];
    if (!isJsonObject(over) || (typeof peer === 'string' && (peer !== author || peer !== owner))) continue;
    const attributes = Object.entries(over).filter(([name]) => !ANMP_FIXED.has(name));
    shown = { ...shown, ...Object.fromEntries(attributes.map(([name, after]) => [name, overlay(shown[name], after)])) };
  }
  return shown;
};
