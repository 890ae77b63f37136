import { isJsonObject, type JsonValue } from '../codec/json.ts';
import { testOf, type ValueTest } from './get-compare.ts';
import { type Document, type Path, someAt, valuesAt } from './get-path.ts';
import type { Comparison, Condition } from './where.ts';

/** What a condition may ask beside the policy itself. */
export interface WhereContext {
  /** For `-30d` and `now()`. */
  readonly nowMs: number;
  /** The value of another policy: `childfrom` climbs to the parents. */
  rootOf(id: string): JsonValue | undefined;
}

/** Whether a policy is what `where` asks for. */
export type Match = (document: Document) => boolean;

const isChildOf = (document: Document, ancestor: string, context: WhereContext): boolean => {
  const seen = new Set<string>();
  let { parent } = document.root;
  while (typeof parent === 'string' && !seen.has(parent)) {
    if (parent === ancestor) return true;
    seen.add(parent);
    const above = context.rootOf(parent);
    parent = isJsonObject(above) ? above['parent'] : undefined;
  }
  return false;
};

const comparison = ({ path, operator, values }: Comparison, context: WhereContext): Match => {
  if (operator === 'childfrom') return (document) => values.some(({ text }) => isChildOf(document, text, context));
  const negated = operator === '!=';
  const tests = values.map((literal) => testOf(negated ? '==' : operator, literal, context.nowMs));
  const [only] = tests;
  const test: ValueTest =
    tests.length === 1 && only !== undefined ? only : (actual) => tests.some((one) => one(actual));
  return (document) => someAt(document, path, test) !== negated;
};

const listItem = (list: Path, of: readonly Comparison[], context: WhereContext): Match => {
  const whole = of.map((part) => comparison(part, context));
  const inItem = of.map((part) =>
    comparison({ ...part, path: { ...part.path, names: part.path.names.slice(-1) } }, context),
  );
  return (document) => {
    const [found] = valuesAt(document, list);
    if (!Array.isArray(found)) return whole.every((match) => match(document));
    return (found as readonly JsonValue[]).some((item) => {
      const root = isJsonObject(item) ? item : {};
      const inner: Document = { type: '', root, policy: root };
      return inItem.every((match) => match(inner));
    });
  };
};

/** Turns a condition into the function that tests one policy. */
export const matcher = (condition: Condition, context: WhereContext): Match => {
  switch (condition.kind) {
    case 'all': {
      const parts = condition.of.map((part) => matcher(part, context));
      return (document) => parts.every((match) => match(document));
    }
    case 'any': {
      const parts = condition.of.map((part) => matcher(part, context));
      return (document) => parts.some((match) => match(document));
    }
    case 'not': {
      const inner = matcher(condition.of, context);
      return (document) => !inner(document);
    }
    case 'declared':
      return (document) => someAt(document, condition.path, () => true);
    case 'item':
      return listItem(condition.list, condition.of, context);
    case 'compare':
      return comparison(condition, context);
  }
};
