import { FILE_NUMBER_STEP_MAX, FILE_NUMBER_TOLD_MAX } from '../base/limits.ts';
import { fault, type HoldfastError } from '../base/errors.ts';
import type { FileRanges, FileRecord, Holdings } from './file-record.ts';
import { subtractRanges } from './ranges.ts';

/**
 * Up to which number of an origin others are believed that it gave it; `newest`: the highest that is known for sure, 0
 * where none is. An origin goes on behind what it believes, and no record proves who numbered it: without a bound one
 * peer could use up all numbers with a single file, or a word.
 */
export const believedUpTo = (newest: number): number => Math.max(FILE_NUMBER_TOLD_MAX, newest + FILE_NUMBER_STEP_MAX);

/** The files of an origin that are believed; `newest` as for {@link believedUpTo}. */
export const believedRanges = (ranges: FileRanges, newest: number): FileRanges => {
  const upTo = believedUpTo(newest);
  return (ranges.at(-1)?.[1] ?? 0) <= upTo ? ranges : subtractRanges(ranges, [[upTo + 1, Number.MAX_SAFE_INTEGER]]);
};

/** The highest number of an origin among some files; 0 where there is none. */
export const newestOf = (files: Holdings, origin: string): number => files.get(origin)?.at(-1)?.[1] ?? 0;

/** Of an own file that comes back with a number that is not believed. */
export const farNumberFault = ({ origin, file }: Pick<FileRecord, 'origin' | 'file'>): HoldfastError =>
  fault('FILE_NUMBER_FAR', `file ${file} of ${origin} has a number far beyond all that it gave`, {
    data: { origin, file },
    hint: 'no operator gives such a number: whoever has this file is broken or hostile',
  });
