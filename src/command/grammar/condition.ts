import { COMMAND_DEPTH_MAX } from '../../base/limits.ts';
import type { JsonValue } from '../../codec/json.ts';
import { isKeyword, tokenize, type Token } from './lexer.ts';
import { syntaxFault } from './syntax.ts';
import { resolveReference, textOfValue, valueOfRun, type Lookup } from './values.ts';

type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'contains';

/** The condition of `if … then …`. */
export type Condition =
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | {
      readonly kind: 'compare';
      readonly sign: Comparison;
      readonly left: readonly Token[];
      readonly right: readonly Token[];
    }
  /** A bare `!x`: whether it is defined and not false. */
  | { readonly kind: 'holds'; readonly value: Token };

const SIGNS = new Set<string>(['==', '!=', '<', '<=', '>', '>=']);

const signOf = (token: Token | undefined): Comparison | undefined => {
  if (token?.kind === 'equals') return '==';
  if (token?.kind === 'operator' && SIGNS.has(token.text)) return token.text as Comparison;
  return isKeyword(token, 'contains') ? 'contains' : undefined;
};

const endsTerm = (token: Token | undefined): boolean =>
  token === undefined || isKeyword(token, 'and') || isKeyword(token, 'or');

class ConditionReader {
  readonly #tokens: readonly Token[];
  readonly #depth: number;
  #at = 0;

  constructor(tokens: readonly Token[], depth: number) {
    this.#tokens = tokens;
    this.#depth = depth;
  }

  whole(): Condition {
    const condition = this.#either();
    const extra = this.#tokens[this.#at];
    if (extra !== undefined)
      throw syntaxFault('a condition goes on unexpectedly', extra.at, extra.raw, 'and, or, then');
    return condition;
  }

  #either(): Condition {
    let left = this.#both();
    while (this.#keyword('or')) left = { kind: 'or', left, right: this.#both() };
    return left;
  }

  #both(): Condition {
    let left = this.#term();
    while (this.#keyword('and')) left = { kind: 'and', left, right: this.#term() };
    return left;
  }

  #keyword(word: string): boolean {
    if (!isKeyword(this.#tokens[this.#at], word)) return false;
    this.#at += 1;
    return true;
  }

  #term(): Condition {
    let negated = false;
    while (this.#keyword('not')) negated = !negated;
    const term = this.#plainTerm();
    return negated ? { kind: 'not', of: term } : term;
  }

  #plainTerm(): Condition {
    const first = this.#tokens[this.#at];
    if (first === undefined || endsTerm(first))
      throw syntaxFault(
        'a condition is missing',
        first?.at ?? this.#tokens.at(-1)?.end ?? 0,
        first?.raw ?? '',
        'a condition',
      );
    return first.kind === 'group' ? this.#nested(first) : this.#comparison(first);
  }

  #nested(group: Token): Condition {
    this.#at += 1;
    if (this.#depth >= COMMAND_DEPTH_MAX)
      throw syntaxFault('a condition is nested too deeply', group.at, group.raw, `at most ${COMMAND_DEPTH_MAX} levels`);
    return new ConditionReader(tokenize(group.text), this.#depth + 1).whole();
  }

  #comparison(first: Token): Condition {
    const start = this.#at;
    while (!endsTerm(this.#tokens[this.#at]) && signOf(this.#tokens[this.#at]) === undefined) this.#at += 1;
    const left = this.#tokens.slice(start, this.#at);
    const sign = signOf(this.#tokens[this.#at]);
    if (sign === undefined) {
      if (left.length > 1)
        throw syntaxFault('a comparison is missing', first.at, first.raw, '==, !=, <, <=, >, >=, contains');
      return { kind: 'holds', value: first };
    }
    this.#at += 1;
    const from = this.#at;
    while (!endsTerm(this.#tokens[this.#at])) this.#at += 1;
    const right = this.#tokens.slice(from, this.#at);
    if (left.length === 0 || right.length === 0)
      throw syntaxFault('a comparison lacks a side', first.at, first.raw, 'a value on both sides');
    return { kind: 'compare', sign, left, right };
  }
}

/** Reads the condition between `if` and `then`. Throws `COMMAND_SYNTAX`. */
export const parseCondition = (tokens: readonly Token[]): Condition => new ConditionReader(tokens, 0).whole();

/** Numbers compare as numbers, everything else as text; an undefined variable equals nothing. */
const compare = (sign: Comparison, left: JsonValue, right: JsonValue): boolean => {
  const [a, b] = [textOfValue(left), textOfValue(right)];
  if (sign === 'contains')
    return Array.isArray(left) ? left.some((item) => textOfValue(item as JsonValue) === b) : a.includes(b);
  const numeric = a.trim() !== '' && b.trim() !== '' && Number.isFinite(Number(a)) && Number.isFinite(Number(b));
  const order = numeric ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0;
  switch (sign) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
};

const FALSE_WORDS = new Set(['', 'false', '0', 'no']);

const holds = (token: Token, lookup: Lookup): boolean => {
  const value =
    token.kind === 'variable' || token.kind === 'environment'
      ? resolveReference(token.raw, lookup)
      : (token.text as JsonValue);
  return value !== undefined && value !== null && !FALSE_WORDS.has(textOfValue(value).toLowerCase());
};

/** Whether a condition is met. */
export const meets = (condition: Condition, lookup: Lookup): boolean => {
  switch (condition.kind) {
    case 'not':
      return !meets(condition.of, lookup);
    case 'and':
      return meets(condition.left, lookup) && meets(condition.right, lookup);
    case 'or':
      return meets(condition.left, lookup) || meets(condition.right, lookup);
    case 'compare':
      return compare(condition.sign, valueOfRun(condition.left, lookup), valueOfRun(condition.right, lookup));
    case 'holds':
      return holds(condition.value, lookup);
  }
};
