/** Work that must not run beside other work of its kind: one after the other, in the order in which it was given. */
export class OneByOne {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Resolves when all of it is done. */
  idle(): Promise<unknown> {
    return this.#last;
  }
}
