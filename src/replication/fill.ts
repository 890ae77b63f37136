import type { FileRanges, Holdings } from '../operator/file-record.ts';
import { subtractRanges, uniteRanges } from '../operator/ranges.ts';
import { NO_FILES } from './transfer/holdings.ts';

/** What is known when it is asked whether the operator is filled. */
export interface FillView {
  readonly own: Holdings;
  /** Operators of the cluster by its policies, without the own one. */
  readonly peers: readonly string[];
  /** Peers that could not be reached have been waited for long enough. */
  readonly waited: boolean;
}

/**
 * Whether the operator has held everything that its peers held when it joined (only then it answers queries). Pure.
 *
 * `filled` for good follows from a comparison with every peer alone: a newcomer that is as empty proves nothing. Files
 * that the consumer's window leaves out are lacking like any other: an answer without them would be partial. An operator
 * that knows no peers, or reaches none, answers with what it has, since nobody could do better; a peer that turns up
 * later and holds more takes that back until it is here.
 */
export class FillState {
  #filled: boolean;
  readonly #compared = new Set<string>();
  readonly #wanted = new Map<string, FileRanges>();

  /** `filled`: as it was kept from an earlier run. */
  constructor(filled: boolean) {
    this.#filled = filled;
  }

  /** Whether it is filled for good and may be kept as such. */
  get filled(): boolean {
    return this.#filled;
  }

  /** A peer said what it holds, of the origins that belong to the cluster; only the first time counts. */
  compared(peer: string, holdings: Holdings): void {
    if (this.#filled || this.#compared.has(peer)) return;
    this.#compared.add(peer);
    for (const [origin, ranges] of holdings)
      this.#wanted.set(origin, uniteRanges(this.#wanted.get(origin) ?? NO_FILES, ranges));
  }

  /** Whether queries may be answered now. */
  answers(view: FillView): boolean {
    if (this.#filled) return true;
    for (const [origin, ranges] of this.#wanted) {
      if (subtractRanges(ranges, view.own.get(origin) ?? NO_FILES).length > 0) return false;
    }
    const comparedAll = view.peers.every((peer) => this.#compared.has(peer));
    if (!comparedAll && !view.waited) return false;
    if (comparedAll && this.#compared.size > 0) this.#filled = true;
    return true;
  }
}
