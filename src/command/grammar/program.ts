import { fault, type HoldfastError } from '../../base/errors.ts';
import { COMMAND_DEPTH_MAX } from '../../base/limits.ts';
import type { Sliced } from '../../base/slices.ts';
import type { Condition } from './condition.ts';
import { isKeyword, tokenize, type Token } from './lexer.ts';
import { readConditional, readOnError, type OnError } from './line.ts';
import type { ScriptLine } from './script.ts';
import { quoted, syntaxFault } from './syntax.ts';

/** What a line does once its turn has come. Labels are places in the program. */
export type Act =
  | { readonly kind: 'run'; readonly text: string }
  | { readonly kind: 'if'; readonly condition: Condition; readonly act: Act; readonly otherwise: Act | undefined }
  | { readonly kind: 'goto' | 'call'; readonly to: number }
  | { readonly kind: 'return' | 'end' }
  /** `for loop start`: over the list that a variable holds; `end` is the place after `for loop end`. */
  | { readonly kind: 'loop'; readonly list: string; end: number }
  | { readonly kind: 'again' }
  | { readonly kind: 'on-error'; readonly rule: ErrorRule };

/** What becomes of a script when one of its lines fails; `to` is a place in the program. */
export type ErrorRule =
  { readonly mode: 'ignore' } | { readonly mode: 'end' } | { readonly mode: 'goto' | 'call'; readonly to: number };

/** One line: `if` begins a choice, `else` and `do` go on with that of the line before. */
export interface Step {
  readonly line: number;
  readonly kind: 'if' | 'else' | 'do' | 'plain';
  /** Of `if` and `else if`. */
  readonly condition: Condition | undefined;
  /** Undefined where the line only chooses. */
  readonly act: Act | undefined;
}

/** A script that was read and checked, ready to run. */
export interface Program {
  readonly steps: readonly Step[];
}

/** Read in a few milliseconds; each line counts a little more than its characters. */
const CHARS_AT_ONCE = 16_384;
const CHARS_OF_LINE = 16;

const LABEL = /^:([\w-]{1,128}):\s*(?:#.*)?$/;

const lineFault = (line: number, error: HoldfastError): HoldfastError =>
  fault(error.code, error.message, {
    data: { ...error.data, line },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });

const loopAfter = (text: string): HoldfastError =>
  syntaxFault("a loop after 'if', 'do' or 'else'", 0, text, 'for loop … in lines of its own');

/** The begin of a `for` loop. */
export type Loop = Act & { readonly kind: 'loop' };

class ProgramReader {
  readonly #labels = new Map<string, number>();
  /** The choice that the last lines belong to has had its last `else`. */
  #elseGone = false;
  /** Those that have begun and not ended yet, with their line. */
  readonly #open: { readonly loop: Loop; readonly line: number }[] = [];

  *read(lines: readonly ScriptLine[]): Sliced<Program> {
    const commands = lines.filter(({ text }) => !LABEL.test(text));
    let at = 0;
    for (const { text, line } of lines) {
      const label = LABEL.exec(text)?.[1];
      if (label === undefined) at += 1;
      else if (this.#labels.has(label))
        throw lineFault(line, syntaxFault(`the label ${quoted(label)} is there twice`, 0, text, 'another name'));
      else this.#labels.set(label, at);
    }
    const starts = new Set(this.#labels.values());
    const steps: Step[] = [];
    let chars = 0;
    for (const [index, { text, line }] of commands.entries()) {
      if ((chars += text.length + CHARS_OF_LINE) > CHARS_AT_ONCE) {
        chars = 0;
        yield;
      }
      const before = starts.has(index) ? undefined : steps.at(-1);
      try {
        const step = this.#step(text, before);
        this.#checkElse(step, text);
        this.#nestLoops(step, index, line);
        steps.push({ line, ...step });
      } catch (caught) {
        throw lineFault(line, caught as HoldfastError);
      }
    }
    const [open] = this.#open;
    if (open !== undefined)
      throw lineFault(open.line, syntaxFault('this loop does not end', 0, '', 'a line: for loop end'));
    return { steps };
  }

  /** An `else` for all that is left ends a choice: one more would never have its turn. */
  #checkElse({ kind, condition }: Omit<Step, 'line'>, text: string): void {
    if (kind === 'else' && this.#elseGone)
      throw syntaxFault("'else' stands twice", 0, text, 'else if CONDITION, or one else');
    if (kind !== 'do') this.#elseGone = kind === 'else' && condition === undefined;
  }

  #nestLoops({ kind, act }: Omit<Step, 'line'>, index: number, line: number): void {
    if (act?.kind !== 'loop' && act?.kind !== 'again') return;
    if (kind !== 'plain') throw loopAfter('');
    if (act.kind === 'loop') this.#open.push({ loop: act, line });
    else {
      const begun = this.#open.pop();
      if (begun === undefined)
        throw syntaxFault('no loop has begun', 0, '', 'for loop start where list = !NAME before');
      begun.loop.end = index + 1;
    }
  }

  #step(text: string, before: Step | undefined): Omit<Step, 'line'> {
    const tokens = tokensOf(text);
    const [first] = tokens;
    if (isKeyword(first, 'if')) return this.#choice('if', text, tokens);
    const isElse = isKeyword(first, 'else');
    if (!isElse && !isKeyword(first, 'do')) return { kind: 'plain', condition: undefined, act: this.#act(text, 0) };
    if (before === undefined || before.kind === 'plain')
      throw syntaxFault(`'${isElse ? 'else' : 'do'}' without 'if'`, 0, text, 'if CONDITION in a line before');
    const rest = text.slice(first?.end).trim();
    const following = tokensOf(rest);
    if (isElse && isKeyword(following[0], 'if')) return this.#choice('else', rest, following);
    const act = following.length === 0 && rest === '' ? undefined : this.#act(rest, 0);
    return { kind: isElse ? 'else' : 'do', condition: undefined, act };
  }

  #choice(kind: 'if' | 'else', text: string, tokens: readonly Token[]): Omit<Step, 'line'> {
    const { condition, then, otherwise } = readConditional(text, tokens);
    // With its `else` in the line it is complete: no line goes on with it.
    if (otherwise !== '') {
      const act = this.#nested(text, tokens, 0);
      return kind === 'if' ? { kind: 'plain', condition: undefined, act } : { kind, condition: undefined, act };
    }
    return { kind, condition, act: then === '' ? undefined : this.#act(then, 0) };
  }

  #act(typed: string, depth: number): Act {
    const text = withoutDo(typed);
    const tokens = tokensOf(text);
    const [first, second] = tokens;
    if (isKeyword(first, 'if')) return this.#nested(text, tokens, depth);
    if (isKeyword(first, 'goto') || isKeyword(first, 'call')) {
      if (tokens.length !== 2 || second === undefined)
        throw syntaxFault('where to?', first?.at ?? 0, text, `${first?.text ?? ''} LABEL, with a line :LABEL:`);
      return { kind: isKeyword(first, 'goto') ? 'goto' : 'call', to: this.#placeOf(second.raw) };
    }
    const turn = turningAct(text, tokens);
    if (turn !== undefined) return turn;
    if (isKeyword(first, 'on') && isKeyword(second, 'error')) return this.#onError(readOnError(tokens));
    return { kind: 'run', text };
  }

  /** An `if` after `then`, `do` or `else`: all of it stands in the one line. */
  #nested(text: string, tokens: readonly Token[], depth: number): Act {
    if (depth >= COMMAND_DEPTH_MAX) throw syntaxFault("too many 'if' in one line", 0, text, 'several lines');
    const { condition, then, otherwise } = readConditional(text, tokens);
    if (then === '') throw syntaxFault("nothing follows 'then'", 0, text, 'a command in the same line');
    const act = this.#act(then, depth + 1);
    const other = otherwise === '' ? undefined : this.#act(otherwise, depth + 1);
    if ([act, other].some((of) => of?.kind === 'loop' || of?.kind === 'again')) throw loopAfter(text);
    return { kind: 'if', condition, act, otherwise: other };
  }

  #onError(rule: OnError): Act {
    if (rule.mode === 'ignore' || rule.mode === 'end') return { kind: 'on-error', rule };
    return { kind: 'on-error', rule: { mode: rule.mode, to: this.#placeOf(rule.label) } };
  }

  #placeOf(name: string): number {
    const to = this.#labels.get(name.replace(/^:(.*):$/, '$1'));
    if (to !== undefined) return to;
    throw fault('COMMAND_SYNTAX', `there is no label ${quoted(name)} in this script`, {
      hint: `expected a line :${name.slice(0, 60)}:`,
    });
  }
}

/** What ends, comes back, or goes round. */
const turningAct = (text: string, tokens: readonly Token[]): Act | undefined => {
  const words = tokens.map((token) => token.raw).join(' ');
  if (/^return$/i.test(words)) return { kind: 'return' };
  if (ENDS.test(words)) return { kind: 'end' };
  if (LOOP_ENDS.test(words)) return { kind: 'again' };
  return isKeyword(tokens[0], 'for') && isKeyword(tokens[1], 'loop')
    ? { kind: 'loop', list: loopList(tokens, text), end: 0 }
    : undefined;
};

const ENDS = /^(?:end|exit) scripts?$/i;
const LOOP_ENDS = /^for loop end$/i;

/** The variable of `for loop start where list = !NAME`. */
const loopList = (tokens: readonly Token[], text: string): string => {
  const [, , start, where, list, equals, named, ...more] = tokens;
  const isLoop =
    isKeyword(start, 'start') && isKeyword(where, 'where') && isKeyword(list, 'list') && equals?.kind === 'equals';
  if (isLoop && named?.kind === 'variable' && more.length === 0) return named.raw;
  throw syntaxFault('over what does the loop go?', tokens[0]?.at ?? 0, text, 'for loop start where list = !NAME');
};

const withoutDo = (text: string): string => text.replace(/^do\s+/i, '');

/** Nothing where the line cannot be read: running it says so. */
const tokensOf = (text: string): readonly Token[] => {
  if (text.startsWith('<')) return [];
  try {
    return tokenize(text);
  } catch {
    return [];
  }
};

/**
 * Reads the flow of a script: labels, `goto`, `call`, `return`, `if … do … else`, `for loop …`, `on error …`; other
 * lines stay text. Throws `COMMAND_SYNTAX` with the line in its data for what would lead astray, before anything has
 * run.
 */
export const readProgram = (lines: readonly ScriptLine[]): Sliced<Program> => new ProgramReader().read(lines);
