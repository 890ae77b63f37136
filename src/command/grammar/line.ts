import { parseCondition, type Condition } from './condition.ts';
import { gluedRun, isKeyword, tokenize, type Token } from './lexer.ts';
import { syntaxFault } from './syntax.ts';

/** What to do when a line of a script fails: go on, end the script with the error, or go on at a label. */
export type OnError =
  { readonly mode: 'ignore' } | { readonly mode: 'end' } | { readonly mode: 'goto' | 'call'; readonly label: string };

/**
 * A command line, read but not yet understood: which command it is, the registry says. `here`: a leading `.` keeps it
 * on this node although a destination stands.
 */
export type Statement =
  | { readonly kind: 'empty' }
  /**
   * `name = …`, `set name = …`; `list` for `name[] = …`, `object` for `name{} = …`. `right` starts at `at` in the line.
   */
  | {
      readonly kind: 'assign';
      readonly name: string;
      readonly collect: 'value' | 'list' | 'object';
      readonly right: string;
      readonly here: boolean;
    }
  | ({ readonly kind: 'if'; readonly here: boolean } & Conditional)
  /** `run client (destination) command`; an empty command makes the destination the standing one. */
  | { readonly kind: 'client'; readonly destination: string; readonly command: string }
  | { readonly kind: 'on-error'; readonly rule: OnError }
  /** `!name`, `get !name`, `$NAME`: prints the value. */
  | { readonly kind: 'variable'; readonly reference: string; readonly json: boolean }
  | { readonly kind: 'command'; readonly text: string; readonly tokens: readonly Token[]; readonly here: boolean };

/** `if CONDITION then COMMAND else COMMAND`; empty where a part is missing. */
interface Conditional {
  readonly condition: Condition;
  readonly then: string;
  readonly otherwise: string;
}

const NAME = /^[A-Za-z_][\w-]*$/;

/** Takes `<…>` off a block: one command over several lines. */
const withoutBlock = (text: string): string => {
  const trimmed = text.trim();
  if (!trimmed.startsWith('<')) return text;
  if (!trimmed.endsWith('>')) throw syntaxFault('a block is not closed', 0, trimmed.slice(0, 20), 'a closing >');
  return trimmed.slice(1, -1);
};

const readAssignment = (text: string, tokens: readonly Token[], here: boolean): Statement | undefined => {
  const first = isKeyword(tokens[0], 'set') ? 1 : 0;
  const name = tokens[first];
  if (name?.kind !== 'word' || !NAME.test(name.text)) return undefined;
  const mark = tokens[first + 1];
  const collect = mark?.kind === 'braces' && mark.text === '[]' ? 'list' : mark?.text === '{}' ? 'object' : 'value';
  const equals = tokens[first + (collect === 'value' ? 1 : 2)];
  if (equals?.kind !== 'equals') return undefined;
  return { kind: 'assign', name: name.text, collect, right: text.slice(equals.end).trim(), here };
};

/** Where the `else` of the `if` stands whose `then` is at `then`: one of an `if` within it belongs to that one. */
const elseOf = (tokens: readonly Token[], then: number): number => {
  let within = 0;
  for (let at = then + 1; at < tokens.length; at += 1) {
    const before = tokens[at - 1];
    const begins = isKeyword(before, 'then') || isKeyword(before, 'else') || isKeyword(before, 'do');
    if (begins && isKeyword(tokens[at], 'if')) within += 1;
    else if (isKeyword(tokens[at], 'else')) {
      if (within === 0) return at;
      within -= 1;
    }
  }
  return -1;
};

const QUOTE_ELSE = "a command, and quotes around a text that holds the word: echo 'one or else'";

/**
 * `if CONDITION`, then `then COMMAND`, either of which may be missing at the end of a line of a script, then
 * `else COMMAND`.
 */
export const readConditional = (text: string, tokens: readonly Token[]): Conditional => {
  const then = tokens.findIndex((token) => isKeyword(token, 'then'));
  const condition = parseCondition(tokens.slice(1, then < 0 ? undefined : then));
  if (then < 0) return { condition, then: '', otherwise: '' };
  const other = elseOf(tokens, then);
  if (other < 0) return { condition, then: withoutComment(text.slice(tokens[then]?.end)), otherwise: '' };
  const [chosen, rest] = [text.slice(tokens[then]?.end, tokens[other]?.at), tokens.slice(other + 1)];
  const read = { condition, then: withoutComment(chosen), otherwise: withoutComment(text.slice(tokens[other]?.end)) };
  const wrong = wrongElse(read, rest);
  if (wrong !== undefined) throw syntaxFault(wrong, tokens[other]?.at ?? 0, '', QUOTE_ELSE);
  return read;
};

const wrongElse = (read: Conditional, rest: readonly Token[]): string | undefined => {
  if (read.then === '') return "nothing stands between 'then' and 'else'";
  if (read.otherwise === '') return "nothing follows 'else'";
  const isTwice = !isKeyword(rest[0], 'if') && rest.some((token) => isKeyword(token, 'else'));
  return isTwice ? "'else' stands twice" : undefined;
};

const withoutComment = (text: string): string => (tokenize(text).length === 0 ? '' : text.trim());

const readIf = (text: string, tokens: readonly Token[], here: boolean): Statement => {
  const then = tokens.findIndex((token) => isKeyword(token, 'then'));
  if (then < 0) throw syntaxFault("'if' without 'then'", tokens[0]?.at ?? 0, '', 'if CONDITION then COMMAND');
  const read = readConditional(text, tokens);
  if (read.then === '') throw syntaxFault("nothing follows 'then'", tokens[then]?.at ?? 0, '', 'a command');
  return { kind: 'if', ...read, here };
};

const isPort = (token: Token | undefined): boolean => token?.kind === 'word' && /^\d{1,5}$/.test(token.text);

const readClient = (text: string, tokens: readonly Token[]): Statement => {
  const target = tokens[2];
  if (target === undefined)
    throw syntaxFault('run client without a destination', text.length, '', 'run client (IP:PORT, …) COMMAND');
  if (target.kind === 'group')
    return { kind: 'client', destination: target.text.trim(), command: text.slice(target.end).trim() };
  let count = gluedRun(tokens, 2);
  if (count === 1 && !target.text.includes(':') && isPort(tokens[3])) count = 2;
  const last = tokens[1 + count] as Token;
  return { kind: 'client', destination: text.slice(target.at, last.end), command: text.slice(last.end).trim() };
};

/** What `on error …` says; `tokens` are those of the whole line. `COMMAND_SYNTAX`. */
export const readOnError = (tokens: readonly Token[]): OnError => {
  const [mode = '', label, ...more] = tokens.slice(2).map(({ text }) => text);
  const word = mode.toLowerCase();
  if (word === 'ignore' && label === undefined) return { mode: word };
  if (word === 'end' && more.length === 0) return { mode: word };
  if ((word === 'goto' || word === 'call') && label !== undefined && more.length === 0) return { mode: word, label };
  throw syntaxFault(
    'on error what?',
    tokens[0]?.at ?? 0,
    [mode, label, ...more].join(' '),
    'on error ignore, goto LABEL, call LABEL or end script',
  );
};

/**
 * `!name`, `get !name`: the whole line names a variable; as each get, the second takes `format = json`, also without
 * `where`.
 */
const readReference = (tokens: readonly Token[]): Statement | undefined => {
  const isGet = isKeyword(tokens[0], 'get');
  const [named, ...rest] = isGet ? tokens.slice(1) : tokens;
  if (named?.kind !== 'variable' && named?.kind !== 'environment') return undefined;
  const words = (isKeyword(rest[0], 'where') ? rest.slice(1) : rest).map(({ text }) => text.toLowerCase());
  const json = isGet && words.join(' ') === 'format = json';
  return rest.length === 0 || json ? { kind: 'variable', reference: named.raw, json } : undefined;
};

/**
 * Reads one line or block. Throws `COMMAND_SYNTAX`, `COMMAND_OVERSIZE`, never anything else.
 */
export const parseLine = (typed: string): Statement => {
  let text = withoutBlock(typed);
  let tokens = tokenize(text);
  const first = tokens[0];
  if (first === undefined) return { kind: 'empty' };
  const here = first.kind === 'word' && first.text.startsWith('.');
  if (here) {
    text = text.slice(first.at + 1);
    tokens = tokenize(text);
    if (tokens.length === 0) return { kind: 'empty' };
  }
  const assignment = readAssignment(text, tokens, here);
  if (assignment !== undefined) return assignment;
  if (isKeyword(tokens[0], 'if')) return readIf(text, tokens, here);
  if (isKeyword(tokens[0], 'run') && isKeyword(tokens[1], 'client')) return readClient(text, tokens);
  if (isKeyword(tokens[0], 'on') && isKeyword(tokens[1], 'error'))
    return { kind: 'on-error', rule: readOnError(tokens) };
  const reference = readReference(tokens);
  if (reference !== undefined) return reference;
  return { kind: 'command', text, tokens, here };
};
