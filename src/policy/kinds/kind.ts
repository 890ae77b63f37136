import type { z } from 'zod';
import type { JsonObject, JsonValue } from '../../codec/json.ts';

/** Which error a clash is: `(ip, port)` 149, single values 180, the same thing declared twice 215. */
export type ClashCode = 'POLICY_ADDRESS_TAKEN' | 'POLICY_NOT_UNIQUE' | 'POLICY_DUPLICATE';

/** One thing that a single policy may hold. Equal keys clash; see {@link describeKey} for the words. */
export interface Claim {
  readonly key: string;
  readonly code: ClashCode;
}

/** What the network knows of a policy type. Its rules decide what the book says, so a released rule never changes. */
export interface PolicyKind {
  readonly type: string;
  /**
   * What the root value must be. The output is the normal form (a quoted port becomes a number, defaults that the
   * network adds are in); attributes that it does not name are kept as they are.
   */
  readonly schema: z.ZodType;
  /** Stands for a node that can be dialled: may carry `peer`, and then only that key may write it. */
  readonly isNode: boolean;
  /**
   * Says who may do what: at the doors of a node an admin alone writes it, since the node signs it with its own right.
   */
  readonly givesRights?: boolean;
  /**
   * What it did cannot be undone: a change or delete of it has no effect, and at the doors of a node an admin alone
   * writes it.
   */
  readonly isFinal?: boolean;
  /** What one policy alone may hold. The value is in normal form. */
  claims(value: JsonObject): readonly Claim[];
  /** What the id is made of where the user gives none; undefined: everything. The value is in normal form. */
  identity?(value: JsonObject): JsonValue;
  /** What is accepted although it will hurt, one sentence each. */
  warnings?(value: JsonObject): readonly string[];
}

const SEPARATOR = '\u0000';

/**
 * A claim on the values of `names`, taken from `from`; undefined where one is missing. What an erasure has left may
 * have anything there: only whole numbers and texts without NUL count, so keys of different values differ.
 */
export const claimOn = (
  type: string,
  names: readonly string[],
  from: Readonly<Record<string, JsonValue | undefined>>,
  code: ClashCode = 'POLICY_NOT_UNIQUE',
): Claim | undefined => {
  let key = type + SEPARATOR + names.join(', ');
  for (const name of names) {
    const value = from[name];
    if (!isPart(value)) return undefined;
    key += SEPARATOR + String(value);
  }
  return { key, code };
};

const isPart = (value: JsonValue | undefined): value is string | number =>
  typeof value === 'string' ? !value.includes(SEPARATOR) : Number.isSafeInteger(value);

/** The claims that exist. */
export const claimList = (...claims: readonly (Claim | undefined)[]): readonly Claim[] =>
  claims.filter((claim) => claim !== undefined);

/** The words for a claim's key: `operator (ip, port) = (10.0.0.78, 7848)`. */
export const describeKey = (key: string): string => {
  const [type = '', names = '', ...values] = key.split(SEPARATOR);
  return `${type} (${names}) = (${values.join(', ')})`;
};
