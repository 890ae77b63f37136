import { FILE_OVERDUE_MS } from '../base/limits.ts';
import type { FileRanges, Holdings } from '../operator/file-record.ts';
import { subtractRanges, uniteRanges } from '../operator/ranges.ts';
import { countFiles, lackingOf } from './transfer/holdings.ts';

/** What an operator knows to lack. */
export interface Shortfall {
  /** Files that a peer holds or held, or that were asked for, and that are not here. */
  readonly lacking: number;
  /** Those of them that should be here by now: asked for, or announced for longer than a moment. */
  readonly overdue: number;
}

/** What peers told of, also one that is away by now. Pure but for what it remembers. */
export class Announced {
  readonly #last = new Map<string, Holdings>();
  /** News of the last moment. */
  #fresh: { readonly untilMs: number; readonly files: Holdings }[] = [];

  /** What a peer is known to hold from now on. */
  note(peer: string, holdings: Holdings, nowMs: number): void {
    const news = lackingOf(holdings, this.#last.get(peer) ?? new Map<string, FileRanges>());
    this.#last.set(peer, holdings);
    this.#fresh = this.#fresh.filter(({ untilMs }) => untilMs > nowMs);
    if (news.length > 0) this.#fresh.push({ untilMs: nowMs + FILE_OVERDUE_MS, files: new Map(news) });
  }

  /** What a peer held when it was last heard of. */
  lastOf(peer: string): Holdings | undefined {
    return this.#last.get(peer);
  }

  /** What is not held of all that was told and all that is needed. */
  shortfall(view: {
    readonly own: Holdings;
    readonly told: readonly Holdings[];
    readonly needed: Holdings;
    readonly nowMs: number;
  }): Shortfall {
    const { own, told, needed, nowMs } = view;
    const lacking = new Map(lackingOf(uniteHoldings([...told, needed]), own));
    if (lacking.size === 0) return { lacking: 0, overdue: 0 };
    const fresh = uniteHoldings(this.#fresh.filter(({ untilMs }) => untilMs > nowMs).map(({ files }) => files));
    const overdue = uniteHoldings([new Map(lackingOf(lacking, fresh)), new Map(lackingOf(needed, own))]);
    return { lacking: countFiles(lacking), overdue: countFiles(overdue) };
  }
}

/** The files of all of them. */
export const uniteHoldings = (all: readonly Holdings[]): Holdings => {
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const united = new Map<string, FileRanges>();
  for (const holdings of all)
    for (const [origin, ranges] of holdings) {
      const held = united.get(origin);
      if (held === undefined) united.set(origin, ranges);
      else if (subtractRanges(ranges, held).length > 0) united.set(origin, uniteRanges(held, ranges));
    }
  return united;
};
