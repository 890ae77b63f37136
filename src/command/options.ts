import { fault, type HoldfastError } from '../base/errors.ts';
import type { JsonValue } from '../codec/json.ts';
import { parseDate, parseSize, parseSpan, typedSpan } from './grammar/dates.ts';
import { tokenize, type Token } from './grammar/lexer.ts';
import { isBehindSecret, splitList, strayBehindSecret, type Pair } from './grammar/pairs.ts';
import { maybe } from './grammar/suggest.ts';
import { quoted, syntaxFault } from './grammar/syntax.ts';
import { referencedName, textOfValue, valueOfRun, type Lookup } from './grammar/values.ts';

/** What a value may be, as help shows it, and how it is read from what was typed. */
export interface OptionKind<T> {
  readonly shown: string;
  /** The values that completion offers. */
  readonly choices?: readonly string[];
  /** A value as it would be typed. */
  typed?(value: JsonValue): string;
  read(value: readonly Token[], lookup: Lookup): T;
}

/** One `key = value` that a command takes. Make it with {@link optional}, {@link required}, {@link withDefault}, {@link repeated}. */
export interface Option<T> {
  readonly kind: OptionKind<unknown>;
  readonly about: string;
  /** Other documented spellings of the key. */
  readonly aliases: readonly string[];
  readonly need: 'optional' | 'required' | 'repeated';
  readonly fallback: JsonValue | undefined;
  /** Whether only an admin may say it; see {@link ofAdmins}. */
  readonly admin?: boolean;
  /** Whether a command that reads changes something where it is said; see {@link changing}. */
  readonly changes?: boolean;
  read(given: readonly (readonly Token[])[], lookup: Lookup): T;
}

/** The options of a command by their keys, spelt with `_` for blanks. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;
/** What a command gets: the value of each option of its table. */
export type OptionValues<O extends OptionTable> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

type Aliases = readonly string[];

/** An option that may be left out: its value is undefined then. `about` is for help. */
export const optional = <T>(kind: OptionKind<T>, about: string, aliases: Aliases = []): Option<T | undefined> => ({
  kind,
  about,
  aliases,
  need: 'optional',
  fallback: undefined,
  read: ([first], lookup) => (first === undefined ? undefined : kind.read(first, lookup)),
});

/** An option that may be left out: its value is `fallback` then, which help shows. */
export const withDefault = <T extends JsonValue>(
  kind: OptionKind<T>,
  fallback: T,
  about: string,
  aliases: Aliases = [],
): Option<T> => ({
  kind,
  about,
  aliases,
  need: 'optional',
  fallback,
  read: ([first], lookup) => (first === undefined ? fallback : kind.read(first, lookup)),
});

/** An option that must be said. */
export const required = <T>(kind: OptionKind<T>, about: string, aliases: Aliases = []): Option<T> => ({
  kind,
  about,
  aliases,
  need: 'required',
  fallback: undefined,
  // readOptions has checked that it is there.
  read: ([first], lookup) => kind.read(first ?? [], lookup),
});

/** May stand several times, or once with a list `(a, b)`. */
export const repeated = <T>(kind: OptionKind<T>, about: string, aliases: Aliases = []): Option<readonly T[]> => ({
  kind,
  about,
  aliases,
  need: 'repeated',
  fallback: undefined,
  read: (given, lookup) => given.flatMap((value) => listItems(value).map((item) => kind.read(item, lookup))),
});

/** The same for admins and the start script alone, while others may run the command without it. */
export const ofAdmins = <T>(option: Option<T | undefined>): Option<T | undefined> => ({ ...option, admin: true });

/** The same for a command that only reads where it is not said: with it the command wants POST. */
export const changing = <T>(option: Option<T>): Option<T> => ({ ...option, changes: true });

const listItems = (value: readonly Token[]): readonly (readonly Token[])[] => {
  const only = value[0];
  return value.length === 1 && only?.kind === 'group' ? splitList(tokenize(only.text)) : [value];
};

const textKind = <T>(shown: string, read: (text: string) => T, choices?: readonly string[]): OptionKind<T> => ({
  shown,
  ...(choices === undefined ? {} : { choices }),
  read: (value, lookup) => read(textOfValue(valueOfRun(value, lookup))),
});

/** A text as if it had been typed in quotes. */
export const textToken = (text: string): Token => ({
  kind: 'string',
  raw: text,
  text,
  at: 0,
  end: text.length,
  glued: false,
});

const wrongValue = (text: string, expected: string): HoldfastError =>
  fault('COMMAND_VALUE', `${quoted(text)} is not ${expected}`, { data: { value: text.slice(0, 200), expected } });

/** Any text. */
export const anyText = textKind('text', (text) => text);
/** A command, which may have options of its own. */
export const commandText = textKind('command', (text) => text);
/** A name of a database or table: lower case on its way in; what can be neither is refused here. */
export const nameText = textKind('name', (text) => {
  const name = text.normalize('NFC').toLowerCase();
  if (!/^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_$-]{0,63}$/u.test(name))
    throw wrongValue(text, 'a name of letters, digits and _');
  return name;
});
/** The same, or `*` for all. */
export const nameOrAll = textKind('name|*', (text) =>
  text === '*' ? '*' : nameText.read([textToken(text)], NO_LOOKUP),
);
/** `true` or `false`, in any case. */
export const bool = textKind(
  'true|false',
  (text) => {
    const lower = text.toLowerCase();
    if (lower !== 'true' && lower !== 'false') throw wrongValue(text, 'true or false');
    return lower === 'true';
  },
  ['true', 'false'],
);
/** A whole number within both bounds, inclusive; anything else is `COMMAND_VALUE`. */
export const integer = (least: number, most: number): OptionKind<number> =>
  textKind(`${least}…${most}`, (text) => {
    const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= least && number <= most)) throw wrongValue(text, `a whole number from ${least} to ${most}`);
    return number;
  });
/** One of some words, in any case; read as it is spelt here. Anything else is `COMMAND_VALUE`. */
export const oneOf = <const T extends string>(...choices: readonly T[]): OptionKind<T> =>
  textKind(
    choices.join('|'),
    (text) => {
      const found = choices.find((choice) => choice === text.toLowerCase());
      if (found === undefined) throw wrongValue(text, `one of ${choices.join(', ')}`);
      return found;
    },
    choices,
  );
/** `HOST:PORT`. */
export const address = textKind('ip:port', (text) => {
  const port = Number(/^(?:\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5})$/.exec(text)?.[1] ?? Number.NaN);
  if (!(port <= 65_535)) throw wrongValue(text, 'an address HOST:PORT');
  return text;
});
/** A date, kept as typed against the clock: `-30d` moves on with the time. */
export const date = textKind('date', (text) => {
  parseDate(text, 0);
  return (nowMs: number): number => parseDate(text, nowMs);
});
/** Milliseconds. */
export const span: OptionKind<number> = {
  ...textKind('span', parseSpan),
  typed: (value) => (typeof value === 'number' ? typedSpan(value) : textOfValue(value)),
};
/** Bytes. */
export const size = textKind('size', parseSize);
/** The name of a variable, with or without `!`: what it names is looked up later. */
export const variableName: OptionKind<string> = {
  shown: '!name',
  read: ([token]) => (token === undefined ? '' : referencedName(token.raw)),
};
/** A JSON literal, or a variable that holds one (also as text). */
export const json: OptionKind<JsonValue> = {
  shown: 'json',
  read: (value, lookup) => {
    const found = valueOfRun(value, lookup);
    if (typeof found !== 'string') return found;
    const tokens = /^\s*[[{]/.test(found) ? tokenize(found) : [];
    if (tokens.length === 1 && tokens[0]?.kind === 'braces') return valueOfRun(tokens, NO_LOOKUP);
    throw fault('COMMAND_JSON', `${quoted(found)} is not JSON`, {
      hint: found.startsWith('!')
        ? `the variable ${found} is not defined on this node`
        : 'expected {…}, or !name of a variable that holds it',
    });
  },
};
/** A list of texts in one value: `(a, b)`, `a, b` or `a`. */
export const texts: OptionKind<readonly string[]> = {
  shown: '(a, b, …)',
  read: (value, lookup) => {
    const only = value[0];
    const tokens = value.length === 1 && only?.kind === 'group' ? tokenize(only.text) : value;
    return splitList(tokens).map((item) => textOfValue(valueOfRun(item, lookup)));
  },
};

/** For values that refer to nothing: there is no variable, and no environment. */
export const NO_LOOKUP: Lookup = { variable: () => undefined, environment: () => undefined };

const spelling = (key: string): string => key.replaceAll(' ', '_');

const ownerOf = (key: string, table: OptionTable): string | undefined => {
  const spelt = spelling(key);
  return Object.keys(table).find((name) => name === spelt || (table[name] as Option<unknown>).aliases.includes(spelt));
};

/** What follows a value without `and` would be part of it. */
const checkJoined = ({ value }: Pair, isOption: (key: string) => boolean): void => {
  const next = value.find(
    ({ kind, text }, at) =>
      at > 0 && kind === 'word' && value[at + 1]?.kind === 'equals' && isOption(spelling(text.toLowerCase())),
  );
  if (next !== undefined) throw syntaxFault('options are joined by and', next.at, next.raw, `'and' before ${next.raw}`);
};

const collect = (pairs: readonly Pair[], table: OptionTable, beside: readonly string[]): Map<string, Pair[]> => {
  const given = new Map<string, Pair[]>();
  for (const [at, pair] of pairs.entries()) {
    const name = ownerOf(pair.key, table);
    if (name === undefined) {
      if (isBehindSecret(pairs, at)) throw strayBehindSecret(pair.at);
      const known = [...Object.keys(table), ...beside];
      throw fault('COMMAND_OPTION', `unknown option ${quoted(pair.key)} (at character ${pair.at + 1})`, {
        data: { option: pair.key.slice(0, 200), at: pair.at + 1, known },
        hint: maybe(
          pair.key,
          known,
          known.length === 0 ? 'the command takes no options' : `options: ${known.join(', ')}`,
        ),
      });
    }
    if (table[name]?.kind !== commandText)
      checkJoined(pair, (key) => ownerOf(key, table) !== undefined || beside.includes(key));
    const held = given.get(name);
    if (held === undefined) given.set(name, [pair]);
    else if (table[name]?.need === 'repeated') held.push(pair);
    else
      throw fault('COMMAND_OPTION_TWICE', `the option ${name} is given twice`, {
        data: { option: name, at: pair.at + 1 },
      });
  }
  return given;
};

const named = (name: string, caught: unknown): unknown => {
  if (!(caught instanceof Error) || !('code' in caught)) return caught;
  const failure = caught as HoldfastError;
  if (!failure.code.startsWith('COMMAND_')) return failure;
  return fault(failure.code, `option ${name}: ${failure.message}`, {
    data: { ...failure.data, option: name },
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
    cause: failure,
  });
};

/**
 * Gives the typed pairs their meaning. Throws `COMMAND_OPTION` (unknown, with suggestions), `COMMAND_OPTION_TWICE`,
 * `COMMAND_OPTION_MISSING`, and what the kinds throw (`COMMAND_VALUE`, `COMMAND_DATE` …) with the option's name.
 * `beside` names options that are read elsewhere, for the suggestions.
 */
export const readOptions = <O extends OptionTable>(
  pairs: readonly Pair[],
  table: O,
  lookup: Lookup,
  beside: readonly string[] = [],
): OptionValues<O> => {
  const given = collect(pairs, table, beside);
  const values = Object.entries(table).map(([name, option]) => {
    const pairsOf = given.get(name) ?? [];
    if (pairsOf.length === 0 && option.need === 'required')
      throw fault('COMMAND_OPTION_MISSING', `the option ${name} is missing`, {
        data: { option: name },
        hint: `add: where ${name} = [${option.kind.shown}] (${option.about})`,
      });
    try {
      return [
        name,
        option.read(
          pairsOf.map(({ value }) => value),
          lookup,
        ),
      ] as const;
    } catch (caught) {
      throw named(name, caught);
    }
  });
  // Built from the table's own keys by the table's own readers.
  return Object.fromEntries(values) as OptionValues<O>;
};
