export interface WaitOptions {
  /** Default 20,000: of a state that comes at once, on a machine that has other work as well. */
  readonly timeoutMs?: number;
  /** Pause between looks; default 10. */
  readonly everyMs?: number;
  /** What is waited for, for the failure's text. A function is asked at the time of the failure. */
  readonly what?: string | (() => string);
}

/**
 * Waits for a state in real time: resolves with the first value of `look` that is neither undefined, null nor false.
 * A `look` that throws counts as "not yet"; its last error is the cause of the failure.
 */
export const waitFor = async <T>(
  look: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false>> => {
  const timeoutMs = options.timeoutMs ?? 20_000;
  const endMs = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<T, undefined | null | false>;
      lastError = undefined;
    } catch (caught) {
      lastError = caught;
    }
    if (performance.now() >= endMs) {
      const what = typeof options.what === 'function' ? options.what() : (options.what ?? look.toString());
      throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 10));
  }
};

/**
 * Waits for a state for as long as there is less and less to do: `open` counts what is left, and `timeoutMs` is how
 * long that may stand still. For work whose length depends on how much there is and on what else the machine does.
 */
export const waitWhileFalling = async <T>(
  look: () => T | Promise<T>,
  open: () => Promise<number>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false>> => {
  for (let least = await open(); ;) {
    try {
      return await waitFor(look, options);
    } catch (caught) {
      const left = await open();
      if (left >= least) throw new Error(`nothing goes on: ${left} are open`, { cause: caught });
      least = left;
    }
  }
};
