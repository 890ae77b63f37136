import { fault } from '../base/errors.ts';
import { POLICY_PATHS_MAX } from '../base/limits.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { type Document, documentOf, freeName, mainOf } from './get-path.ts';

/**
 * How policies lead to one another: `parent` names the one above, `object_id` the one that a place in a tree stands
 * for.
 */
export interface Hierarchy {
  /** Policies whose attribute of that name holds the id. */
  readonly withReference?: (attribute: 'parent' | 'object_id', id: string) => readonly JsonObject[];
  readonly policy?: (id: string) => JsonObject | undefined;
}

const textAt = (document: Document, attribute: string): string => {
  const value = mainOf(document)[attribute];
  return typeof value === 'string' ? value : '';
};

const idOf = (document: Document): string => textAt(document, 'id');

/** The first of each id. What has no id is kept. */
const distinct = (documents: readonly Document[]): readonly Document[] => [
  ...new Map(documents.map((document) => [idOf(document) || document, document])).values(),
];

const policyAt = (id: string, { policy }: Hierarchy): Document | undefined => {
  const found = id === '' ? undefined : policy?.(id);
  return found === undefined ? undefined : documentOf(found);
};

const referring = (
  document: Document,
  attribute: 'parent' | 'object_id',
  { withReference }: Hierarchy,
): readonly Document[] => {
  const id = idOf(document);
  return id === '' ? [] : (withReference?.(attribute, id) ?? []).map(documentOf);
};

/** The policies whose parent is one of these. */
export const childrenOf = (documents: readonly Document[], hierarchy: Hierarchy): readonly Document[] =>
  distinct(documents.flatMap((document) => referring(document, 'parent', hierarchy)));

/** The policy above, the one above that, up to the root. */
const chainAbove = (document: Document, hierarchy: Hierarchy): readonly Document[] => {
  const chain = new Map<string, Document>();
  let parent = textAt(document, 'parent');
  while (!chain.has(parent)) {
    const above = policyAt(parent, hierarchy);
    if (above === undefined) break;
    chain.set(parent, above);
    parent = textAt(above, 'parent');
  }
  return [...chain.values()];
};

/** All policies above these, the nearest first. */
export const parentsOf = (documents: readonly Document[], hierarchy: Hierarchy): readonly Document[] =>
  distinct(documents.flatMap((document) => chainAbove(document, hierarchy)));

const labelOf = (document: Document): string => textAt(document, 'name') || idOf(document);

/** The document with one attribute more; of policies side by side the first has it. */
const withAttribute = (document: Document, name: string, value: JsonValue): Document => {
  const { type, root, policy, sides } = document;
  const main = { ...mainOf(document), [name]: value };
  const whole = policy === root && sides === undefined ? main : { ...policy, [type]: main };
  return sides === undefined
    ? { type, root: main, policy: whole }
    : { type, root: whole, policy: whole, sides: [main, ...sides.slice(1)] };
};

/** Names from the root down, with `/` between: the policy's own place, and those of the policies that stand for it. */
const pathsTo = (document: Document, hierarchy: Hierarchy, seen: ReadonlySet<string>, into: string[]): void => {
  const id = idOf(document);
  if (seen.has(id)) return;
  const standIns = referring(document, 'object_id', hierarchy);
  const above = chainAbove(document, hierarchy);
  if (above.length > 0 || standIns.length === 0) into.push([document, ...above].map(labelOf).toReversed().join('/'));
  if (into.length > POLICY_PATHS_MAX)
    throw fault('POLICY_JOIN_TOO_LARGE', `${labelOf(document)} is at more than ${POLICY_PATHS_MAX} paths`, {
      hint: 'ask for the policies that stand for it: blockchain get * where object_id = ID',
    });
  for (const standIn of standIns) pathsTo(standIn, hierarchy, new Set([...seen, id]), into);
};

/** Each with the attribute `paths`: all paths that lead to it. */
export const withPaths = (documents: readonly Document[], hierarchy: Hierarchy): readonly Document[] =>
  documents.map((document) => {
    const paths: string[] = [];
    pathsTo(document, hierarchy, new Set(), paths);
    return withAttribute(document, 'paths', [...new Set(paths)]);
  });

/** Each with the policy that its `object_id` names, under that policy's type; as it is where there is none. */
export const withObject = (documents: readonly Document[], hierarchy: Hierarchy): readonly Document[] =>
  documents.map((document) => {
    const object = policyAt(textAt(document, 'object_id'), hierarchy);
    return object === undefined
      ? document
      : withAttribute(document, freeName(mainOf(document), object.type), object.root);
  });
