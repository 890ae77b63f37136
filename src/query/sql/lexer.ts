import { SQL_CHARS_MAX, SQL_TOKENS_MAX } from '../../base/limits.ts';
import { sqlFault } from './sql-faults.ts';

/** A word or sign of SQL; `at` and `end` are places in the text, the end exclusive. */
export interface Token {
  /** `word`: unquoted; `name`: in double quotes, backticks or brackets; `end`: after the last. */
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'sign' | 'end';
  /** Content without quotes; a word as written. */
  readonly value: string;
  readonly at: number;
  readonly end: number;
}

const SPACE = /[ \t\r\n\f]+/y;
const WORD = /[\p{L}_][\p{L}\p{M}\p{N}_$]*/uy;
const NUMBER = /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const SIGN = /<=|>=|<>|!=|==|\|\||::|[-+*/%(),.;=<>]/y;
const QUOTES: Readonly<Record<string, string>> = { "'": "'", '"': '"', '`': '`', '[': ']' };

/** Cuts SQL into tokens. Refuses comments, control characters, what is not Unicode and what is too long. */
export const tokenize = (sql: string): readonly Token[] => {
  if (sql.length > SQL_CHARS_MAX)
    throw sqlFault('SQL_TOO_LONG', sql, 0, `it has ${sql.length} characters; at most ${SQL_CHARS_MAX} are accepted`);
  const tokens: Token[] = [];
  let at = skipSpace(sql, 0);
  while (at < sql.length) {
    if (tokens.length >= SQL_TOKENS_MAX)
      throw sqlFault('SQL_TOO_LONG', sql, at, `it has more than ${SQL_TOKENS_MAX} words and signs`);
    const token = nextToken(sql, at);
    tokens.push(token);
    at = skipSpace(sql, token.end);
  }
  tokens.push({ kind: 'end', value: '', at: sql.length, end: sql.length });
  return tokens;
};

const match = (pattern: RegExp, sql: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
};

const skipSpace = (sql: string, at: number): number => at + (match(SPACE, sql, at)?.length ?? 0);

const nextToken = (sql: string, at: number): Token => {
  const two = sql.slice(at, at + 2);
  if (two === '--' || two === '/*')
    throw sqlFault('SQL_COMMENT', sql, at, 'comments are not accepted', 'write `- -` where a double minus is meant');
  const close = QUOTES[sql[at] ?? ''];
  if (close !== undefined) return quoted(sql, at, close);
  for (const [kind, pattern] of [
    ['word', WORD],
    ['number', NUMBER],
    ['sign', SIGN],
  ] as const) {
    const value = match(pattern, sql, at);
    if (value !== undefined) return { kind, value, at, end: at + value.length };
  }
  throw sqlFault('SQL_CHARACTER', sql, at, 'this character has no meaning here');
};

/** A doubled closing quote stands for one (not in brackets). */
const quoted = (sql: string, at: number, close: string): Token => {
  const kind = close === "'" ? 'text' : 'name';
  let value = '';
  for (let from = at + 1; ;) {
    const found = sql.indexOf(close, from);
    if (found < 0) throw sqlFault('SQL_SYNTAX', sql, at, `the quote that opens here is never closed`);
    value += sql.slice(from, found);
    if (close === ']' || sql[found + 1] !== close) {
      checkContent(sql, at, value);
      if (kind === 'name' && value === '') throw sqlFault('SQL_SYNTAX', sql, at, 'a name is empty');
      return { kind, value, at, end: found + 1 };
    }
    value += close;
    from = found + 2;
  }
};

/** SQLite ends its text at a NUL, and has no form for half a surrogate pair: both would change what was asked. */
const checkContent = (sql: string, at: number, value: string): void => {
  if (value.includes('\0')) throw sqlFault('SQL_CHARACTER', sql, at, 'a NUL character is not accepted');
  if (!value.isWellFormed()) throw sqlFault('SQL_CHARACTER', sql, at, 'the text is not valid Unicode');
};
