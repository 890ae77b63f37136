import { COMMAND_CHARS_MAX } from '../base/limits.ts';
import type { JsonValue } from '../codec/json.ts';
import type { PolicyState } from './book.ts';
import { applyBring, type BringContext, type BringResult } from './apply-bring.ts';
import { type Bring, parseBring } from './bring.ts';
import { documentOf, syntax } from './get-path.ts';
import { type Found, type Relation, related } from './join.ts';
import { matcher } from './matching.ts';
import type { Policies } from './policies.ts';
import { type Condition, idsOf, mentions, parseWhere } from './where.ts';

/** What follows `blockchain get`. */
export interface GetRequest {
  /** Undefined: any type (`*`). */
  readonly types: readonly string[] | undefined;
  readonly where: Condition | undefined;
  readonly relation: Relation | undefined;
  readonly bring: Bring | undefined;
}

/** Where policies are read from; `Policies` is one. */
export type PolicySource = Pick<Policies, 'book' | 'document'>;

/** What a question may refer to that no policy holds. */
export interface GetContext {
  /** For `-30d` and `now()`. */
  readonly nowMs: number;
  /** The own external ip, for `bring.ip_port`. */
  readonly ownIp?: string | undefined;
}

const HINT = 'blockchain get TYPE|(TYPE, TYPE)|* [where …] [join|merge (blockchain get …)] [bring …]';
const RELATION_HINT =
  'for example: blockchain get operator join (blockchain get cluster where id = [operator][cluster])';

/** Characters that a keyword and what must follow it take up at most. */
const KEYWORD_CHARS = 16;

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
    else if (depth === 0 && starts && pattern.test(text.slice(at, at + KEYWORD_CHARS))) return at;
  }
  return -1;
};

const unquoted = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/s, '$2');

const readTypes = (text: string): readonly string[] | undefined => {
  const trimmed = text.trim();
  const list = trimmed.startsWith('(') && trimmed.endsWith(')') ? trimmed.slice(1, -1).split(',') : [trimmed];
  // A type that is named a thousand times is looked through once.
  const types = [...new Set(list.map(unquoted))];
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
  const [searched, bring] = cutAt(text, /^bring(?![\w-])/i);
  const [search, relation] = cutAt(searched, /^(?:join|merge)\s{0,8}\(/i);
  return {
    ...parseSearch(search),
    relation: relation === undefined ? undefined : parseRelation(relation),
    bring: bring === undefined ? undefined : parseBring(bring),
  };
};

/** What stands before a keyword, and what begins with it. */
const cutAt = (text: string, pattern: RegExp): readonly [string, string | undefined] => {
  const at = findKeyword(text, pattern);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at)];
};

const parseSearch = (text: string): Pick<GetRequest, 'types' | 'where'> => {
  const [types, where] = cutAt(text, /^where(?![\w-])/i);
  return {
    types: readTypes(types),
    where: where === undefined ? undefined : parseWhere(where.slice('where'.length)),
  };
};

/** `join (blockchain get …)`: the second search has neither a bring nor a join of its own. */
const parseRelation = (text: string): Relation => {
  const [, kind = '', rest = ''] = /^(join|merge)\s*\((.*)$/is.exec(text.trimEnd()) ?? [];
  const [, inner] = /^\s*(?:blockchain|ledger)\s+(?:get|read)\s+(.*)\)$/is.exec(rest) ?? [];
  if (inner === undefined)
    throw syntax(`${kind} takes (blockchain get …) and only bring may follow it`, rest, RELATION_HINT);
  const further = [/^bring(?![\w-])/i, /^(?:join|merge)\s{0,8}\(/i].some((word) => findKeyword(inner, word) >= 0);
  if (further) throw syntax(`the search of a ${kind} has no bring, join or merge of its own`, inner, RELATION_HINT);
  return { kind: kind.toLowerCase() === 'join' ? 'join' : 'merge', ...parseSearch(inner) };
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
  const wanted = new Set(types);
  return book.ofType().filter(({ type }) => wanted.has(type));
};

/** The policies of some types that a condition names, in the ledger's order, as users see them. An id is looked up. */
const selectPolicies = (
  source: PolicySource,
  types: readonly string[] | undefined,
  where: Condition | undefined,
  { nowMs }: GetContext,
): Found => {
  const { book } = source;
  const found = candidates(source, types, where);
  const looked = found.length;
  if (where === undefined) return { policies: found.map((state) => source.document(state)), looked };
  const match = matcher(where, { nowMs, rootOf: (id) => book.get(id)?.value });
  // Whether a policy is local or global is observed, at some cost: only where it is asked for.
  const needsLedger = mentions(where, 'ledger');
  const matching = found.filter((state) => {
    const { root } = needsLedger ? documentOf(source.document(state)) : { root: book.shown(state.id) ?? state.value };
    return match({ type: state.type, root, policy: root });
  });
  return { policies: matching.map((state) => source.document(state)), looked };
};

/** Policies by what one of their attributes holds, put in order once. */
const referencesIn = (source: PolicySource): NonNullable<BringContext['withReference']> => {
  const byAttribute = new Map<string, ReadonlyMap<JsonValue | undefined, readonly PolicyState[]>>();
  return (attribute, id) => {
    const held = byAttribute.get(attribute) ?? Map.groupBy(source.book.ofType(), ({ value }) => value[attribute]);
    byAttribute.set(attribute, held);
    return (held.get(id) ?? []).map((state) => source.document(state));
  };
};

/** Answers `blockchain get`. Pure: the same book gives the same answer. */
export const runGet = (source: PolicySource, request: GetRequest, context: GetContext): BringResult => {
  const { types, where, relation, bring } = request;
  const { policies } = selectPolicies(source, types, where, context);
  const documents =
    relation === undefined
      ? policies.map(documentOf)
      : related(policies, relation, (others, condition) => selectPolicies(source, others, condition, context));
  if (bring === undefined) return { kind: 'policies', policies: documents.map(({ policy }) => policy) };
  return applyBring(documents, bring, {
    ...context,
    withReference: referencesIn(source),
    policy: (id) => {
      const state = source.book.get(id);
      return state === undefined ? undefined : source.document(state);
    },
  });
};
