import { COMMAND_CHARS_MAX } from '../base/limits.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { PolicyState } from './book.ts';
import { applyBring, type Bring, type BringResult, parseBring } from './bring.ts';
import { documentOf, syntax } from './get-path.ts';
import { matcher } from './matching.ts';
import type { Policies } from './policies.ts';
import { type Condition, idsOf, mentions, parseWhere } from './where.ts';

/** What follows `blockchain get`. */
export interface GetRequest {
  /** Undefined: any type (`*`). */
  readonly types: readonly string[] | undefined;
  readonly where: Condition | undefined;
  readonly bring: Bring | undefined;
}

/** Where policies are read from; `Policies` is one. */
export type PolicySource = Pick<Policies, 'book' | 'document'>;

export interface GetContext {
  /** For `-30d` and `now()`. */
  readonly nowMs: number;
  /** The own external ip, for `bring.ip_port`. */
  readonly ownIp?: string | undefined;
}

const HINT = 'blockchain get TYPE|(TYPE, TYPE)|* [where …] [bring …]';

/** Where a keyword stands outside quotes, brackets and parentheses; -1 where it does not. */
export const findKeyword = (text: string, pattern: RegExp): number => {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    const starts = at === 0 || /[\s)\]]/.test(text.charAt(at - 1));
    if (char === '"' || (char === "'" && (at === 0 || /[\s=(,[]/.test(text.charAt(at - 1))))) {
      const close = text.indexOf(char, at + 1);
      if (close < 0) return -1;
      at = close;
    } else if (char === '[' || char === '(') depth += 1;
    else if (char === ']' || char === ')') depth -= 1;
    else if (depth === 0 && starts && pattern.test(text.slice(at, at + 8))) return at;
  }
  return -1;
};

const unquoted = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/s, '$2');

const readTypes = (text: string): readonly string[] | undefined => {
  const trimmed = text.trim();
  const list = trimmed.startsWith('(') && trimmed.endsWith(')') ? trimmed.slice(1, -1).split(',') : [trimmed];
  const types = list.map(unquoted);
  if (types.some((type) => type === '' || /[\s()[\]=]/.test(type)))
    throw syntax('the type of the policies expected', trimmed, HINT);
  return types.includes('*') ? undefined : types;
};

/**
 * Reads everything that follows `blockchain get` (or `blockchain read`): `operator where [port] > 7000 bring [*][ip]`.
 * Variables are replaced before. Throws `POLICY_GET_SYNTAX`.
 */
export const parseGet = (text: string): GetRequest => {
  if (text.length > COMMAND_CHARS_MAX) throw syntax(`more than ${COMMAND_CHARS_MAX} characters`, '', HINT);
  const bringAt = findKeyword(text, /^bring(?![\w-])/i);
  const head = bringAt < 0 ? text : text.slice(0, bringAt);
  const whereAt = findKeyword(head, /^where(?![\w-])/i);
  const types = readTypes(whereAt < 0 ? head : head.slice(0, whereAt));
  return {
    types,
    where: whereAt < 0 ? undefined : parseWhere(head.slice(whereAt + 'where'.length)),
    bring: bringAt < 0 ? undefined : parseBring(text.slice(bringAt)),
  };
};

const candidates = (
  source: PolicySource,
  types: readonly string[] | undefined,
  where: Condition | undefined,
): readonly PolicyState[] => {
  const ids = where === undefined ? undefined : idsOf(where);
  const { book } = source;
  if (ids !== undefined) {
    const spelled = new Set(ids.flatMap((id) => [id, id.toLowerCase()]));
    const found = [...spelled].map((id) => book.get(id)).filter((state) => state !== undefined);
    return types === undefined ? found : found.filter(({ type }) => types.includes(type));
  }
  const [only] = types ?? [];
  if (types === undefined) return book.ofType();
  if (types.length === 1 && only !== undefined) return book.ofType(only);
  return book.ofType().filter(({ type }) => types.includes(type));
};

/** The policies of some types that a condition names, in the ledger's order, as users see them. An id is looked up. */
const selectPolicies = (
  source: PolicySource,
  types: readonly string[] | undefined,
  where: Condition | undefined,
  { nowMs }: GetContext,
): readonly JsonObject[] => {
  const { book } = source;
  const found = candidates(source, types, where);
  if (where === undefined) return found.map((state) => source.document(state));
  const match = matcher(where, { nowMs, rootOf: (id) => book.get(id)?.value });
  // Whether a policy is local or global is observed, at some cost: only where it is asked for.
  const needsLedger = mentions(where, 'ledger');
  return found
    .filter((state) => {
      const { root } = needsLedger ? documentOf(source.document(state)) : { root: book.shown(state.id) ?? state.value };
      return match({ type: state.type, root, policy: root });
    })
    .map((state) => source.document(state));
};

/** Answers `blockchain get`. Pure: the same book gives the same answer. */
export const runGet = (source: PolicySource, request: GetRequest, context: GetContext): BringResult => {
  const policies = selectPolicies(source, request.types, request.where, context);
  if (request.bring === undefined) return { kind: 'policies', policies };
  let children: ReadonlyMap<JsonValue | undefined, readonly PolicyState[]> | undefined;
  return applyBring(policies, request.bring, {
    ...context,
    childrenOf: (id) => {
      children ??= Map.groupBy(source.book.ofType(), ({ value }) => value['parent']);
      return (children.get(id) ?? []).map((state) => source.document(state));
    },
    policy: (id) => {
      const state = source.book.get(id);
      return state === undefined ? undefined : source.document(state);
    },
  });
};
