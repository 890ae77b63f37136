import type { FileRanges, Holdings } from './file-record.ts';

const NOTHING: FileRanges = [];

/** Adds one id. Not by {@link uniteRanges}, which goes through all: it is done for each file that is stored. */
export const addToRanges = (ranges: FileRanges, id: number): FileRanges => {
  const at = placeOf(ranges, id);
  const [before, after] = [ranges[at - 1], ranges[at]];
  if (before !== undefined && id <= before[1]) return ranges;
  const [joinsBefore, joinsAfter] = [before?.[1] === id - 1, after?.[0] === id + 1];
  const joined = [joinsBefore && before ? before[0] : id, joinsAfter && after ? after[1] : id] as const;
  return [...ranges.slice(0, joinsBefore ? at - 1 : at), joined, ...ranges.slice(joinsAfter ? at + 1 : at)];
};

/** How many of the ranges begin at an id or before it. */
const placeOf = (ranges: FileRanges, id: number): number => {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.[0] ?? 0) <= id) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** All ids of either. */
export const uniteRanges = (a: FileRanges, b: FileRanges): FileRanges => {
  const last = a.at(-1);
  const first = b[0];
  if (first === undefined) return a;
  if (last === undefined) return b;
  if (b.length === 1 && first[0] === last[1] + 1) return [...a.slice(0, -1), [last[0], first[1]]];
  const joined: [number, number][] = [];
  for (const [from, to] of [...a, ...b].sort((x, y) => x[0] - y[0])) {
    const top = joined.at(-1);
    if (top !== undefined && from <= top[1] + 1) top[1] = Math.max(top[1], to);
    else joined.push([from, to]);
  }
  return joined;
};

/** The ids of `a` that are not in `b`. */
export const subtractRanges = (a: FileRanges, b: FileRanges): FileRanges => {
  if (a === b || a.length === 0) return NOTHING;
  if (b.length === 0) return a;
  const left: [number, number][] = [];
  let at = 0;
  for (const [from, to] of a) {
    let start = from;
    while (at < b.length && (b[at] as readonly [number, number])[1] < start) at += 1;
    for (let cut = at; cut < b.length; cut += 1) {
      const [low, high] = b[cut] as readonly [number, number];
      if (low > to) break;
      if (low > start) left.push([start, low - 1]);
      start = Math.max(start, high + 1);
    }
    if (start <= to) left.push([start, to]);
  }
  return left;
};

/** Highest id up to which every id from 1 on is held; 0 where 1 is missing. */
export const watermark = (ranges: FileRanges): number => (ranges[0]?.[0] === 1 ? ranges[0][1] : 0);

/** How many ids they hold. */
export const countRanges = (ranges: FileRanges): number => ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);

/** Whether one of them holds the id. */
export const inRanges = (ranges: FileRanges, id: number): boolean =>
  ranges.some(([from, to]) => from <= id && id <= to);

/** The first ids of some ranges. */
export const idsOf = (ranges: FileRanges, limit: number): readonly number[] => {
  const ids: number[] = [];
  for (const [from, to] of ranges) for (let id = from; id <= to && ids.length < limit; id += 1) ids.push(id);
  return ids;
};

/** The ids of `ranges` that are held of an origin. */
export const heldOf = (holdings: Holdings, origin: string, ranges: FileRanges): FileRanges =>
  subtractRanges(ranges, subtractRanges(ranges, holdings.get(origin) ?? []));
