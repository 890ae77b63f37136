import { parseCondition, type Condition } from './condition.ts';
import { gluedRun, isKeyword, tokenize, type Token } from './lexer.ts';
import { syntaxFault } from './syntax.ts';

/** What to do when a line of a script fails: go on, or end the script with the error. */
type OnError = 'ignore' | 'end';

/** A command line, read but not yet understood: which command it is, the registry says. */
export type Statement =
  | { readonly kind: 'empty' }
  /** `name = …`, `set name = …`; `list` for `name[] = …`, `object` for `name{} = …`. `right` starts at `at` in the line. */
  | {
      readonly kind: 'assign';
      readonly name: string;
      readonly collect: 'value' | 'list' | 'object';
      readonly right: string;
    }
  | { readonly kind: 'if'; readonly condition: Condition; readonly then: string }
  /** `run client (destination) command`; an empty command makes the destination the standing one. */
  | { readonly kind: 'client'; readonly destination: string; readonly command: string }
  | { readonly kind: 'on-error'; readonly mode: OnError }
  /** `!name`, `get !name`, `$NAME`: prints the value. */
  | { readonly kind: 'variable'; readonly reference: string }
  /** `here`: a leading `.` keeps the command on this node although a destination stands. */
  | { readonly kind: 'command'; readonly text: string; readonly tokens: readonly Token[]; readonly here: boolean };

const NAME = /^[A-Za-z_][\w-]*$/;

/** Takes `<…>` off a block: one command over several lines. */
const withoutBlock = (text: string): string => {
  const trimmed = text.trim();
  if (!trimmed.startsWith('<')) return text;
  if (!trimmed.endsWith('>')) throw syntaxFault('a block is not closed', 0, trimmed.slice(0, 20), 'a closing >');
  return trimmed.slice(1, -1);
};

const readAssignment = (text: string, tokens: readonly Token[]): Statement | undefined => {
  const first = isKeyword(tokens[0], 'set') ? 1 : 0;
  const name = tokens[first];
  if (name?.kind !== 'word' || !NAME.test(name.text)) return undefined;
  const mark = tokens[first + 1];
  const collect = mark?.kind === 'braces' && mark.text === '[]' ? 'list' : mark?.text === '{}' ? 'object' : 'value';
  const equals = tokens[first + (collect === 'value' ? 1 : 2)];
  if (equals?.kind !== 'equals') return undefined;
  return { kind: 'assign', name: name.text, collect, right: text.slice(equals.end).trim() };
};

const readIf = (text: string, tokens: readonly Token[]): Statement => {
  const then = tokens.findIndex((token) => isKeyword(token, 'then'));
  if (then < 0) throw syntaxFault("'if' without 'then'", tokens[0]?.at ?? 0, '', 'if CONDITION then COMMAND');
  const command = text.slice(tokens[then]?.end).trim();
  if (command === '') throw syntaxFault("nothing follows 'then'", tokens[then]?.at ?? 0, '', 'a command');
  return { kind: 'if', condition: parseCondition(tokens.slice(1, then)), then: command };
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

const readOnError = (tokens: readonly Token[]): Statement => {
  const rest = tokens
    .slice(2)
    .map((token) => token.text.toLowerCase())
    .join(' ');
  if (rest === 'ignore') return { kind: 'on-error', mode: 'ignore' };
  if (rest === 'end script' || rest === 'end') return { kind: 'on-error', mode: 'end' };
  throw syntaxFault('on error what?', tokens[0]?.at ?? 0, rest, 'on error ignore, or on error end script');
};

/** `!name`, `get !name`: the whole line names a variable. */
const readReference = (tokens: readonly Token[]): string | undefined => {
  const named = isKeyword(tokens[0], 'get') ? tokens[1] : tokens[0];
  const isReference = named?.kind === 'variable' || named?.kind === 'environment';
  return isReference && tokens.at(-1) === named ? named.raw : undefined;
};

/**
 * Reads one line or block. Throws `COMMAND_SYNTAX`, `COMMAND_OVERSIZE`, never anything else.
 */
export const parseLine = (typed: string): Statement => {
  let text = withoutBlock(typed);
  let tokens = tokenize(text);
  const first = tokens[0];
  if (first === undefined) return { kind: 'empty' };
  const here = first.kind === 'word' && first.text.startsWith('.') && first.text.length > 1;
  if (here) {
    text = text.slice(first.at + 1);
    tokens = tokenize(text);
  }
  const assignment = readAssignment(text, tokens);
  if (assignment !== undefined) return assignment;
  if (isKeyword(tokens[0], 'if')) return readIf(text, tokens);
  if (isKeyword(tokens[0], 'run') && isKeyword(tokens[1], 'client')) return readClient(text, tokens);
  if (isKeyword(tokens[0], 'on') && isKeyword(tokens[1], 'error')) return readOnError(tokens);
  const reference = readReference(tokens);
  if (reference !== undefined) return { kind: 'variable', reference };
  return { kind: 'command', text, tokens, here };
};
