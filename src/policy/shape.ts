import type { z } from 'zod';
import { fault, type HoldfastError } from '../base/errors.ts';
import { sentenceOf } from '../base/zod-text.ts';
import { JSON_DEPTH_MAX, POLICY_BYTES_MAX, POLICY_NAME_CHARS_MAX } from '../base/limits.ts';
import { canonicalJson } from '../codec/canonical.ts';
import { sha256Hex } from '../codec/hash.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { kindOf } from './kinds/registry.ts';

/**
 * A policy taken apart: the root value in normal form, without `id` and `ledger`, and the id where the user gave one.
 */
export interface PolicyDraft {
  readonly type: string;
  readonly givenId: string | undefined;
  readonly value: JsonObject;
}

/** Attributes that only the network writes: they come from the entry and from what is observed. */
const NETWORK_ATTRIBUTES: readonly string[] = ['id', 'ledger'];

const DEPTH_MAX = JSON_DEPTH_MAX - 4;
const ID_HEX_DIGITS = 32;

const structure = (text: string, data: Readonly<Record<string, unknown>>, hint?: string): HoldfastError =>
  fault('POLICY_STRUCTURE', text, {
    data,
    hint: hint ?? 'a policy is one root key, its type: {"cluster": {"name": …}}',
  });

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Refuses a name of an attribute, type or id that could do harm where it is used. Throws `POLICY_ATTRIBUTE_NAME`. */
const checkName = (what: string, name: string): void => {
  if (name === '' || name.length > POLICY_NAME_CHARS_MAX || name === '__proto__' || CONTROL.test(name))
    throw fault('POLICY_ATTRIBUTE_NAME', `${what} ${JSON.stringify(name.slice(0, 80))} is not allowed`, {
      data: { what, length: name.length },
      hint: `1 to ${POLICY_NAME_CHARS_MAX} characters, no control characters, not "__proto__"`,
    });
};

/** Refuses a type that no policy can have. Throws `POLICY_ATTRIBUTE_NAME`. */
export const checkType = (type: string): void => checkName('policy type', type);

/** Bounded walk over a value from outside: depth, attribute names, no NUL in texts. */
const checkValue = (value: JsonValue, depth: number): void => {
  if (typeof value === 'string') {
    if (value.includes('\u0000')) throw structure('a text contains the character NUL', {}, 'remove it');
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth > DEPTH_MAX)
    throw structure(
      `the policy is nested deeper than ${DEPTH_MAX} levels`,
      { depth },
      'flatten it, or split it in two',
    );
  if (!isJsonObject(value)) {
    for (const item of value) checkValue(item, depth + 1);
    return;
  }
  for (const [name, item] of Object.entries(value)) {
    checkName('attribute', name);
    checkValue(item, depth + 1);
  }
};

const at = (value: JsonValue | undefined, path: readonly PropertyKey[]): JsonValue | undefined =>
  path.reduce<JsonValue | undefined>((inner, step) => {
    if (Array.isArray(inner)) return (inner as readonly JsonValue[])[Number(step)];
    return isJsonObject(inner) ? inner[String(step)] : undefined;
  }, value);

const shortOf = (value: JsonValue | undefined): string => {
  const text = JSON.stringify(value ?? null);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};

const issueText = (type: string, issue: z.core.$ZodIssue, value: JsonObject): HoldfastError => {
  const attribute = issue.path.join('.');
  const first = issue.path[0];
  const missing = first !== undefined && value[String(first)] === undefined;
  if (missing) return structure(`the ${type} policy has no ${attribute}`, { type, attribute }, `add "${attribute}"`);
  const text = `${type} policy: ${attribute} ${sentenceOf(issue)}`.replace('  ', ' ');
  if (attribute === '') return structure(text, { type });
  return structure(text, { type, attribute }, `it is ${shortOf(at(value, issue.path))}: correct "${attribute}"`);
};

/**
 * The root value of a policy in the normal form of its kind. Used on what users write and on what other nodes' entries
 * carry alike. Throws `POLICY_STRUCTURE`, `POLICY_ATTRIBUTE_NAME`.
 */
export const normalValue = (type: string, value: JsonObject): JsonObject => {
  checkName('policy type', type);
  checkValue(value, 1);
  const date = value['date'];
  if (date !== undefined && (typeof date !== 'string' || date.length > POLICY_NAME_CHARS_MAX))
    throw structure('the date of a policy is a text', { type, attribute: 'date' });
  const kind = kindOf(type);
  if (kind === undefined) return value;
  const parsed = kind.schema.safeParse(value);
  if (parsed.success && isJsonObject(parsed.data)) return parsed.data;
  const issue = parsed.error?.issues[0];
  throw issue === undefined ? structure(`not a ${type} policy`, { type }) : issueText(type, issue, value);
};

const withoutNetworkAttributes = (value: JsonObject): JsonObject =>
  NETWORK_ATTRIBUTES.some((name) => Object.hasOwn(value, name))
    ? Object.fromEntries(Object.entries(value).filter(([name]) => !NETWORK_ATTRIBUTES.includes(name)))
    : value;

/** The one root key and its value. A list with one policy is taken for that policy, as documented samples write it. */
const rootOf = (policy: unknown): readonly [string, JsonObject] => {
  const single: unknown = Array.isArray(policy) && policy.length === 1 ? policy[0] : policy;
  if (!isJsonObject(single)) throw structure('a policy is a JSON object with one root key', {});
  const roots = Object.entries(single);
  const [root] = roots;
  if (root === undefined || roots.length !== 1)
    throw structure(`a policy has one root key, its type; this one has ${roots.length}`, {
      roots: roots.slice(0, 8).map(([name]) => name.slice(0, 80)),
    });
  const [type, value] = root;
  checkName('policy type', type);
  if (!isJsonObject(value)) throw structure(`the value of "${type}" is not an object`, { type });
  return [type, value];
};

/** Refuses what could not be an entry. Throws `POLICY_OVERSIZE`, `POLICY_STRUCTURE`. */
export const checkSize = (content: JsonObject): void => {
  let text: string;
  try {
    text = canonicalJson(content);
  } catch (cause) {
    throw fault('POLICY_STRUCTURE', 'the policy has no canonical JSON form (half a surrogate pair, or no number)', {
      cause,
      hint: 'check its texts for broken characters',
    });
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > POLICY_BYTES_MAX)
    throw fault('POLICY_OVERSIZE', `the policy has ${bytes} bytes; at most ${POLICY_BYTES_MAX}`, {
      data: { bytes, limit: POLICY_BYTES_MAX },
      hint: 'keep large content elsewhere and name it in the policy',
    });
};

/**
 * What a user's text or object says, in normal form. Throws `POLICY_STRUCTURE`, `POLICY_ATTRIBUTE_NAME`,
 * `POLICY_OVERSIZE`.
 */
export const readPolicy = (policy: unknown): PolicyDraft => {
  const [type, given] = rootOf(policy);
  const id = given['id'];
  if (id !== undefined) {
    if (typeof id !== 'string') throw structure('the id of a policy is a text', { type, attribute: 'id' });
    checkName('policy id', id);
  }
  const value = normalValue(type, withoutNetworkAttributes(given));
  checkSize(value);
  return { type, givenId: id, value };
};

/**
 * The id of a policy whose user gave none: the first 32 hex digits of SHA-256 over the canonical policy without what
 * the network adds, so that the same policy inserted twice is one. Tables and clusters have their documented identity.
 */
export const policyId = (type: string, value: JsonObject): string => {
  const identity = kindOf(type)?.identity?.(value);
  const { date: _date, ledger: _ledger, id: _id, member: _member, peer: _peer, ...own } = value;
  return sha256Hex(canonicalJson({ [type]: identity ?? own })).slice(0, ID_HEX_DIGITS);
};

/** What of a well-formed policy will hurt its users, one sentence each. */
export const policyWarnings = (policy: unknown): readonly string[] => {
  const { type, value } = readPolicy(policy);
  return kindOf(type)?.warnings?.(value) ?? [];
};
