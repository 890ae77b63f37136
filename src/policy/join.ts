import { fault } from '../base/errors.ts';
import { POLICY_JOIN_PAIRS_MAX, POLICY_JOIN_ROWS_MAX } from '../base/limits.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { type Document, documentOf, freeName, textOfValue, valuesAt } from './get-path.ts';
import type { Literal } from './get-compare.ts';
import type { Condition } from './where.ts';

/** How the policies of a second search go together with those of the first. */
export interface Relation {
  /**
   * `join`: pairs side by side, those without a partner left out. `merge`: one policy of both, the first one's
   * attributes win.
   */
  readonly kind: 'join' | 'merge';
  /** Undefined: any type. */
  readonly types: readonly string[] | undefined;
  /** A value in brackets is what that path finds in the first policy. */
  readonly where: Condition | undefined;
}

/** The policies that match, and how many were looked at to find them. */
export interface Found {
  readonly policies: readonly JsonObject[];
  readonly looked: number;
}

const literalOf = (value: JsonValue): Literal => ({ text: textOfValue(value), quoted: typeof value === 'string' });

/**
 * The condition as it stands for one policy: what its paths find in it takes their place. One that finds nothing equals
 * nothing.
 */
const boundTo = (condition: Condition, left: Document): Condition => {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return { ...condition, of: condition.of.map((part) => boundTo(part, left)) };
    case 'not':
      return { ...condition, of: boundTo(condition.of, left) };
    case 'declared':
      return condition;
    case 'item':
      return { ...condition, of: condition.of.map((part) => ({ ...part, values: valuesFor(part.values, left) })) };
    case 'compare':
      return { ...condition, values: valuesFor(condition.values, left) };
  }
};

const valuesFor = (values: readonly Literal[], left: Document): readonly Literal[] =>
  values.flatMap((literal) =>
    literal.path === undefined ? [literal] : valuesAt(left, literal.path).flat().map(literalOf),
  );

/** The two side by side: one object with both types. Of two of one type the second is called `type_2`. */
const beside = (left: JsonObject, right: JsonObject): Document => {
  const [first, second] = [documentOf(left), documentOf(right)];
  const policy = { ...left, [freeName(left, second.type)]: second.root };
  return { type: first.type, root: policy, policy, sides: [first.root, second.root] };
};

const merged = (left: JsonObject, right: JsonObject): Document => {
  const { type, root } = documentOf(left);
  const missing = Object.entries(documentOf(right).root).filter(([name]) => !Object.hasOwn(root, name));
  return documentOf({ [type]: { ...root, ...Object.fromEntries(missing) } });
};

const checkBounds = (looked: number, rows: number): void => {
  if (looked <= POLICY_JOIN_PAIRS_MAX && rows <= POLICY_JOIN_ROWS_MAX) return;
  const bound = rows > POLICY_JOIN_ROWS_MAX ? POLICY_JOIN_ROWS_MAX : POLICY_JOIN_PAIRS_MAX;
  const what = rows > POLICY_JOIN_ROWS_MAX ? 'results' : 'pairs of policies to compare';
  throw fault('POLICY_JOIN_TOO_LARGE', `the join has more than ${bound} ${what}`, {
    hint: 'narrow both searches by where; a comparison with id costs nothing: where id = [TYPE][ATTRIBUTE]',
  });
};

/**
 * Each of the policies with those that `find` gives for it, in their order. A join leaves out those without any, a
 * merge keeps them as they are. Pure. Throws `POLICY_JOIN_TOO_LARGE`.
 */
export const related = (
  policies: readonly JsonObject[],
  { kind, types, where }: Relation,
  find: (types: readonly string[] | undefined, where: Condition | undefined) => Found,
): readonly Document[] => {
  const documents: Document[] = [];
  let pairs = 0;
  for (const policy of policies) {
    const left = documentOf(policy);
    const { policies: partners, looked } = find(types, where === undefined ? undefined : boundTo(where, left));
    pairs += looked;
    checkBounds(pairs, documents.length + partners.length);
    if (kind === 'merge' && partners.length === 0) documents.push(left);
    const combine = kind === 'join' ? beside : merged;
    for (const partner of partners) documents.push(combine(policy, partner));
  }
  return documents;
};
