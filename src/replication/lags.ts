/** Since when each peer and this operator differ. Pure but for what it remembers. */
export class Lags {
  readonly #sinceMs = new Map<string, number>();

  /** Whether they differ at this monotonic time; returns for how long they have. */
  note(operator: string, differs: boolean, nowMs: number): number {
    if (!differs) {
      this.#sinceMs.delete(operator);
      return 0;
    }
    const sinceMs = this.#sinceMs.get(operator) ?? nowMs;
    this.#sinceMs.set(operator, sinceMs);
    return nowMs - sinceMs;
  }

  /** Forgets all others. */
  keepOnly(operators: readonly string[]): void {
    for (const operator of this.#sinceMs.keys()) if (!operators.includes(operator)) this.#sinceMs.delete(operator);
  }
}
