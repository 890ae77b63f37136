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

const MEMORY_GROWTH_MAX = 0.25;
const DESCRIPTORS_GROWTH_MAX = 20;
/** Before that a node still fills its caches. */
const WARM_SHARE = 1 / 3;

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;

/** What has grown between the second third of the time and the last, in words; nothing where all is flat. */
export const grown = (samples: readonly Sample[]): readonly string[] => {
  const third = Math.floor(samples.length * WARM_SHARE);
  const [before, after] = [samples.slice(third, 2 * third), samples.slice(2 * third)];
  if (before.length < 3) return [];
  const of = (part: readonly Sample[], what: 'megabytes' | 'descriptors'): number =>
    median(part.map((each) => each[what]));
  const words: string[] = [];
  const [memory, memoryAfter] = [of(before, 'megabytes'), of(after, 'megabytes')];
  if (memoryAfter > memory * (1 + MEMORY_GROWTH_MAX))
    words.push(`memory grew from ${memory.toFixed(0)} to ${memoryAfter.toFixed(0)} MB`);
  const [open, openAfter] = [of(before, 'descriptors'), of(after, 'descriptors')];
  if (openAfter > open + DESCRIPTORS_GROWTH_MAX) words.push(`descriptors grew from ${open} to ${openAfter}`);
  return words;
};
