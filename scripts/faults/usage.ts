import { readdirSync, readFileSync } from 'node:fs';

/** What a process held at a moment. */
export interface Sample {
  readonly minute: number;
  /** Resident, mebibytes. */
  readonly megabytes: number;
  readonly descriptors: number;
}

/** Of a running process, as Linux tells it. */
export const sampleOf = (pid: number, minute: number): Sample => ({
  minute,
  megabytes: Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1_024,
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
});

/** What a node may hold at any time, and what it may gain in an hour once it is warm: mebibytes. */
const MEGABYTES_MAX = 300;
const MEGABYTES_PER_HOUR_MAX = 20;
const DESCRIPTORS_PER_HOUR_MAX = 20;
/** Before that a node still fills its caches. */
const WARM_SHARE = 1 / 3;
/** In less time a slope tells nothing. */
const SLOPE_MINUTES_MIN = 10;

/** What a straight line through the samples gains in an hour. */
const perHour = (samples: readonly Sample[], what: 'megabytes' | 'descriptors'): number => {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, each) => sum + of(each), 0) / samples.length;
  const [minute, value] = [mean((each) => each.minute), mean((each) => each[what])];
  const spread = mean((each) => (each.minute - minute) ** 2);
  return spread === 0 ? 0 : (60 * mean((each) => (each.minute - minute) * (each[what] - value))) / spread;
};

/** What is above its bound, or rises after the first third of the time, in words; nothing where all is flat. */
export const grown = (samples: readonly Sample[]): readonly string[] => {
  const words: string[] = [];
  const most = Math.max(0, ...samples.map(({ megabytes }) => megabytes));
  if (most > MEGABYTES_MAX) words.push(`memory was ${most.toFixed(0)} MB (at most ${MEGABYTES_MAX})`);
  const warm = samples.slice(Math.floor(samples.length * WARM_SHARE));
  if ((warm.at(-1)?.minute ?? 0) - (warm[0]?.minute ?? 0) < SLOPE_MINUTES_MIN) return words;
  const [memory, descriptors] = [perHour(warm, 'megabytes'), perHour(warm, 'descriptors')];
  if (memory > MEGABYTES_PER_HOUR_MAX) words.push(`memory rose by ${memory.toFixed(0)} MB an hour`);
  if (descriptors > DESCRIPTORS_PER_HOUR_MAX) words.push(`descriptors rose by ${descriptors.toFixed(0)} an hour`);
  return words;
};
