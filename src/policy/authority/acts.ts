import { z } from 'zod';
import { ENTRY_ID_CHARS_MAX, GRANT_TYPES_MAX } from '../../base/limits.ts';
import { hash, PLAIN_TEXT } from '../../codec/fields.ts';
import type { JsonObject } from '../../codec/json.ts';
import type { Rights } from './rights.ts';
import { ROLES } from './roles.ts';

const text = z.string().max(ENTRY_ID_CHARS_MAX).regex(PLAIN_TEXT, 'expected text without control characters');

const isSet = (values: readonly string[]): boolean => new Set(values).size === values.length;
const once = { error: 'expected each once' };

const rights = {
  roles: z.array(z.enum(ROLES)).min(1).refine(isSet, once),
  scope: z.strictObject({
    types: z.array(text).min(1).max(GRANT_TYPES_MAX).refine(isSet, once).exactOptional(),
    company: text.exactOptional(),
    cluster: text.exactOptional(),
  }),
  grants: z.boolean(),
};

const grant = z.strictObject({
  v: z.literal(1),
  key: hash,
  ...rights,
  name: text.exactOptional(),
  expires: z.int().min(0).exactOptional(),
  replaces: z.strictObject({ grant: hash, from: z.int().min(1) }).exactOptional(),
});
const revoke = z.strictObject({
  v: z.literal(1),
  grant: hash,
  from: z.int().min(1),
  key: hash.exactOptional(),
  reason: text.exactOptional(),
});
const join = z.strictObject({
  v: z.literal(1),
  proof: z.string().regex(/^[0-9a-f]{128}$/),
  name: text.exactOptional(),
});

const rotate = z.strictObject({
  v: z.literal(1),
  key: hash,
  proof: z.string().regex(/^[0-9a-f]{128}$/),
});

/** `grant`: gives rights to a key. With `expires` it is an invite: the key is used once, to sign another key in. */
export interface GrantAct extends Rights {
  readonly op: 'grant';
  readonly key: string;
  /** What its author calls the holder. */
  readonly name: string | undefined;
  /** Microseconds since 1970: an invite cannot be redeemed later than this. Undefined for a grant to a node's key. */
  readonly expires: number | undefined;
  /**
   * The grant of a lost key: it ends, from that entry of its holder on, and who holds this one stands in for that key.
   */
  readonly replaces: { readonly grant: string; readonly from: number } | undefined;
}

/** `revoke`: entries with `seq` at or above `from` that cite the grant are void. */
export interface RevokeAct {
  readonly op: 'revoke';
  /** Hash of the grant or join that ends; the network id for what open admission gives to `key`. */
  readonly grant: string;
  readonly from: number;
  readonly key: string | undefined;
  readonly reason: string | undefined;
}

/**
 * `join`: its author redeems the invite that it cites; `proof` is the signature of the invite's key over
 * {@link joinText}.
 */
export interface JoinAct {
  readonly op: 'join';
  readonly proof: string;
  readonly name: string | undefined;
}

/**
 * `rotate`: hands what its author holds by the grant that it cites to another key of its own; `proof` is that key's
 * signature over {@link rotateText}. It is the author's last entry that may cite the grant.
 */
export interface RotateAct {
  readonly op: 'rotate';
  readonly key: string;
  readonly proof: string;
}

/** What an entry of authority does: says who may write what, or that a key takes another's place. */
export type AuthorityAct = GrantAct | RevokeAct | JoinAct | RotateAct;

/** What the key of an invite signs to let another key in. */
export const joinText = (network: string, invite: string, author: string): string =>
  `holdfast join 1\n${network}\n${invite}\n${author}\n`;

/** What the new key signs when a key is rotated. */
export const rotateText = (network: string, cap: string, author: string, key: string): string =>
  `holdfast rotate 1\n${network}\n${cap}\n${author}\n${key}\n`;

/** The act of an entry's content, or why it is none. */
export const readAct = (op: string, content: JsonObject): AuthorityAct | { readonly malformed: string } => {
  if (op === 'grant')
    return parsed(grant, content, (act) => ({
      ...{ op: 'grant', name: undefined, expires: undefined, replaces: undefined },
      ...act,
    }));
  if (op === 'revoke')
    return parsed(revoke, content, (act) => ({ op: 'revoke', key: undefined, reason: undefined, ...act }));
  if (op === 'rotate') return parsed(rotate, content, (act) => ({ op: 'rotate', ...act }));
  return parsed(join, content, (act) => ({ op: 'join', name: undefined, ...act }));
};

const parsed = <T>(
  schema: z.ZodType<T>,
  content: JsonObject,
  use: (act: T) => AuthorityAct,
): AuthorityAct | { readonly malformed: string } => {
  const found = schema.safeParse(content);
  if (found.success) return use(found.data);
  const issue = found.error.issues[0];
  return { malformed: `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is malformed'}`.trim() };
};
