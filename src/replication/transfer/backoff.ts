import { PULL_RETRY_MAX_MS, PULL_RETRY_MIN_MS } from '../../base/limits.ts';

/** How long what has failed so many times is left alone. */
export const backoffMs = (times: number): number =>
  Math.min(PULL_RETRY_MAX_MS, PULL_RETRY_MIN_MS * 2 ** Math.min(times - 1, 16));
