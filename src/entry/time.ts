/**
 * Hybrid logical clock: the wall clock, but after the author's own last entry and after every parent.
 * All in microseconds since 1970.
 */
export const nextTime = (wallMicros: number, ownLast: number | undefined, parents: readonly number[]): number =>
  Math.max(Math.floor(wallMicros), (ownLast ?? -1) + 1, ...parents.map((time) => time + 1));

/** The documented policy date: `2021-04-02T18:31:46.802694Z`. */
export const policyDate = (timeMicros: number): string => {
  const ms = Math.floor(timeMicros / 1000);
  const micros = timeMicros - ms * 1000;
  // A template would keep the text that it is cut from, and four pieces, for as long as it is kept: 112 bytes more.
  return [new Date(ms).toISOString().slice(0, -1), String(micros).padStart(3, '0'), 'Z'].join('');
};
