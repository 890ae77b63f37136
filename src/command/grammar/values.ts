import { isJsonObject, losesDigits, type JsonValue } from '../../codec/json.ts';
import { sizeOf } from './budget.ts';
import { parseLiteral } from './json.ts';
import type { Token } from './lexer.ts';
import { structured } from './structured.ts';

/** Where `!name` and `$NAME` get their values. Injected: the grammar reads no dictionary and no environment. */
export interface Lookup {
  variable(name: string): JsonValue | undefined;
  environment(name: string): string | undefined;
  /** What `[+]` means: how far the loop over this variable is, else the innermost loop; undefined outside of loops. */
  index?(name: string): number | undefined;
  /** Counts characters that a reference looks through against what one line may take (`perLine`); throws above that. */
  readonly spend?: (chars: number) => void;
}

/** A value as text: a string is itself, anything else its JSON. */
export const textOfValue = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));

const TRUE_WORDS = new Set(['true', '1', 'yes', 'on']);
/** Each gets the value, and what it says as JSON. */
const CASTS: Readonly<Record<string, (value: JsonValue, held: JsonValue) => JsonValue | undefined>> = {
  int: (value) => castNumber(value, Number.isInteger, Math.trunc),
  float: (value) => castNumber(value, Number.isFinite, (number) => number),
  bool: (value) => (typeof value === 'boolean' ? value : TRUE_WORDS.has(textOfValue(value).toLowerCase())),
  str: (value) => textOfValue(value),
  name: (value) =>
    textOfValue(value)
      .toLowerCase()
      .replace(/[^a-z0-9_]+/g, '_'),
  len: (_, held) => {
    if (typeof held === 'string') return held.length;
    return membersOf(held)?.length ?? textOfValue(held).length;
  },
  // Of the collected answers of several nodes: how many came, and how many of those asked are missing.
  replies: (_, held) => answersOf(held, (answer) => !isFailure(answer)),
  diff: (_, held) => answersOf(held, isFailure),
};

/** It takes so many times longer than the others. */
const NAME_COSTS = 8;

const membersOf = (value: JsonValue): readonly JsonValue[] | undefined => {
  if (Array.isArray(value)) return value as readonly JsonValue[];
  return isJsonObject(value) ? Object.values(value) : undefined;
};

/** How a node stands in collected answers that did not answer. */
const isFailure = (answer: JsonValue): boolean => isJsonObject(answer) && Object.hasOwn(answer, 'err_code');

const answersOf = (held: JsonValue, counts: (answer: JsonValue) => boolean): JsonValue | undefined =>
  membersOf(held)?.filter(counts).length;

/**
 * A text that is no number, or an integer that a number cannot hold, stays as it is: the command that needs one says
 * which option is wrong.
 */
const castNumber = (value: JsonValue, fits: (n: number) => boolean, shape: (n: number) => number): JsonValue => {
  const text = textOfValue(value).trim();
  const number = text === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(number) || losesDigits(text)) return value;
  return fits(number) ? number : shape(number);
};

const ownMember = (value: JsonValue, name: string): JsonValue | undefined =>
  isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

/** A member of an object, or of each object of a list: `!tables.dbms[0]`. */
const member = (held: JsonValue, name: string): JsonValue | undefined => {
  if (!Array.isArray(held)) return ownMember(held, name);
  const members = (held as readonly JsonValue[]).map((item) => ownMember(item, name));
  return members.some((item) => item !== undefined) ? members.map((item) => item ?? null) : undefined;
};

const part = (whole: JsonValue, value: JsonValue, inside: string): JsonValue | undefined => {
  const range = /^(-?\d+)?:(-?\d+)?$/.exec(inside);
  if (range !== null) {
    const from = range[1] === undefined ? undefined : Number(range[1]);
    const to = range[2] === undefined ? undefined : Number(range[2]);
    return Array.isArray(value) ? (value.slice(from, to) as JsonValue) : textOfValue(whole).slice(from, to);
  }
  if (/^-?\d+$/.test(inside)) {
    return Array.isArray(value)
      ? (value.at(Number(inside)) as JsonValue | undefined)
      : textOfValue(whole).at(Number(inside));
  }
  return ownMember(value, inside.replace(/^(["'])(.*)\1$/, '$2'));
};

/** The name in a reference: `node_name` of `!!node_name.str[1:5]`. */
export const referencedName = (reference: string): string => /^!!?([A-Za-z_][\w-]*)/.exec(reference)?.[1] ?? reference;

/**
 * The value of `!name`, `!name.int`, `!name[1:5]`, `!list[0][key]`, `!list[+]`, `$NAME`; undefined where there is none.
 */
export const resolveReference = (reference: string, lookup: Lookup): JsonValue | undefined => {
  if (reference.startsWith('$')) return lookup.environment(reference.slice(1));
  const name = referencedName(reference);
  let value = lookup.variable(name);
  const rest = reference.slice(reference.indexOf(name) + name.length);
  // Whatever a step does takes no longer than reading all of the value.
  const size = value === undefined ? 0 : sizeOf(value);
  lookup.spend?.(size);
  for (const step of rest.matchAll(/\.([A-Za-z]\w*)|\[([^\]]*)\]/g)) {
    if (value === undefined) return undefined;
    lookup.spend?.(step[1] === 'name' ? NAME_COSTS * size : size);
    const held = structured(value, lookup.spend);
    const suffix = step[1];
    const inside = step[2] === '+' ? String(lookup.index?.(name) ?? '+') : step[2];
    if (suffix === undefined) value = part(value, held, inside ?? '');
    // A member of that name comes before the cast: `!policy.cluster.name`.
    else value = member(held, suffix) ?? (Object.hasOwn(CASTS, suffix) ? CASTS[suffix]?.(value, held) : undefined);
  }
  return value;
};

/** A JSON literal with its references filled in; an undefined one stays as the text that was typed. */
export const literalOf = (text: string, lookup: Lookup): JsonValue =>
  parseLiteral(text, (reference) => resolveReference(reference, lookup) ?? reference);

/** What one token means. An undefined variable stays as the text that was typed. `COMMAND_JSON` for a bad literal. */
export const valueOfToken = (token: Token, lookup: Lookup): JsonValue => {
  switch (token.kind) {
    case 'variable':
    case 'environment':
      return resolveReference(token.raw, lookup) ?? token.raw;
    case 'braces':
      return literalOf(token.text, lookup);
    case 'word':
    case 'string':
    case 'group':
    case 'equals':
    case 'comma':
    case 'operator':
      return token.text;
  }
};

/** What a run of tokens means together: one token its own value, several their texts with the blanks between them. */
export const valueOfRun = (tokens: readonly Token[], lookup: Lookup): JsonValue => {
  const only = tokens[0];
  if (tokens.length === 1 && only !== undefined) return valueOfToken(only, lookup);
  return tokens
    .map((token, index) => {
      const text =
        token.kind === 'group' || token.kind === 'braces' ? token.raw : textOfValue(valueOfToken(token, lookup));
      return index === 0 || token.glued ? text : ` ${text}`;
    })
    .join('');
};

const needsQuotes = (text: string): boolean => text === '' || /[\s=,()[\]{}"'`<>#]/.test(text);

/** A value as it must be typed to mean itself again: quoted where it holds blanks or signs. */
export const typedForm = (value: JsonValue): string => {
  if (typeof value !== 'string') return JSON.stringify(value);
  if (!needsQuotes(value)) return value;
  if (!value.includes('"')) return `"${value}"`;
  return value.includes("'") ? `"${value.replaceAll('"', '\\"')}"` : `'${value}'`;
};

/**
 * The text with its references replaced by their values in typed form. Strings are left alone, and so are references
 * without a value. `remoteToo`: `!!name` as well, which otherwise is for the node that executes the text.
 */
export const expandReferences = (
  text: string,
  tokens: readonly Token[],
  lookup: Lookup,
  remoteToo: boolean,
  offset = 0,
): string => {
  let expanded = '';
  let done = 0;
  for (const token of tokens) {
    const piece = expandedToken(token, lookup, remoteToo);
    if (piece === undefined) continue;
    expanded += text.slice(done, token.at - offset) + piece;
    done = token.end - offset;
  }
  return expanded + text.slice(done);
};

const INNER_REFERENCE =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|!!?[A-Za-z_][\w-]*(?:\.[A-Za-z]\w*|\[[^\]\n]{0,64}\])*|\$[A-Za-z_]\w*/g;

const expandedToken = (token: Token, lookup: Lookup, remoteToo: boolean): string | undefined => {
  const expanded = (reference: string, form: (value: JsonValue) => string): string => {
    if (reference.startsWith('!!') && !remoteToo) return reference;
    const value = resolveReference(reference, lookup);
    return value === undefined ? reference : form(value);
  };
  if (token.kind === 'variable' || token.kind === 'environment') return expanded(token.raw, typedForm);
  if (token.kind !== 'braces' && token.kind !== 'group') return undefined;
  const form = token.kind === 'braces' ? (value: JsonValue): string => JSON.stringify(value) : typedForm;
  return token.raw.replace(INNER_REFERENCE, (found) =>
    found.startsWith('!') || found.startsWith('$') ? expanded(found, form) : found,
  );
};
