import { COMMAND_DEPTH_MAX } from '../base/limits.ts';
import { type Literal, type Operator, OPERATORS } from './get-compare.ts';
import { type Path, readPath, syntax } from './get-path.ts';

/** What `where` asks for. Pairs (`key = value`) and conditions (`[a][b] op value`) are the same thing here. */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'declared'; readonly path: Path }
  | { readonly kind: 'compare'; readonly path: Path; readonly operator: Operator; readonly values: readonly Literal[] }
  /** Several comparisons below one attribute: where it is a list, one item must meet them all. */
  | { readonly kind: 'item'; readonly list: Path; readonly of: readonly Comparison[] };

/** One comparison of a condition. */
export type Comparison = Extract<Condition, { readonly kind: 'compare' }>;

interface Token {
  readonly kind: 'word' | 'string' | 'path' | 'mark';
  readonly text: string;
  readonly path?: Path;
  readonly at: number;
  readonly end: number;
}

const HINT =
  'for example: where company = "Lit San Leandro" and port = 7848, or: where [port] >= 7000 or not [main] = true';

const WORD = /[^\s"[\](),=<>!]+/y;
const SIGN = /==|!=|<=|>=|=|<|>|\(|\)|,|\]|!/y;

const pieceAt = (text: string, at: number): Token => {
  const char = text.charAt(at);
  if (char === '[') {
    const { path, end } = readPath(text, at);
    return { kind: 'path', text: text.slice(at, end), path, at, end };
  }
  const previous = text[at - 1];
  if (char === '"' || (char === "'" && (previous === undefined || /[\s=(,<>]/.test(previous)))) {
    const close = text.indexOf(char, at + 1);
    if (close < 0) throw syntax('a quote is not closed', text.slice(at), HINT);
    return { kind: 'string', text: text.slice(at + 1, close), at, end: close + 1 };
  }
  SIGN.lastIndex = at;
  const sign = SIGN.exec(text)?.[0];
  if (sign !== undefined) return { kind: 'mark', text: sign, at, end: at + sign.length };
  WORD.lastIndex = at;
  const word = WORD.exec(text)?.[0] ?? char;
  return { kind: 'word', text: word, at, end: at + word.length };
};

const tokensOf = (text: string): readonly Token[] => {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    if (/\s/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    const token = pieceAt(text, at);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
};

const SPELLINGS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ...OPERATORS.map((operator): [string, Operator] => [operator, operator]),
  ['startwith', 'startswith'],
  ['endwith', 'endswith'],
]);

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  parse(): Condition {
    const condition = this.#any(0);
    const left = this.#peek();
    if (left !== undefined) throw syntax('"and" or "or" expected', this.#text.slice(left.at), HINT);
    return condition;
  }

  #peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #isWord(word: string, ahead = 0): boolean {
    const token = this.#peek(ahead);
    return token?.kind === 'word' && token.text.toLowerCase() === word;
  }

  #isMark(mark: string): boolean {
    const token = this.#peek();
    return token?.kind === 'mark' && token.text === mark;
  }

  #any(depth: number): Condition {
    const of = [this.#all(depth)];
    while (this.#isWord('or')) {
      this.#at += 1;
      of.push(this.#all(depth));
    }
    return of.length === 1 && of[0] !== undefined ? of[0] : { kind: 'any', of };
  }

  #all(depth: number): Condition {
    const of = [this.#term(depth)];
    while (this.#isWord('and')) {
      this.#at += 1;
      of.push(this.#term(depth));
    }
    const joined = joinItems(of);
    return joined.length === 1 && joined[0] !== undefined ? joined[0] : { kind: 'all', of: joined };
  }

  #term(depth: number): Condition {
    if (depth > COMMAND_DEPTH_MAX) throw syntax('too many parentheses in one another', '', HINT);
    if (this.#isWord('not')) {
      this.#at += 1;
      return { kind: 'not', of: this.#term(depth + 1) };
    }
    if (!this.#isMark('(')) return this.#comparison();
    this.#at += 1;
    const inner = this.#any(depth + 1);
    if (!this.#isMark(')')) throw syntax('a parenthesis is not closed', this.#rest(), HINT);
    this.#at += 1;
    return inner;
  }

  #rest(): string {
    const token = this.#peek();
    return token === undefined ? '' : this.#text.slice(token.at);
  }

  #comparison(): Condition {
    const path = this.#key();
    const negated = this.#isWord('not') || (this.#isWord('is') && this.#isWord('not', 1));
    if (this.#isWord('is')) this.#at += 1;
    if (this.#isWord('not')) this.#at += 1;
    const condition = this.#isWord('declared') ? this.#declared(path) : this.#relation(path);
    return negated ? { kind: 'not', of: condition } : condition;
  }

  #declared(path: Path): Condition {
    this.#at += 1;
    return { kind: 'declared', path };
  }

  #relation(path: Path): Condition {
    const token = this.#peek();
    const operator = token?.kind === 'string' ? undefined : SPELLINGS.get(token?.text.toLowerCase() ?? '');
    if (operator === undefined)
      throw syntax(
        'an operator expected',
        this.#rest(),
        `one of ${OPERATORS.join(' ')}, "is declared", "not declared"`,
      );
    this.#at += 1;
    return { kind: 'compare', path, operator, values: this.#isMark('(') ? this.#list() : [this.#value()] };
  }

  /** `[a][b]`, `table[dbms]`, `port`, `local ip`. */
  #key(): Path {
    const names: string[] = [];
    for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
      const word = token.text.toLowerCase();
      const ends =
        token.kind === 'mark' ||
        (token.kind === 'word' && names.length > 0 && (SPELLINGS.has(word) || word === 'is' || word === 'not'));
      if (ends) break;
      this.#at += 1;
      if (token.path !== undefined) {
        const prefix = names.length === 0 ? [] : [names.join(' ')];
        return { names: [...prefix, ...token.path.names], cut: token.path.cut };
      }
      names.push(token.text);
    }
    if (names.length === 0) throw syntax('the name of an attribute expected', this.#rest(), HINT);
    return { names: [names.join(' ')], cut: undefined };
  }

  /** A quoted text, or everything up to the next `and`, `or` or closing parenthesis, blanks kept. */
  #value(inList = false): Literal {
    const first = this.#peek();
    if (first?.kind === 'string') {
      this.#at += 1;
      return { text: first.text, quoted: true };
    }
    let depth = 0;
    let end = first?.at ?? 0;
    for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
      if (depth === 0 && this.#endsValue(inList)) break;
      if (this.#isMark('(')) depth += 1;
      if (this.#isMark(')')) depth -= 1;
      this.#at += 1;
      end = token.end;
    }
    if (first === undefined || end === first.at) throw syntax('a value expected', this.#rest(), HINT);
    const path = first.kind === 'path' && first.end === end ? first.path : undefined;
    return { text: this.#text.slice(first.at, end), quoted: false, ...(path === undefined ? {} : { path }) };
  }

  #endsValue(inList: boolean): boolean {
    return this.#isWord('and') || this.#isWord('or') || this.#isMark(')') || (inList && this.#isMark(','));
  }

  #list(): readonly Literal[] {
    const values: Literal[] = [];
    do {
      this.#at += 1;
      values.push(this.#value(true));
    } while (this.#isMark(','));
    if (!this.#isMark(')')) throw syntax('a list is not closed', this.#rest(), HINT);
    this.#at += 1;
    return values;
  }
}

/** The attribute that a comparison reaches below; undefined where it compares an attribute itself. */
const listOf = (condition: Condition): string | undefined => {
  if (condition.kind !== 'compare' || condition.operator === 'childfrom' || condition.path.names.length < 2)
    return undefined;
  return JSON.stringify(condition.path.names.slice(0, -1));
};

const joinItems = (of: readonly Condition[]): readonly Condition[] => {
  const groups = new Map<string, Comparison[]>();
  for (const condition of of) {
    const list = listOf(condition);
    if (list !== undefined && condition.kind === 'compare') groups.set(list, [...(groups.get(list) ?? []), condition]);
  }
  const joined = [...groups.values()].filter((group) => group.length > 1);
  const taken = new Set<Condition>(joined.flat());
  return [
    ...of.filter((condition) => !taken.has(condition)),
    ...joined.map((group): Condition => {
      const names = group[0]?.path.names.slice(0, -1) ?? [];
      return { kind: 'item', list: { names, cut: undefined }, of: group };
    }),
  ];
};

/** Reads what follows `where`. Throws `POLICY_GET_SYNTAX`. */
export const parseWhere = (text: string): Condition => new Parser(text).parse();

/** The ids that a condition restricts the policies to, so that they are looked up and not searched; undefined: any. */
export const idsOf = (condition: Condition): readonly string[] | undefined => {
  if (condition.kind === 'all') {
    for (const part of condition.of) {
      const ids = idsOf(part);
      if (ids !== undefined) return ids;
    }
    return undefined;
  }
  if (condition.kind !== 'compare' || (condition.operator !== '=' && condition.operator !== '==')) return undefined;
  const { names, cut } = condition.path;
  const isId = cut === undefined && (names.length === 1 ? names[0] === 'id' : names.join(' ') === '* id');
  return isId ? condition.values.map(({ text }) => text) : undefined;
};

/** Whether a condition looks at an attribute of this name. */
export const mentions = (condition: Condition, attribute: string): boolean => {
  switch (condition.kind) {
    case 'all':
    case 'any':
    case 'item':
      return condition.of.some((part) => mentions(part, attribute));
    case 'not':
      return mentions(condition.of, attribute);
    case 'declared':
    case 'compare':
      return condition.path.names.includes(attribute);
  }
};
