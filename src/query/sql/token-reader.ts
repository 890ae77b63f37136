import type { HoldfastError } from '../../base/errors.ts';
import { type Token, tokenize } from './lexer.ts';
import { sqlFault } from './sql-faults.ts';

/** Words that are never the name of a column, table or alias unless quoted. */
const KEYWORDS = new Set(
  (
    'SELECT DISTINCT ALL FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET AS AND OR NOT IN BETWEEN LIKE GLOB ESCAPE IS NULL ' +
    'ISNULL NOTNULL CASE WHEN THEN ELSE END CAST ASC DESC NULLS EXISTS JOIN INNER LEFT RIGHT FULL CROSS NATURAL OUTER ' +
    'ON USING UNION INTERSECT EXCEPT WITH VALUES INTO COLLATE MATCH REGEXP OVER FILTER WINDOW INDEXED RETURNING ' +
    'ATTACH DETACH PRAGMA VACUUM INSERT UPDATE DELETE REPLACE CREATE DROP ALTER'
  ).split(' '),
);
// `replace` is also a function elsewhere; it is refused by the list of functions like any other.

/** A cursor over the tokens of one statement. */
export class TokenReader {
  readonly sql: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(sql: string) {
    this.sql = sql;
    this.#tokens = tokenize(sql);
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] as Token;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  /** Whether the next token is that keyword. */
  atWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'word' && token.value.toUpperCase() === word;
  }

  atSign(sign: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'sign' && token.value === sign;
  }

  atKeyword(): boolean {
    const token = this.peek();
    return token.kind === 'word' && KEYWORDS.has(token.value.toUpperCase());
  }

  takeWord(word: string): boolean {
    const found = this.atWord(word);
    if (found) this.next();
    return found;
  }

  takeSign(sign: string): boolean {
    const found = this.atSign(sign);
    if (found) this.next();
    return found;
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) throw this.refuse('SQL_SYNTAX', `${word} is expected here`);
  }

  expectSign(sign: string): void {
    if (!this.takeSign(sign)) throw this.refuse('SQL_SYNTAX', `${JSON.stringify(sign)} is expected here`);
  }

  name(what: string): string {
    const token = this.peek();
    if (token.kind === 'name' || (token.kind === 'word' && !this.atKeyword())) return this.next().value;
    throw this.refuse('SQL_SYNTAX', `${what} is expected here`);
  }

  /** A whole number of at least 0. */
  count(what: string): number {
    const token = this.peek();
    const value = Number(token.value);
    if (token.kind !== 'number' || !/^[0-9]+$/.test(token.value) || !Number.isSafeInteger(value))
      throw this.refuse('SQL_SYNTAX', `${what} takes a whole number`);
    this.next();
    return value;
  }

  /** One or more of something, separated by commas. */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.takeSign(',')) items.push(item());
    return items;
  }

  /**
   * The user's words from an offset to the last token taken: lower case, single blanks, without `::` casts at their
   * end.
   */
  wordsFrom(at: number): string {
    const last = this.#tokens[this.#at - 1] as Token;
    const words = this.sql.slice(at, last.end).toLowerCase().replace(/\s+/g, ' ');
    return words.replace(/(?:\s*::\s*\w+(?:\s*\([^()]*\))?)+$/, '');
  }

  refuse(code: string, text: string, at = this.peek().at): HoldfastError {
    return sqlFault(code, this.sql, at, text);
  }
}
