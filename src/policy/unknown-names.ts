import { isJsonObject } from '../codec/json.ts';
import type { PolicyBook, PolicyState } from './book.ts';
import type { BringResult } from './apply-bring.ts';
import { type Document, type Path, someAt, valuesAt } from './get-path.ts';
import { kindOf, KNOWN_TYPES } from './kinds/registry.ts';
import type { GetRequest, PolicySource } from './query.ts';
import { type Condition, idsOf } from './where.ts';

/** A name in a question that no policy has: it may be a slip, and the empty answer does not say so. */
export interface UnknownName {
  readonly kind: 'type' | 'attribute';
  readonly name: string;
  /** Where the attribute was looked for, from the root down: empty below the root. */
  readonly within: readonly string[];
  /** The types that were asked for; undefined: all. */
  readonly types: readonly string[] | undefined;
  /** Names that stand there. */
  readonly known: readonly string[];
}

type Search = Pick<GetRequest, 'types' | 'where'>;

/** `is declared` asks just that, and `childfrom` looks at parents. */
const comparedPaths = (condition: Condition): readonly Path[] => {
  switch (condition.kind) {
    case 'all':
    case 'any':
    case 'item':
      return condition.of.flatMap(comparedPaths);
    case 'not':
      return comparedPaths(condition.of);
    case 'declared':
      return [];
    case 'compare':
      return condition.operator === 'childfrom' ? [] : [condition.path];
  }
};

const broughtPaths = ({ bring }: GetRequest): readonly Path[] =>
  (bring?.items ?? []).flatMap((item) => (item.kind === 'path' ? [item.path] : []));

/** How far a policy has come is observed, and not in it. */
const SHOWN_OF_EACH: ReadonlySet<string> = new Set(['ledger', '* ledger']);

/** For each that nobody has, all policies are looked through. */
const PATHS_MAX = 8;

const isEmpty = (result: BringResult): boolean => {
  switch (result.kind) {
    case 'policies':
      return result.policies.length === 0;
    case 'text':
      return result.text === '';
    case 'table':
      return result.rows.length === 0;
    case 'json':
      return Array.isArray(result.value) && result.value.length === 0;
  }
};

const documentsOf = ({ book }: PolicySource, states: readonly PolicyState[]): (() => Iterable<Document>) =>
  function* () {
    for (const { type, id, value } of states) {
      const root = book.shown(id) ?? value;
      yield { type, root, policy: root };
    }
  };

const someOf = (documents: Iterable<Document>, names: readonly string[]): boolean => {
  for (const document of documents) if (someAt(document, { names, cut: undefined }, () => true)) return true;
  return false;
};

const namesAt = (documents: Iterable<Document>, within: readonly string[]): readonly string[] => {
  const known = new Set<string>();
  for (const document of documents)
    for (const value of within.length === 0 ? [document.root] : valuesAt(document, { names: within, cut: undefined }))
      for (const item of Array.isArray(value) ? (value as readonly unknown[]) : [value])
        if (isJsonObject(item)) for (const name of Object.keys(item)) known.add(name);
  return [...known];
};

const unknownAttributes = (
  documents: () => Iterable<Document>,
  types: readonly string[] | undefined,
  paths: readonly Path[],
): readonly UnknownName[] =>
  paths.slice(0, PATHS_MAX).flatMap(({ names }): readonly UnknownName[] => {
    if (names.length === 0 || SHOWN_OF_EACH.has(names.join(' ')) || someOf(documents(), names)) return [];
    const at = names.findIndex((_, index) => !someOf(documents(), names.slice(0, index + 1)));
    const within = names.slice(0, at);
    return [{ kind: 'attribute', name: names[at] ?? '', within, types, known: namesAt(documents(), within) }];
  });

/** A type that is neither built in nor in force in the book; undefined for others. */
export const unknownType = (book: Pick<PolicyBook, 'types'>, type: string): UnknownName | undefined =>
  kindOf(type) !== undefined || book.types().includes(type)
    ? undefined
    : { kind: 'type', name: type, within: [], types: undefined, known: knownTypes(book) };

const knownTypes = (book: Pick<PolicyBook, 'types'>): readonly string[] => [
  ...new Set([...book.types(), ...KNOWN_TYPES]),
];

const unknownIn = (
  source: PolicySource,
  { types, where }: Search,
  brought: readonly Path[],
): readonly UnknownName[] => {
  const { book } = source;
  const unknown = (types ?? []).flatMap((type) => unknownType(book, type) ?? []);
  // Who names an id has found the policy, and a search through all others would be dear.
  if (where !== undefined && idsOf(where) !== undefined) return unknown;
  const states = types === undefined ? book.ofType() : types.flatMap((type) => book.ofType(type));
  if (states.length === 0) return unknown;
  const paths = [...(where === undefined ? [] : comparedPaths(where)), ...brought];
  return [...unknown, ...unknownAttributes(documentsOf(source, states), types, paths)];
};

/**
 * The names in a question that no policy of the types asked for has: types that are neither built in nor in force,
 * attributes that `where` compares, and, where nothing came out, those that `bring` names. Pure.
 */
export const unknownNames = (
  source: PolicySource,
  request: GetRequest,
  result: BringResult,
): readonly UnknownName[] => {
  const { relation } = request;
  if (relation !== undefined) return [...unknownIn(source, request, []), ...unknownIn(source, relation, [])];
  return unknownIn(source, request, isEmpty(result) ? broughtPaths(request) : []);
};
