import type { Sliced } from '../base/slices.ts';
import { canonicalJson } from '../codec/canonical.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { applyToRest, type Fact } from './facts.ts';

/** Which entry gave a policy in force each part of its value. */
export interface Origins {
  readonly insert: Fact;
  /** By the key of {@link PartsOf}. */
  readonly parts: ReadonlyMap<string, Fact>;
}

/** SPEC §3: what the root says of one policy. */
export interface OriginLeaf extends JsonObject {
  /** Hash of the entry since which each attribute has its value. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly id: string;
  /** Hash of the insert that it began with. */
  readonly insert: string | null;
  readonly member: JsonValue;
  readonly type: string;
}

/** Where the reckoning begins of a policy that a snapshot has settled. */
export interface SettledOrigins {
  readonly insert: Fact;
  /** Which entry gave each attribute. */
  readonly attributes: ReadonlyMap<string, Fact>;
  /** What it was, with something that is like no value in the place of what is erased. */
  readonly value: JsonObject;
  covers(fact: Fact): boolean;
}

/** Takes a value apart: each part under a key of its own. */
export type PartsOf = (value: JsonObject) => ReadonlyMap<string, JsonValue>;

/** The attributes of the root. */
export const attributesOf: PartsOf = (value) => new Map(Object.entries(value));

/**
 * Every value that is no object and no list, and every empty one; the key is the path as JSON: `["table",0,"dbms"]`.
 */
export const leavesOf: PartsOf = (value) => {
  const leaves = new Map<string, JsonValue>();
  const descend = (path: readonly (string | number)[], part: JsonValue): void => {
    const inner: readonly (readonly [string | number, JsonValue])[] = Array.isArray(part)
      ? [...(part as readonly JsonValue[]).entries()]
      : isJsonObject(part)
        ? Object.entries(part)
        : [];
    if (inner.length === 0) leaves.set(JSON.stringify(path), part);
    else for (const [name, item] of inner) descend([...path, name], item);
  };
  for (const [name, part] of Object.entries(value)) descend([name], part);
  return leaves;
};

/** Whether two values are one, a missing one apart from null. */
const isSameValue = (a: JsonValue | undefined, b: JsonValue | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && canonicalJson([a]) === canonicalJson([b]));

/** The attribute that a part belongs to. */
const attributeOf = (partsOf: PartsOf, key: string): string =>
  partsOf === attributesOf ? key : String((JSON.parse(key) as readonly unknown[])[0]);

const SLICE = 100;

/** What an entry gave, where its body is erased with something in the place of each value that is like no other. */
const givenBy = ({ hash, content, erasure }: Fact): JsonObject =>
  erasure === undefined
    ? content
    : { ...content, ...Object.fromEntries(erasure.attributes.map((name) => [name, { erased: hash }])) };

/**
 * The origins of a policy in force, from all its facts in the order in which they take effect, as the fold has judged
 * them when the work begins. A part has the entry since which it has its value: an update that names it with the value
 * that it has gives it nothing. An attribute whose value is erased keeps the entry that gave it.
 */
export const originsOf = function* (
  facts: readonly Fact[],
  partsOf: PartsOf,
  settled?: SettledOrigins,
): Sliced<Origins | undefined> {
  const own = settled === undefined ? facts : facts.filter((fact) => !settled.covers(fact));
  const start = own.findLastIndex(({ op, void: reason }) => op === 'insert' && reason === undefined);
  const insert = own[start] ?? settled?.insert;
  if (insert === undefined) return undefined;
  const updates = own.slice(start + 1).filter(({ op, void: reason }) => op === 'update' && reason === undefined);
  const base = start < 0 ? settled : undefined;
  let value = base?.value ?? givenBy(insert);
  let before = partsOf(value);
  let parts = new Map(
    [...before.keys()].map((key) => [key, base?.attributes.get(attributeOf(partsOf, key)) ?? insert] as const),
  );
  for (const [at, fact] of updates.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    value = applyToRest(insert.type ?? '', value, givenBy(fact)).value;
    const after = partsOf(value);
    const earlier = parts;
    parts = new Map();
    for (const [key, part] of after) {
      const origin = isSameValue(before.get(key), part) ? earlier.get(key) : undefined;
      parts.set(key, origin ?? fact);
    }
    before = after;
  }
  return { insert, parts };
};
