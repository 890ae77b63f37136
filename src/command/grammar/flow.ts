import { fault, type HoldfastError } from '../../base/errors.ts';
import { COMMAND_DEPTH_MAX, SCRIPT_STEPS_MAX } from '../../base/limits.ts';
import { perLine } from './budget.ts';
import { meets } from './condition.ts';
import type { Act, ErrorRule, Loop, Program, Step } from './program.ts';
import { structured } from './structured.ts';
import { referencedName, resolveReference, type Lookup } from './values.ts';

interface Choice {
  /** Some branch was chosen already. */
  readonly taken: boolean;
  /** The lines that follow belong to the chosen one. */
  readonly chosen: boolean;
}

/** What the script was doing when it was called away. */
interface Frame {
  readonly at: number;
  readonly choice: Choice;
  readonly loops: readonly Turn[];
  readonly cause: HoldfastError | undefined;
}

/** A loop on its way. */
interface Turn {
  readonly name: string;
  readonly index: number;
  readonly length: number;
  /** Where its first line stands, and the place after its end. */
  readonly body: number;
  readonly end: number;
}

const NO_CHOICE: Choice = { taken: false, chosen: false };

const bothFailed = (first: HoldfastError, then: HoldfastError): HoldfastError =>
  fault(first.code, `${first.message}; what \`on error\` led to failed as well: ${then.message}`, {
    // What was printed is what had been when the second one came.
    data: { ...then.data, ...first.data, printed: then.data['printed'] },
    hint: [first.hint, 'to go on after failures there too: on error … once more after the label']
      .filter(Boolean)
      .join('; '),
    cause: first,
  });

/** A script on its way: which line is next, where a failure leads. Runs nothing itself. */
export class Flow {
  readonly #steps: readonly Step[];
  #at = 0;
  #line = 0;
  #taken = 0;
  #choice = NO_CHOICE;
  #rule: ErrorRule = { mode: 'end' };
  /**
   * The failure that `on error goto` or `call` led away from, until the script says anew what is to happen, or comes
   * back.
   */
  #cause: HoldfastError | undefined;
  #loops: readonly Turn[] = [];
  #stack: Frame[] = [];

  constructor({ steps }: Program) {
    this.#steps = steps;
  }

  /** The line that the last answer of {@link next} came from. */
  get line(): number {
    return this.#line;
  }

  /**
   * Takes one line: gives its command, empty where it only led on; undefined at the end. `COMMAND_SCRIPT_STEPS` where
   * the script goes on and on, `COMMAND_DEPTH`.
   */
  next(lookup: Lookup): { readonly command: string | undefined } | undefined {
    const step = this.#steps[this.#at];
    if (step === undefined) return undefined;
    this.#at += 1;
    this.#line = step.line;
    if ((this.#taken += 1) > SCRIPT_STEPS_MAX)
      throw fault('COMMAND_SCRIPT_STEPS', `the script has not ended after ${SCRIPT_STEPS_MAX} lines`, {
        hint: 'does it go round and round? End the loop, or let it wait in between: wait SECONDS',
      });
    const within = perLine<Lookup>({ ...lookup, index: this.index });
    return { command: this.#follow(this.#isDue(step, within) ? step.act : undefined, within) };
  }

  /** How far the loop over a variable is, else the innermost one. */
  readonly index = (name: string): number | undefined =>
    (this.#loops.findLast((turn) => turn.name === name) ?? this.#loops.at(-1))?.index;

  /** A line has waited: a script that does so again and again may go on for ever, it holds up nobody. */
  readonly rested = (): void => {
    this.#taken = 0;
  };

  /**
   * What a failure of the last line leads to: undefined where the script goes on, else the failure that ends it. What
   * `on error` led to is not led away from again: it would go round and round, and hide what happened first.
   * `COMMAND_DEPTH`.
   */
  failed(failure: HoldfastError): HoldfastError | undefined {
    if (this.#rule.mode === 'ignore') return undefined;
    if (this.#rule.mode === 'end') return failure;
    if (this.#cause !== undefined) return bothFailed(this.#cause, failure);
    this.#go(this.#rule.mode, this.#rule.to);
    this.#cause = failure;
    return undefined;
  }

  #isDue({ kind, condition }: Step, lookup: Lookup): boolean {
    if (kind === 'plain') return true;
    if (kind !== 'do') {
      const before = kind === 'if' ? NO_CHOICE : this.#choice;
      const chosen = !before.taken && (condition === undefined || meets(condition, lookup));
      this.#choice = { taken: before.taken || chosen, chosen };
    }
    return this.#choice.chosen;
  }

  /** The command of an act, or its effect on the way. */
  #follow(act: Act | undefined, lookup: Lookup): string | undefined {
    if (act === undefined) return undefined;
    switch (act.kind) {
      case 'run':
        return act.text;
      case 'if':
        return this.#follow(meets(act.condition, lookup) ? act.act : act.otherwise, lookup);
      default:
        this.#lead(act, lookup);
        return undefined;
    }
  }

  #lead(act: Exclude<Act, { kind: 'run' | 'if' }>, lookup: Lookup): void {
    switch (act.kind) {
      case 'goto':
      case 'call':
        this.#go(act.kind, act.to);
        return;
      case 'return': {
        const frame = this.#stack.pop();
        this.#jump(frame?.at ?? this.#steps.length);
        this.#choice = frame?.choice ?? NO_CHOICE;
        this.#loops = frame?.loops ?? [];
        this.#cause = frame?.cause;
        return;
      }
      case 'end':
        this.#jump(this.#steps.length);
        return;
      case 'on-error':
        this.#rule = act.rule;
        this.#cause = undefined;
        return;
      case 'loop':
        this.#begin(act, lookup);
        return;
      case 'again':
        this.#turn();
        return;
    }
  }

  #begin({ list, end }: Loop, lookup: Lookup): void {
    const held = resolveReference(list, lookup);
    const items = held === undefined ? [] : structured(held);
    if (!Array.isArray(items))
      throw fault('COMMAND_VALUE', `${list} is not a list`, {
        hint: 'a loop goes over what NAME[] = … collected, a JSON list, or an answer that is one (format = json:list)',
      });
    const turn = { name: referencedName(list), index: 0, length: items.length, body: this.#at, end };
    if (items.length === 0) this.#jump(end);
    else this.#loops = [...this.#loops, turn];
  }

  /** At the end of a loop: once more, or on. Who jumped into the middle of one goes on as well. */
  #turn(): void {
    const turn = this.#loops.at(-1);
    if (turn?.end !== this.#at) return;
    const outer = this.#loops.slice(0, -1);
    const goesOn = turn.index + 1 < turn.length;
    this.#loops = goesOn ? [...outer, { ...turn, index: turn.index + 1 }] : outer;
    if (goesOn) this.#at = turn.body;
  }

  #go(kind: 'goto' | 'call', to: number): void {
    if (kind === 'call') {
      if (this.#stack.length >= COMMAND_DEPTH_MAX)
        throw fault('COMMAND_DEPTH', `calls are nested more than ${COMMAND_DEPTH_MAX} deep`, {
          hint: 'does a label call itself, or lack its return?',
        });
      this.#stack.push({ at: this.#at, choice: this.#choice, loops: this.#loops, cause: this.#cause });
    } else this.#loops = this.#loops.filter(({ body, end }) => to >= body && to < end);
    this.#jump(to);
  }

  #jump(to: number): void {
    this.#at = to;
    this.#choice = NO_CHOICE;
  }
}
