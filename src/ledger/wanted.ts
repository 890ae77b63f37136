import { ENTRIES_WANTED_MAX } from '../base/limits.ts';
import type { Chains } from './chain.ts';
import type { WaitingRoom } from './waiting-room.ts';

/**
 * Hashes to ask peers for: what entries wait for, and what is before the two of a fork. The first so many from `from`
 * on.
 */
export const wantedOf = (chains: Chains, waiting: WaitingRoom, from: number): readonly string[] => {
  const wanted = new Set<string>(waiting.missed());
  for (const { pair } of chains.forks().values())
    for (const hash of pair) {
      const prev = chains.get(hash)?.prev ?? undefined;
      if (prev !== undefined && chains.get(prev) === undefined) wanted.add(prev);
    }
  return turnOf([...wanted], from);
};

/**
 * As many hashes as are asked for at a time, the first of them at `from` where there are more: what nobody has must not
 * keep the others from being asked for.
 */
export const turnOf = (all: readonly string[], from: number): readonly string[] => {
  const first = all.length <= ENTRIES_WANTED_MAX ? 0 : from % all.length;
  return [...all.slice(first), ...all.slice(0, first)].slice(0, ENTRIES_WANTED_MAX);
};
