import type { Random } from '../../src/base/random.ts';

/** Repeatable chance with the helpers that simulations want. */
export interface SeededRandom extends Random {
  readonly seed: number;
  /** Uniform in [from, to], both included. */
  integer(from: number, to: number): number;
  /** True with that probability. */
  chance(probability: number): boolean;
  /** Throws on an empty list. */
  pick<T>(list: readonly T[]): T;
  shuffled<T>(list: readonly T[]): T[];
  /** An independent stream that depends on the seed and the name alone, not on what was drawn before. */
  fork(name: string): SeededRandom;
}

/** sfc32 (small, fast, passes PractRand), seeded through a string hash. */
export const createSeededRandom = (seed: number, stream = ''): SeededRandom => {
  let [a, b, c, counter] = [mix(seed, `${stream}a`), mix(seed, `${stream}b`), mix(seed, `${stream}c`), 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) next();

  const fraction = (): number => next() / 0x1_0000_0000;
  const integer = (from: number, to: number): number => from + Math.floor(fraction() * (to - from + 1));
  return {
    seed,
    fraction,
    integer,
    bytes: (count) => {
      const bytes = new Uint8Array(count);
      for (let at = 0; at < count; at += 1) bytes[at] = next() & 0xff;
      return bytes;
    },
    chance: (probability) => fraction() < probability,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new Error('nothing to pick from');
      return list[integer(0, list.length - 1)] as T;
    },
    shuffled<T>(list: readonly T[]): T[] {
      const copy = [...list];
      for (let at = copy.length - 1; at > 0; at -= 1) {
        const other = integer(0, at);
        [copy[at], copy[other]] = [copy[other] as T, copy[at] as T];
      }
      return copy;
    },
    fork: (name) => createSeededRandom(seed, `${stream}/${name}`),
  };
};

const mix = (seed: number, text: string): number => {
  let hash = 0x811c9dc5 ^ seed ^ Math.floor(seed / 0x1_0000_0000);
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
};

/**
 * The seeds that a simulation runs: `HOLDFAST_SEED` alone when it is set (to repeat a failure), otherwise `count`
 * fresh ones (more where `HOLDFAST_PROPERTY_RUNS` asks for more). Put the seed into the test's name or message.
 */
export const simulationSeeds = (count: number): readonly number[] => {
  const given = process.env['HOLDFAST_SEED'];
  if (given !== undefined && given !== '') return [Number(given)];
  const runs = Math.max(count, Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 0));
  return Array.from({ length: runs }, () => Math.floor(Math.random() * 0x1_0000_0000));
};
