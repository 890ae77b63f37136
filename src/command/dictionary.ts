import { DICTIONARY_CHARS_MAX } from '../base/limits.ts';
import type { JsonValue } from '../codec/json.ts';
import { mayReadEnvironment } from './environment.ts';
import type { Session } from './executor.ts';
import type { Lookup } from './grammar/values.ts';
import { Variables } from './variables.ts';

/**
 * The variables of a node: what scripts and callers assigned, over the node's own facts (name, addresses, directories),
 * which are asked for anew each time. In memory only.
 */
export class Dictionary {
  readonly #assigned = new Variables('the dictionary', DICTIONARY_CHARS_MAX);
  readonly #facts: () => Readonly<Record<string, JsonValue | undefined>>;

  constructor(facts: () => Readonly<Record<string, JsonValue | undefined>>) {
    this.#facts = facts;
  }

  get(name: string): JsonValue | undefined {
    const held = this.#assigned.get(name);
    if (held !== undefined) return held;
    const facts = this.#facts();
    return Object.hasOwn(facts, name) ? facts[name] : undefined;
  }

  /** `COMMAND_DICTIONARY_FULL`. */
  set(name: string, value: JsonValue): void {
    this.#assigned.set(name, value);
  }

  delete(name: string): void {
    this.#assigned.delete(name);
  }

  /** All variables by name. */
  entries(): readonly (readonly [string, JsonValue])[] {
    const all = new Map<string, JsonValue>();
    for (const [name, value] of Object.entries(this.#facts())) if (value !== undefined) all.set(name, value);
    for (const [name, value] of this.#assigned) all.set(name, value);
    return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** The dictionary as one caller sees it: its own assignments first. */
export interface SessionDictionary extends Lookup {
  /**
   * An empty text removes the variable. A peer's assignments, and those of who may not `set`, stay in their own scope.
   */
  assign(name: string, value: JsonValue): void;
}

/** What permissions leave a caller of what is not its own. */
export interface VariableRights {
  /** Whether its assignments reach the node's dictionary. */
  readonly sets: boolean;
  /** Throws where it may not read the node's variables. */
  checkVariables(): void;
  /** Throws where it may not read the environment. */
  checkEnvironment(): void;
}

/** The dictionary as a session sees it. */
export const sessionDictionary = (
  dictionary: Dictionary,
  session: Session,
  environment: (name: string) => string | undefined,
  rights?: VariableRights,
): SessionDictionary => ({
  ...(session.index === undefined ? {} : { index: session.index }),
  variable: (name) => {
    const own = session.scope?.get(name);
    if (own !== undefined) return own === '' ? undefined : own;
    const value = dictionary.get(name);
    if (value !== undefined) rights?.checkVariables();
    return value;
  },
  environment: (name) => {
    const value = mayReadEnvironment(session.caller, name) ? environment(name) : undefined;
    if (value !== undefined) rights?.checkEnvironment();
    return value;
  },
  assign: (name, value) => {
    session.scope?.set(name, value);
    if (session.caller === 'peer' || rights?.sets === false) return;
    if (value === '') dictionary.delete(name);
    else dictionary.set(name, value);
  },
});
