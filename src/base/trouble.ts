import { diskCode } from './disk.ts';
import { asFault } from './errors.ts';
import type { Logger } from './log.ts';

/**
 * Something that is tried again and again: its failure is said when it begins and when it is of another kind, not at
 * each try.
 */
export class Trouble {
  readonly #log: Logger;
  readonly #over: string;
  readonly #kinds = new Set<string>();
  #text: string | undefined;

  /** `over`: said when it ends. */
  constructor(log: Logger, over: string) {
    this.#log = log;
    this.#over = over;
  }

  /** What the last try failed with; undefined while all is well. */
  get text(): string | undefined {
    return this.#text;
  }

  /** A try failed. */
  meets(caught: unknown, text: string): void {
    const { code, hint } = asFault(caught);
    const kind = `${code} ${diskCode(caught)}`;
    this.#text = text;
    if (this.#kinds.has(kind)) return;
    this.#kinds.add(kind);
    this.#log.error(text, hint === undefined ? {} : { hint });
  }

  /** A try succeeded, and none other is in trouble. Cheap. */
  ends(): void {
    if (this.#kinds.size === 0) return;
    this.#kinds.clear();
    this.#text = undefined;
    this.#log.info(this.#over);
  }
}
