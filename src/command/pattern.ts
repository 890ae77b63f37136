import { gluedRun, isKeyword, type Token } from './grammar/lexer.ts';

/**
 * The words of a command: `connect dbms <name>`. `<x>` is one value, `<x?>` one that may be missing, `<x...>` the rest
 * of the line as typed, options included.
 */
export interface Pattern {
  readonly text: string;
  readonly parts: readonly PatternPart[];
  /** Literal words before the first value. */
  readonly lead: readonly string[];
}

type PatternPart =
  | { readonly kind: 'literal'; readonly word: string }
  | { readonly kind: 'value'; readonly name: string; readonly needed: boolean }
  | { readonly kind: 'rest'; readonly name: string };

/** How far some tokens are a command of that pattern. */
export interface PatternMatch {
  /** Tokens by value name. */
  readonly values: ReadonlyMap<string, readonly Token[]>;
  /** Where the options start in the tokens; equal to their number where there are none. */
  readonly next: number;
  /** Literal words that matched: of several matches the one with the most counts. */
  readonly score: number;
  /** All parts matched, and what is left are options. */
  readonly whole: boolean;
}

const partOf = (word: string): PatternPart => {
  const inside = /^<([\w-]+)(\?|\.\.\.)?>$/.exec(word);
  if (inside === null) return { kind: 'literal', word };
  const name = inside[1] ?? '';
  return inside[2] === '...' ? { kind: 'rest', name } : { kind: 'value', name, needed: inside[2] === undefined };
};

/** Compiles a pattern's text. */
export const compilePattern = (text: string): Pattern => {
  const parts = text.split(' ').map(partOf);
  const end = parts.findIndex((part) => part.kind !== 'literal');
  const lead = parts.slice(0, end < 0 ? parts.length : end).map((part) => (part.kind === 'literal' ? part.word : ''));
  return { text, parts, lead };
};

const isLiteral = (token: Token | undefined, word: string): boolean =>
  word === '=' ? token?.kind === 'equals' : isKeyword(token, word);

/** Whether options start here: `where …`, or `key = …` without it. */
const startsOptions = (tokens: readonly Token[], at: number): boolean => {
  if (at >= tokens.length || isKeyword(tokens[at], 'where')) return true;
  const equals = tokens.findIndex((token, index) => index > at && token.kind === 'equals');
  if (equals < 0) return false;
  // Without `where` as well: `get operator stat format = json`.
  if (equals > at + 1 && isKeyword(tokens[equals - 1], 'format')) return false;
  return tokens
    .slice(at, equals)
    .every(
      (token) =>
        !isKeyword(token, 'where') && (token.kind === 'word' || token.kind === 'braces' || token.kind === 'string'),
    );
};

interface Progress {
  readonly values: Map<string, readonly Token[]>;
  at: number;
  score: number;
}

const takePart = (part: PatternPart, tokens: readonly Token[], progress: Progress): boolean => {
  if (part.kind === 'literal') {
    if (!isLiteral(tokens[progress.at], part.word)) return false;
    progress.at += 1;
    progress.score += 1;
    return true;
  }
  if (part.kind === 'rest') {
    progress.values.set(part.name, tokens.slice(progress.at));
    progress.at = tokens.length;
    return true;
  }
  const missing = part.needed
    ? progress.at >= tokens.length || isKeyword(tokens[progress.at], 'where')
    : startsOptions(tokens, progress.at);
  if (missing) return !part.needed;
  const count = gluedRun(tokens, progress.at);
  progress.values.set(part.name, tokens.slice(progress.at, progress.at + count));
  progress.at += count;
  return true;
};

/** Tries one pattern; undefined where not even its leading words match. */
export const matchPattern = (pattern: Pattern, tokens: readonly Token[]): PatternMatch | undefined => {
  const progress: Progress = { values: new Map(), at: 0, score: 0 };
  let left = 0;
  for (const part of pattern.parts) {
    if (!takePart(part, tokens, progress)) {
      left = pattern.parts.length;
      break;
    }
  }
  if (progress.score < pattern.lead.length) return undefined;
  const whole = left === 0 && startsOptions(tokens, progress.at);
  return { values: progress.values, next: progress.at, score: progress.score, whole };
};
