import type { VirtualClock } from '../support/virtual-clock.ts';

/** What a schedule came to: equal in every run of the same seed, or the simulation cannot be repeated. */
export interface Outcome {
  /** Tasks of the virtual clock that ran. */
  readonly events: number;
  readonly virtualMs: number;
  /** Digest of what all nodes hold at the end. */
  readonly state: string;
}

const LOOK_MS = 50;

/** Lets time pass until `done` holds, looking every 50 ms; throws when that takes more than `limitMs`. */
export const eventually = async (
  clock: VirtualClock,
  done: () => boolean,
  limitMs: number,
  what: string,
): Promise<void> => {
  let looked = -1;
  for (let passedMs = 0; ; passedMs += LOOK_MS) {
    // Where nothing ran, nothing has changed.
    if (clock.ran !== looked && done()) return;
    looked = clock.ran;
    if (passedMs > limitMs) throw new Error(`waited ${limitMs} virtual ms in vain for: ${what}`);
    await clock.advance(LOOK_MS);
  }
};
