import type { VoidReason } from '../void-reason.ts';
import { type Fact, SNAPSHOT_OP } from '../facts.ts';
import { readSnapshot, type SnapshotAct } from './act.ts';
import type { Settled } from './settled.ts';

/** A snapshot entry that is well-formed. */
export interface FiledSnapshot {
  readonly fact: Fact;
  readonly act: SnapshotAct;
}

/** What follows from the snapshot entries of a fold, as of one {@link Snapshots.stamp} of it. */
export interface Settlement {
  readonly stamp: number;
  readonly settled: Settled | undefined;
  /** Why snapshot entries have no effect, by hash. Those that are not named are in force. */
  readonly reasons: ReadonlyMap<string, VoidReason>;
  /** Snapshots whose state could not be looked at for want of archived bodies. */
  readonly lacks: ReadonlySet<string>;
  /** Some cover what is not held yet. */
  readonly open: boolean;
}

const WAITS: VoidReason = { rule: 'snapshot-waits', text: 'it is being looked at', by: undefined };

/**
 * The snapshot entries of a fold, and what they have settled. What follows from them is worked out apart (`settle.ts`),
 * for it takes long.
 */
export class Snapshots {
  readonly #filed: FiledSnapshot[] = [];
  #stamp = 0;
  #settledAt = 0;
  #open = false;
  settled: Settled | undefined;
  /** As {@link Settlement.lacks}. */
  lacks: ReadonlySet<string> = new Set();

  /** Grows when something changes that a settlement follows from. */
  get stamp(): number {
    return this.#stamp;
  }

  /** Whether the settlement is to be worked out again. */
  get isStale(): boolean {
    return this.#stamp !== this.#settledAt;
  }

  filed(): readonly FiledSnapshot[] {
    return this.#filed;
  }

  /** Takes up a snapshot entry; returns whether it is well-formed. A malformed one gets its reason. */
  add(fact: Fact): boolean {
    const act = readSnapshot(fact.content);
    if ('malformed' in act) {
      fact.void = { rule: 'structure', text: act.malformed, by: undefined };
      return false;
    }
    fact.void = WAITS;
    this.#filed.push({ fact, act });
    return true;
  }

  /** These facts have come, or have another verdict. */
  moved(facts: Iterable<Fact>): void {
    if (this.#filed.length === 0) return;
    let matters = this.#open;
    for (const { op } of facts) matters ||= op === SNAPSHOT_OP || op === 'genesis';
    if (matters) this.#touch();
  }

  /** Bodies are gone, or are there again. */
  contentMoved(): void {
    if (this.#filed.length > 0) this.#touch();
  }

  /** Takes over a settlement; returns whether it is still that of what is here. */
  settle({ stamp, settled, reasons, lacks, open }: Settlement): boolean {
    if (stamp !== this.#stamp) return false;
    this.#settledAt = stamp;
    this.#open = open;
    this.settled = settled;
    this.lacks = lacks;
    for (const { fact } of this.#filed) fact.void = reasons.get(fact.hash);
    return true;
  }

  #touch(): void {
    this.#stamp += 1;
  }
}
