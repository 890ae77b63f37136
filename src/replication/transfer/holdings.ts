import { TRANSFER_MESSAGE_RANGES_MAX } from '../../base/limits.ts';
import type { FileRanges, Holdings } from '../../operator/file-record.ts';
import { countRanges, subtractRanges } from '../../operator/ranges.ts';
import type { FilesByOrigin } from './messages.ts';

/** No file at all. */
export const NO_FILES: FileRanges = [];

/** File ids in any order, repeated or not, as ranges. */
export const rangesOf = (ids: Iterable<number>): FileRanges => {
  const ranges: [number, number][] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && id <= last[1] + 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
};

/** The ids of both. */
export const intersectRanges = (a: FileRanges, b: FileRanges): FileRanges => subtractRanges(a, subtractRanges(a, b));

/** The first ids of some ranges. */
export const firstOfRanges = (ranges: FileRanges, files: number): FileRanges => {
  const taken: [number, number][] = [];
  let left = files;
  for (const [from, to] of ranges) {
    if (left <= 0) break;
    const end = Math.min(to, from + left - 1);
    taken.push([from, end]);
    left -= end - from + 1;
  }
  return taken;
};

/** The first files of a list. */
export const firstFiles = (files: FilesByOrigin, count: number): FilesByOrigin => {
  const taken: [string, FileRanges][] = [];
  let left = count;
  for (const [origin, ranges] of files) {
    if (left <= 0) break;
    const first = firstOfRanges(ranges, left);
    taken.push([origin, first]);
    left -= countRanges(first);
  }
  return taken;
};

/** The ids above one. */
export const rangesAbove = (ranges: FileRanges, id: number): FileRanges =>
  ranges.flatMap(([from, to]) => (to > id ? [[Math.max(from, id + 1), to] as const] : []));

/** How many files there are, of all origins together. */
export const countFiles = (files: Iterable<readonly [string, FileRanges]>): number => {
  let count = 0;
  for (const [, ranges] of files) count += countRanges(ranges);
  return count;
};

/** What `a` holds and `b` does not, origins in order. */
export const lackingOf = (a: Holdings, b: Holdings): FilesByOrigin => {
  const lacking: (readonly [string, FileRanges])[] = [];
  // Asked at each change of either, and mostly nothing is lacking.
  for (const [origin, held] of a) {
    const ranges = subtractRanges(held, b.get(origin) ?? NO_FILES);
    if (ranges.length > 0) lacking.push([origin, ranges]);
  }
  return lacking.sort(([x], [y]) => (x < y ? -1 : 1));
};

/** What `own` and all others hold. */
export const heldByAll = (own: Holdings, others: readonly Holdings[]): Holdings => {
  const common = [...own].map(
    ([origin, ranges]) =>
      [origin, others.reduce((held, other) => intersectRanges(held, other.get(origin) ?? NO_FILES), ranges)] as const,
  );
  return new Map(common.filter(([, ranges]) => ranges.length > 0));
};

/** Cuts a list into messages that stay within the number of ranges that one may carry; at least one, maybe empty. */
export const inMessages = (files: FilesByOrigin): readonly FilesByOrigin[] => {
  const messages: (readonly [string, FileRanges])[][] = [];
  let held: (readonly [string, FileRanges])[] = [];
  let room = TRANSFER_MESSAGE_RANGES_MAX;
  for (const [origin, ranges] of files) {
    for (let at = 0; at < ranges.length;) {
      // An origin's id takes room in the header too: a hundred origins with one range each are no small message.
      if (room <= ORIGIN_COST) {
        messages.push(held);
        [held, room] = [[], TRANSFER_MESSAGE_RANGES_MAX];
      }
      const piece = ranges.slice(at, at + room - ORIGIN_COST);
      held.push([origin, piece]);
      at += piece.length;
      room -= piece.length + ORIGIN_COST;
    }
  }
  if (held.length > 0 || messages.length === 0) messages.push(held);
  return messages;
};

/** In ranges: the longest operator id takes about as many characters as eight of the longest ranges. */
const ORIGIN_COST = 8;
