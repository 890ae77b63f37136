import { fault, type HoldfastError } from '../../base/errors.ts';
import { JSON_DEPTH_MAX } from '../../base/limits.ts';
import { losesDigits, type JsonValue } from '../../codec/json.ts';
import { quoted, shortened } from './syntax.ts';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const REFERENCE = /(?:!!?[A-Za-z_][\w-]*(?:\.[A-Za-z]\w*|\[[^\]\n]{0,64}\])*|\$[A-Za-z_]\w*)/y;
const WORDS: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['True', true],
  ['False', false],
  ['None', null],
];
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

const notExact = (number: string, at: number): HoldfastError =>
  fault('COMMAND_JSON_INTEGER', `the number ${shortened(number)} at character ${at} would not be kept as it is`, {
    data: { at, kept: String(Number(number)) },
    hint: `whole numbers are exact from -9007199254740991 to 9007199254740991; write this one as a text: "${shortened(number)}"`,
  });

/** Reads JSON as users of the command language write it. One reader a literal. */
class LiteralReader {
  readonly #text: string;
  readonly #resolve: (reference: string) => JsonValue;
  #at = 0;

  constructor(text: string, resolve: (reference: string) => JsonValue) {
    this.#text = text;
    this.#resolve = resolve;
  }

  whole(): JsonValue {
    const value = this.#value(0);
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#wrong('the end of the JSON');
    return value;
  }

  #wrong(expected: string): HoldfastError {
    return fault('COMMAND_JSON', `not JSON at character ${this.#at + 1}: expected ${expected}`, {
      data: { at: this.#at + 1, expected },
      hint: `near ${quoted(this.#text.slice(this.#at, this.#at + 30) || 'the end')}; both "…" and '…' quote names and text`,
    });
  }

  #blanks(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }

  #take(sign: string): boolean {
    this.#blanks();
    if (this.#text.charAt(this.#at) !== sign) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #value(depth: number): JsonValue {
    if (depth > JSON_DEPTH_MAX)
      throw fault('COMMAND_JSON', `JSON is nested deeper than ${JSON_DEPTH_MAX} levels`, {
        data: { at: this.#at + 1 },
      });
    this.#blanks();
    const char = this.#text.charAt(this.#at);
    if (char === '{') return this.#object(depth);
    if (char === '[') return this.#list(depth);
    if (char === '"' || char === "'") return this.#string();
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at) || /\w/.test(this.#text.charAt(this.#at + word.length))) continue;
      this.#at += word.length;
      return value;
    }
    const reference = this.#match(REFERENCE);
    if (reference !== undefined) return this.#resolve(reference);
    const number = this.#match(NUMBER);
    if (number === undefined)
      throw this.#wrong('a value: text in quotes, a number, true, false, null, {…}, […] or !name');
    if (!Number.isFinite(Number(number))) throw this.#wrong('a number within range');
    if (losesDigits(number)) throw notExact(number, this.#at - number.length + 1);
    return Number(number);
  }

  #object(depth: number): JsonValue {
    this.#at += 1;
    const members = new Map<string, JsonValue>();
    if (this.#take('}')) return {};
    do {
      this.#blanks();
      const start = this.#text.charAt(this.#at);
      if (start !== '"' && start !== "'") throw this.#wrong('a name in quotes');
      const name = this.#string();
      if (members.has(name)) throw this.#wrong(`each name once (${quoted(name)} stands twice)`);
      if (!this.#take(':')) throw this.#wrong("':'");
      members.set(name, this.#value(depth + 1));
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#wrong("',' or '}'");
    // fromEntries defines own properties: a name like __proto__ is data.
    return Object.fromEntries(members);
  }

  #list(depth: number): JsonValue {
    this.#at += 1;
    const items: JsonValue[] = [];
    if (this.#take(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#take(','));
    if (!this.#take(']')) throw this.#wrong("',' or ']'");
    return items;
  }

  #string(): string {
    const quote = this.#text.charAt(this.#at);
    this.#at += 1;
    let content = '';
    for (;;) {
      const char = this.#text.charAt(this.#at);
      if (char === '') throw this.#wrong(`a closing ${quote}`);
      this.#at += 1;
      if (char === quote) return content;
      content += char === '\\' ? this.#escape() : char;
    }
  }

  #escape(): string {
    const char = this.#text.charAt(this.#at);
    this.#at += 1;
    if (char !== 'u') return ESCAPES[char] ?? char;
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#wrong('four hex digits after \\u');
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }
}

/**
 * Parses a JSON literal of a command line: JSON, with either quote, with `True`/`False`/`None` as the documents print
 * them, and with `!name`, `!!name`, `$NAME` standing for values (`resolve` gives them). A name that stands twice is
 * refused, and so is an integer that would be another when it is shown. Throws `COMMAND_JSON`, `COMMAND_JSON_INTEGER`
 * with the position.
 */
export const parseLiteral = (text: string, resolve: (reference: string) => JsonValue): JsonValue =>
  new LiteralReader(text, resolve).whole();
