import type { Sliced } from '../base/slices.ts';
import { isJsonObject, type JsonValue } from '../codec/json.ts';
import type { PolicyBook, PolicyState } from './book.ts';
import { compareFacts, type Fact } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import { leavesOf, type Origins, originsOf } from './origins.ts';
import type { Chronicle } from './past.ts';
import { authorNames, type Signed, signedBy } from './signed.ts';

/** One value of a policy in force and the entry that gave it. */
export interface BlameLine extends Signed {
  /** Names of attributes, and places in lists from 0. */
  readonly path: readonly (string | number)[];
  readonly value: JsonValue;
}

const valueAt = (value: JsonValue, path: readonly (string | number)[]): JsonValue => {
  let at: JsonValue | undefined = value;
  for (const step of path) {
    if (Array.isArray(at)) at = (at as readonly JsonValue[])[Number(step)];
    else at = isJsonObject(at) ? at[String(step)] : undefined;
  }
  return at ?? null;
};

/**
 * `id` and `date` come with the insert. The member number in force comes with the entry that brought the operator into
 * its cluster or asked for the number, whichever is later.
 */
const originOf = ({ insert, parts }: Origins, path: readonly (string | number)[]): Fact => {
  const own = parts.get(JSON.stringify(path));
  if (insert.type !== 'operator' || path[0] !== 'member') return own ?? insert;
  const moved = parts.get('["cluster"]');
  return [own, moved].reduce<Fact>(
    (latest, fact) => (fact !== undefined && compareFacts(latest, fact) < 0 ? fact : latest),
    insert,
  );
};

/**
 * For each value of a policy in force the entry since which it is there, nested values one by one. A list is told apart
 * by places: taking out its first item moves all others.
 */
export const blameOf = function* (
  state: PolicyState,
  book: PolicyBook & Pick<LedgerFold, 'factsOf' | 'settledOrigins'>,
  chronicle: Chronicle,
): Sliced<readonly BlameLine[]> {
  const names = authorNames(book);
  const origins = yield* originsOf(book.factsOf(state.id), leavesOf, book.settledOrigins(state.id));
  if (origins === undefined) return [];
  return [...leavesOf(state.value).keys()].map((key) => {
    const path = JSON.parse(key) as readonly (string | number)[];
    return {
      path,
      value: valueAt(state.value, path),
      ...signedBy(originOf(origins, path), chronicle, names),
    };
  });
};
