import { fault } from '../base/errors.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Subject } from './claims.ts';
import { kindOf } from './kinds/registry.ts';

/**
 * The name by which people and scripts mean a cluster or a node, of whichever company: one policy of a type is to have
 * it. Child clusters have the name of their parent.
 */
const nameMeant = (type: string, { name, parent }: JsonObject): string | undefined =>
  isNamed(type) && (type !== 'cluster' || parent === undefined) && typeof name === 'string' ? name : undefined;

const isNamed = (type: string): boolean => type === 'cluster' || kindOf(type)?.isNode === true;

/** The key that stands for it, none where a policy has no such name. */
export const nameKeys = (type: string, value: JsonObject): readonly string[] => {
  const name = nameMeant(type, value);
  return name === undefined ? [] : [`name\u0000${type}\u0000${name}`];
};

/**
 * Which policies in force are meant by which name. Asked at each write, so nothing is looked at but what has changed
 * since.
 */
export class MeantNames {
  readonly #subjects: ReadonlyMap<string, Subject>;
  readonly #ids = new Map<string, Set<string>>();
  /** By the id of the policy. */
  readonly #keys = new Map<string, string>();
  /** Undefined until it is asked for the first time: then all are looked at. */
  #moved: Set<Subject> | undefined;

  constructor(subjects: ReadonlyMap<string, Subject>) {
    this.#subjects = subjects;
  }

  /** A policy may have come into force, changed or ended; `type` is that of an insert of it. */
  moved(type: string, subject: Subject): void {
    if (isNamed(type)) this.#moved?.add(subject);
  }

  /** Ids of the policies for which a key of {@link nameKeys} stands. */
  holders(key: string): Iterable<string> {
    for (const subject of this.#moved ?? this.#subjects.values()) this.#file(subject);
    this.#moved = new Set();
    return this.#ids.get(key) ?? [];
  }

  #file({ id, life }: Subject): void {
    const before = this.#keys.get(id);
    const [key] = life === undefined || life.waiting !== undefined ? [] : nameKeys(life.type, life.value);
    if (key === before) return;
    if (before !== undefined) {
      const ids = this.#ids.get(before);
      ids?.delete(id);
      if (ids?.size === 0) this.#ids.delete(before);
      this.#keys.delete(id);
    }
    if (key === undefined) return;
    this.#keys.set(id, key);
    const ids = this.#ids.get(key);
    if (ids === undefined) this.#ids.set(key, new Set([id]));
    else ids.add(id);
  }
}

/**
 * No rule of the fold: where two nodes write at once, or a ledger has it from before, both stay, and `blockchain test`
 * tells it. Throws `POLICY_NOT_UNIQUE`.
 */
export const refuseNameTaken = (
  book: { namedBy(key: string): Iterable<string> },
  type: string,
  id: string,
  value: JsonObject,
): void => {
  const name = nameMeant(type, value);
  for (const key of nameKeys(type, value))
    for (const holder of book.namedBy(key))
      if (holder !== id)
        throw fault('POLICY_NOT_UNIQUE', `${type} (name) = (${name ?? ''}) is held by policy ${holder}`, {
          data: { id, holder },
          hint: `see it with: blockchain get * where id = ${holder}`,
        });
};
