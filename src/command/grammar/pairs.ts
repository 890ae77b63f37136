import { fault, type HoldfastError } from '../../base/errors.ts';
import { isKeyword, type Token } from './lexer.ts';
import { syntaxFault } from './syntax.ts';

/** One `key = value` as typed: key lower case with single blanks, value not yet given a meaning. */
export interface Pair {
  readonly key: string;
  readonly value: readonly Token[];
  readonly at: number;
}

const keyOf = (tokens: readonly Token[]): string =>
  tokens
    .map((token, index) => {
      const text = token.kind === 'string' ? token.text : token.raw;
      return index === 0 || token.glued ? text : ` ${text}`;
    })
    .join('')
    .toLowerCase();

/** What follows a password may be the rest of it, so no error shows that. */
const SECRET = 'password';
const QUOTE_IT = 'quote a password that has and in it: password = "…"';

/** Whether the pair at that place stands behind a password. */
export const isBehindSecret = (pairs: readonly Pair[], at: number): boolean => pairs[at - 1]?.key === SECRET;

/** What stands behind a password and is no option. */
export const strayBehindSecret = (at: number): HoldfastError =>
  syntaxFault('what follows the password is not an option of the form key = value', at, '', 'key = value', QUOTE_IT);

const readPair = (tokens: readonly Token[], from: number): { readonly pair: Pair; readonly next: number } => {
  let at = from;
  while (tokens[at] !== undefined && tokens[at]?.kind !== 'equals') {
    const token = tokens[at] as Token;
    if (isKeyword(token, 'and') || token.kind === 'group' || token.kind === 'comma' || token.kind === 'operator')
      throw syntaxFault('an option is not of the form key = value', token.at, token.raw, 'key = value');
    at += 1;
  }
  const first = tokens[from];
  if (first === undefined) throw syntaxFault('an option is missing', tokens.at(-1)?.end ?? 0, '', 'key = value');
  if (at >= tokens.length)
    throw syntaxFault(`the option ${keyOf(tokens.slice(from))} has no value`, first.at, first.raw, "'=' and a value");
  if (at === from) throw syntaxFault('an option has no name', first.at, first.raw, 'a name before =');
  const start = at + 1;
  at = start;
  while (tokens[at] !== undefined && !isKeyword(tokens[at], 'and')) at += 1;
  const key = keyOf(tokens.slice(from, start - 1));
  if (at === start) throw syntaxFault(`the option ${key} has no value`, first.at, first.raw, 'a value after =');
  return { pair: { key, value: tokens.slice(start, at), at: first.at }, next: at };
};

const readBehindSecret = (tokens: readonly Token[], from: number): ReturnType<typeof readPair> => {
  try {
    return readPair(tokens, from);
  } catch {
    throw strayBehindSecret(tokens[from]?.at ?? tokens.at(-1)?.end ?? 0);
  }
};

/**
 * Reads `key = value and key = value …` up to the end of the tokens. A value runs to the next `and`.
 * Throws `COMMAND_SYNTAX` where a key, a `=` or a value is missing.
 */
export const readPairs = (tokens: readonly Token[]): readonly Pair[] => {
  const pairs: Pair[] = [];
  let at = 0;
  do {
    if (at > 0) at += 1;
    const { pair, next } = isBehindSecret(pairs, pairs.length) ? readBehindSecret(tokens, at) : readPair(tokens, at);
    pairs.push(pair);
    at = next;
  } while (at < tokens.length);
  return pairs;
};

/** The items of a list `(a, b, …)` or `a, b`; one item where there is no comma. */
export const splitList = (tokens: readonly Token[]): readonly (readonly Token[])[] => {
  const items: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'comma') items.push([]);
    else items.at(-1)?.push(token);
  }
  const empty = items.findIndex((item) => item.length === 0);
  if (empty >= 0 && items.length > 1)
    throw fault('COMMAND_SYNTAX', 'a list has an empty item', { hint: 'expected (a, b, …)' });
  return items.filter((item) => item.length > 0);
};

/** The pairs that follow the words of a command, after `where` or without it. */
export const pairsAfter = (tokens: readonly Token[], next: number): readonly Pair[] => {
  const from = isKeyword(tokens[next], 'where') ? next + 1 : next;
  if (from > next && from >= tokens.length)
    throw syntaxFault("nothing follows 'where'", tokens[next]?.end ?? 0, '', 'key = value');
  return from >= tokens.length ? [] : readPairs(tokens.slice(from));
};
