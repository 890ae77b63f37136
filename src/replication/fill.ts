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
  /** The policies are as new as those of the peers: a node that was restored may not know all of these. */
  readonly peersKnown: boolean;
  /** Whether files of an origin are of the cluster: an operator may be moved while its files are waited for. */
  readonly belongsHere: (origin: string) => boolean;
}

/**
 * Whether the operator has held everything that its peers held when it joined (only then it answers queries). Pure.
 *
 * `filled` for good follows from a comparison with every peer alone: a newcomer that is as empty proves nothing. Files
 * that the consumer's window leaves out are lacking like any other: an answer without them would be partial. An
 * operator that knows no peers, or reaches none, answers with what it has, since nobody could do better; a peer that
 * turns up later and holds more takes that back until it is here. One that comes from a backup knows that it may lack
 * files: it has to hear of every peer first.
 */
export class FillState {
  #filled: boolean;
  #older: boolean;
  readonly #compared = new Set<string>();
  readonly #wanted = new Map<string, FileRanges>();

  /** `filled`: as it was kept from an earlier run. `older`: the store is that of a backup, which counts for more. */
  constructor(filled: boolean, older = false) {
    this.#filled = filled && !older;
    this.#older = older;
  }

  /** The store is that of a backup, and not every peer was heard of since. */
  get older(): boolean {
    return this.#older;
  }

  /** What peers held that were compared. */
  get wanted(): Holdings {
    return this.#wanted;
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
    const comparedAll = view.peers.every((peer) => this.#compared.has(peer));
    if (this.#older && !(comparedAll && view.peersKnown)) return false;
    this.#older = false;
    for (const [origin, ranges] of this.#wanted) {
      if (!view.belongsHere(origin)) continue;
      if (subtractRanges(ranges, view.own.get(origin) ?? NO_FILES).length > 0) return false;
    }
    if (!comparedAll && !view.waited) return false;
    if (comparedAll && this.#compared.size > 0) this.#filled = true;
    return true;
  }
}
