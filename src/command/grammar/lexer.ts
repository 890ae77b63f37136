import { fault } from '../../base/errors.ts';
import { COMMAND_CHARS_MAX, COMMAND_TOKENS_MAX } from '../../base/limits.ts';
import { syntaxFault } from './syntax.ts';

/**
 * The smallest parts of a command line. `raw` is what was typed, `text` what it means (a string without its quotes, a
 * group without its parentheses), `at` and `end` its place in the line, `glued` that no blank stands before it.
 *
 * - `word`: anything else up to a blank or a sign; a quote inside a word (`it's`) is part of it.
 * - `string`: in `"…"`, `'…'` or `` `…` ``; a backslash before the same quote keeps it.
 * - `variable`: `!name`, `!!name`, with suffixes and slices; `environment`: `$NAME`.
 * - `braces`: a JSON literal or a path, `{…}` or `[…]`, balanced; `group`: `(…)`, balanced.
 */
export interface Token {
  readonly kind: 'word' | 'string' | 'variable' | 'environment' | 'braces' | 'group' | 'equals' | 'comma' | 'operator';
  readonly raw: string;
  readonly text: string;
  readonly at: number;
  readonly end: number;
  readonly glued: boolean;
}

const CLOSER: Readonly<Record<string, string>> = { '{': '}', '[': ']', '(': ')' };
const QUOTES = '"\'`';
/** What word processors make of quotes. Only where a value begins: within one they may be meant. */
const TYPOGRAPHIC_QUOTES = '“”„‟‘’‚‛';
const OPERATORS = ['==', '!=', '<=', '>=', '<', '>'];
const VARIABLE = /!!?[A-Za-z_][\w-]*(?:\.[A-Za-z]\w*|\[[^\]\n]{0,64}\])*/y;
const ENVIRONMENT = /\$[A-Za-z_]\w*/y;
const BLANK = /\s/;
const WORD_END = new Set([' ', '\t', '\n', '\r', '=', ',', '(', ')', '{', '}', '[', ']', '<', '>']);

const startsBlank = (text: string, at: number): boolean => at === 0 || BLANK.test(text.charAt(at - 1));

/** Where the string that starts at `at` ends (after its closing quote). */
const endOfString = (text: string, at: number): number => {
  const quote = text.charAt(at);
  for (let next = at + 1; next < text.length; next += 1) {
    const char = text.charAt(next);
    if (char === '\\' && (text.charAt(next + 1) === quote || text.charAt(next + 1) === '\\')) next += 1;
    else if (char === quote) return next + 1;
  }
  // What follows is not shown: it may be a password.
  throw syntaxFault('a quote is not closed', at, quote, `a closing ${quote}`);
};

/** Where the bracket that opens at `at` ends; quotes inside keep their brackets to themselves. */
const endOfBracket = (text: string, at: number): number => {
  const open: string[] = [];
  for (let next = at; next < text.length; next += 1) {
    const char = text.charAt(next);
    const closer = CLOSER[char];
    if (closer !== undefined) open.push(closer);
    else if (QUOTES.includes(char) && !/\w/.test(text.charAt(next - 1))) next = endOfString(text, next) - 1;
    else if (char === '}' || char === ']' || char === ')') {
      if (open.pop() !== char)
        throw syntaxFault('brackets do not match', next, char, 'the bracket that was opened last');
      if (open.length === 0) return next + 1;
    }
  }
  throw syntaxFault('a bracket is not closed', at, text.charAt(at), `a closing ${open.at(-1) ?? ''}`);
};

const unescaped = (content: string, quote: string): string =>
  content.includes('\\') ? content.replaceAll(`\\${quote}`, quote) : content;

const endOfWord = (text: string, at: number): number => {
  let next = at;
  while (next < text.length) {
    const char = text.charAt(next);
    if (WORD_END.has(char) || (char === '!' && text.charAt(next + 1) === '=')) break;
    if (char === '!' && next > at) {
      VARIABLE.lastIndex = next;
      if (VARIABLE.test(text)) break;
    }
    next += 1;
  }
  return Math.max(next, at + 1);
};

type Piece = Pick<Token, 'kind' | 'text' | 'end'>;

const matchedFrom = (pattern: RegExp, text: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
};

const pieceAt = (text: string, at: number): Piece => {
  const char = text.charAt(at);
  if (QUOTES.includes(char)) {
    const end = endOfString(text, at);
    return { kind: 'string', text: unescaped(text.slice(at + 1, end - 1), char), end };
  }
  if (TYPOGRAPHIC_QUOTES.includes(char))
    throw syntaxFault('a typographic quote does not quote', at, char, 'a plain quote: " or \'');
  if (CLOSER[char] !== undefined) {
    const end = endOfBracket(text, at);
    if (char === '(') return { kind: 'group', text: text.slice(at + 1, end - 1), end };
    return { kind: 'braces', text: text.slice(at, end), end };
  }
  const operator = OPERATORS.find((sign) => text.startsWith(sign, at));
  if (operator !== undefined) return { kind: 'operator', text: operator, end: at + operator.length };
  if (char === '=') return { kind: 'equals', text: char, end: at + 1 };
  if (char === ',') return { kind: 'comma', text: char, end: at + 1 };
  const variable = matchedFrom(VARIABLE, text, at);
  if (variable !== undefined) return { kind: 'variable', text: variable, end: at + variable.length };
  const environment = matchedFrom(ENVIRONMENT, text, at);
  if (environment !== undefined)
    return { kind: 'environment', text: environment.slice(1), end: at + environment.length };
  const end = endOfWord(text, at);
  return { kind: 'word', text: text.slice(at, end), end };
};

/** Refuses what no command may hold: more than `COMMAND_CHARS_MAX`, NUL. */
export const checkCommandText = (text: string): void => {
  if (text.length > COMMAND_CHARS_MAX)
    throw fault('COMMAND_OVERSIZE', `command of ${text.length} characters; at most ${COMMAND_CHARS_MAX}`, {
      hint: 'put rows with REST PUT, or run a script file with: process FILE',
    });
  const nul = text.indexOf('\0');
  if (nul >= 0) throw syntaxFault('a command cannot hold the character NUL', nul, '', 'text');
};

/** Cuts a command line into tokens; comments (`# …` after a blank) fall away. Throws `COMMAND_SYNTAX`, `COMMAND_OVERSIZE`. */
export const tokenize = (text: string): readonly Token[] => {
  checkCommandText(text);
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (BLANK.test(char)) at += 1;
    else if (char === '#' && startsBlank(text, at)) {
      const lineEnd = text.indexOf('\n', at);
      at = lineEnd < 0 ? text.length : lineEnd;
    } else {
      const piece = pieceAt(text, at);
      const glued = at > 0 && tokens.at(-1)?.end === at;
      tokens.push({ ...piece, raw: text.slice(at, piece.end), at, glued });
      if (tokens.length > COMMAND_TOKENS_MAX)
        throw fault('COMMAND_OVERSIZE', `command of more than ${COMMAND_TOKENS_MAX} words`);
      at = piece.end;
    }
  }
  return tokens;
};

/** Whether a token is the given keyword; keywords are case-insensitive and never quoted. */
export const isKeyword = (token: Token | undefined, keyword: string): boolean =>
  token?.kind === 'word' && token.text.toLowerCase() === keyword;

/** How many tokens from `from` on stand together without a blank (a value such as `!ip:!port` is several). */
export const gluedRun = (tokens: readonly Token[], from: number): number => {
  let count = 1;
  while (tokens[from + count]?.glued === true && !separates(tokens[from + count])) count += 1;
  return count;
};

const separates = (token: Token | undefined): boolean => token?.kind === 'equals' || token?.kind === 'operator';
