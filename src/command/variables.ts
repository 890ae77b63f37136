import { fault } from '../base/errors.ts';
import { DICTIONARY_ENTRIES_MAX } from '../base/limits.ts';
import type { JsonValue } from '../codec/json.ts';
import { sizeOf } from './grammar/budget.ts';

/**
 * Variables by name, bounded in number and in what they hold together: whoever assigns could fill the memory of the
 * node.
 */
export class Variables {
  readonly #values = new Map<string, JsonValue>();
  readonly #of: string;
  readonly #charsMax: number;
  #chars = 0;

  /** `of`: whose they are, for messages. */
  constructor(of: string, charsMax: number) {
    this.#of = of;
    this.#charsMax = charsMax;
  }

  get(name: string): JsonValue | undefined {
    return this.#values.get(name);
  }

  /** `COMMAND_DICTIONARY_FULL`, and what it held before stays. */
  set(name: string, value: JsonValue): void {
    const held = this.#values.get(name);
    if (held === undefined && this.#values.size >= DICTIONARY_ENTRIES_MAX)
      throw this.#full(`${DICTIONARY_ENTRIES_MAX} variables`);
    const chars = this.#chars + costOf(name, value) - costOf(name, held);
    if (chars > this.#charsMax && chars > this.#chars) throw this.#full(`${this.#charsMax} characters`);
    this.#values.set(name, value);
    this.#chars = chars;
  }

  delete(name: string): void {
    this.#chars -= costOf(name, this.#values.get(name));
    this.#values.delete(name);
  }

  [Symbol.iterator](): Iterator<readonly [string, JsonValue]> {
    return this.#values.entries();
  }

  #full(most: string): Error {
    return fault('COMMAND_DICTIONARY_FULL', `${this.#of} holds ${most}, which is the most`, {
      hint: 'remove some: NAME = ""',
    });
  }
}

const costOf = (name: string, value: JsonValue | undefined): number =>
  value === undefined ? 0 : name.length + sizeOf(value);
