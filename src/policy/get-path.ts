import { fault, type HoldfastError } from '../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';

/** A policy taken apart for reading. `from {…}` reads plain objects: they have no type. */
export interface Document {
  readonly type: string;
  readonly root: JsonObject;
  readonly policy: JsonObject;
  /** Of policies joined side by side: the root of each; then `root` holds both under their types. */
  readonly sides?: readonly JsonObject[];
}

/** Where id, date and parent of a document stand: of policies side by side those of the first count. */
export const mainOf = ({ root, sides }: Document): JsonObject => sides?.[0] ?? root;

/** The name, or with `_2`, `_3` … behind it the first that the object does not use. */
export const freeName = (object: JsonObject, name: string): string => {
  let free = name;
  for (let count = 2; Object.hasOwn(object, free); count += 1) free = `${name}_${count}`;
  return free;
};

/** The one root key of a policy; any other object is its own root. */
export const documentOf = (policy: JsonObject): Document => {
  const roots = Object.entries(policy);
  const [only] = roots;
  if (roots.length === 1 && only !== undefined && isJsonObject(only[1]))
    return { type: only[0], root: only[1], policy };
  return { type: '', root: policy, policy };
};

/** Takes a part of the text that a path found. */
export interface TextFunction {
  readonly name: 'find' | 'rfind' | 'prefix' | 'suffix';
  readonly argument: string;
}

/** `[operator][ip]`: names from the type (or `*`, or left out) down. `[]` has no names and means the type. */
export interface Path {
  readonly names: readonly string[];
  readonly cut: TextFunction | undefined;
}

/** An error in the text of `blockchain get`. */
export const syntax = (text: string, at: string, hint: string): HoldfastError =>
  fault('POLICY_GET_SYNTAX', `${text}${at === '' ? '' : `, at ${JSON.stringify(at.slice(0, 40))}`}`, { hint });

const PATH_HINT = 'a path is written [type][attribute], [*][attribute] or [attribute]';

const FUNCTION = /^(.*?)\s*\((find|rfind|prefix|suffix)\((.*)\)\)$/s;

const nameOf = (inner: string): string => {
  const name = inner.trim();
  const quote = name[0];
  return name.length > 1 && (quote === '"' || quote === "'") && name.endsWith(quote) ? name.slice(1, -1) : name;
};

/** Where the bracket that opens at `at` ends (after it). */
const bracketEnd = (text: string, at: number): number => {
  const quote = /["']/.exec(text[at + 1] ?? '')?.[0];
  const close = text.indexOf(quote === undefined ? ']' : `${quote}]`, at + 1);
  if (close < 0) throw syntax('a bracket is not closed', text.slice(at), PATH_HINT);
  return close + (quote === undefined ? 1 : 2);
};

/** Reads the brackets that follow one another from `at` on; returns the place after them. */
export const readPath = (text: string, at: number): { readonly path: Path; readonly end: number } => {
  const names: string[] = [];
  let cut: TextFunction | undefined;
  let end = at;
  while (text[end] === '[') {
    const close = bracketEnd(text, end);
    const inner = text.slice(end + 1, close - 1);
    const found = FUNCTION.exec(inner);
    if (found === null) names.push(nameOf(inner));
    else {
      names.push(nameOf(found[1] ?? ''));
      cut = { name: found[2] as TextFunction['name'], argument: found[3] ?? '' };
    }
    end = close;
  }
  if (names.length === 1 && names[0] === '' && cut === undefined) return { path: { names: [], cut }, end };
  if (names.includes('')) throw syntax('a path has empty brackets', text.slice(at), PATH_HINT);
  return { path: { names, cut }, end };
};

/** The names below the root: without a leading type or `*`. */
const below = (names: readonly string[], { type, root }: Document): readonly string[] => {
  const [first, ...rest] = names;
  if (first === '*') return rest;
  if (first === type && (rest.length > 0 || !Object.hasOwn(root, first))) return rest;
  return names;
};

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

const descend = (value: JsonValue, names: readonly string[]): readonly JsonValue[] => {
  const [name, ...rest] = names;
  if (name === undefined) return [value];
  if (isList(value)) {
    if (/^\d+$/.test(name)) {
      const item = value[Number(name)];
      return item === undefined ? [] : descend(item, rest);
    }
    return value.flatMap((item) => descend(item, names));
  }
  if (!isJsonObject(value) || !Object.hasOwn(value, name)) return [];
  const next = value[name];
  return next === undefined ? [] : descend(next, rest);
};

const cutText = (text: string, { name, argument }: TextFunction): string => {
  if (name === 'prefix') return text.slice(0, Number(argument));
  if (name === 'suffix') return Number(argument) === 0 ? '' : text.slice(-Number(argument));
  const at = name === 'find' ? text.indexOf(argument) : text.lastIndexOf(argument);
  return at < 0 ? text : text.slice(at + argument.length);
};

/** Of policies side by side a path that names no type looks into each. */
const found = (document: Document, names: readonly string[]): readonly JsonValue[] => {
  const { root, sides } = document;
  const [first = ''] = names;
  if (sides === undefined) return descend(root, below(names, document));
  if (Object.hasOwn(root, first)) return descend(root, names);
  return sides.flatMap((side) => descend(side, first === '*' ? names.slice(1) : names));
};

/** Everything that a path finds; a list on the way is entered at each of its items. */
export const valuesAt = (document: Document, path: Path): readonly JsonValue[] => {
  const { names, cut } = path;
  if (names.length === 0) return [document.type];
  const values = found(document, names);
  return cut === undefined ? values : values.map((value) => cutText(textOfValue(value), cut));
};

const someBelow = (
  value: JsonValue,
  names: readonly string[],
  at: number,
  test: (value: JsonValue) => boolean,
): boolean => {
  const name = names[at];
  if (name === undefined) return test(value);
  if (!isJsonObject(value)) return descend(value, names.slice(at)).some(test);
  const next = Object.hasOwn(value, name) ? value[name] : undefined;
  return next !== undefined && someBelow(next, names, at + 1, test);
};

/** Whether anything that a path finds passes: {@link valuesAt} without the list, for a search through all policies. */
export const someAt = (document: Document, path: Path, test: (value: JsonValue) => boolean): boolean => {
  const { names, cut } = path;
  if (names.length === 0 || cut !== undefined) return valuesAt(document, path).some(test);
  const [first] = names;
  const plain = first !== '*' && first !== document.type;
  return plain ? someBelow(document.root, names, 0, test) : someBelow(document.root, below(names, document), 0, test);
};

/** What a value looks like in a line of text. */
export const textOfValue = (value: JsonValue): string =>
  typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);
