import type { Sliced } from '../../base/slices.ts';
import { ERASABLE_OPS } from '../../entry/entry.ts';
import type { LedgerFold } from '../fold.ts';
import { lacksHistory } from './archived.ts';
import { namedBy, type SavedState } from './saved.ts';
import type { SettleMemory } from './settle.ts';

const SLICE = 5_000;

/**
 * Hashes of the entries whose bodies a node can do without: inserts and updates that the last snapshot in force covers
 * and that no settled policy's value follows from. None while this node itself could not look at what is settled. Of a
 * log that is void from some entry on the void part is kept: where what is covered shows it the snapshot's `logs` do
 * not name it, and by no clock is it known who else has it.
 */
export const droppable = function* (fold: LedgerFold): Sliced<readonly string[]> {
  const { settled } = fold.snapshots;
  if (settled === undefined || lacksHistory(fold)) return [];
  const needed = namedBy(settled.leaves.values());
  const hashes: string[] = [];
  for (const [at, fact] of fold.facts().entries()) {
    const { hash, op, bodiless, archived } = fact;
    if (at % SLICE === SLICE - 1) yield;
    if (bodiless || archived || !ERASABLE_OPS.has(op) || !settled.covered.has(hash) || needed.has(hash)) continue;
    if (settled.reasons.get(hash)?.rule === 'equivocation' || fold.authority.isForked(fact)) continue;
    hashes.push(hash);
  }
  return hashes;
};

/**
 * What is to be kept of what is known of snapshots before bodies are dropped, by snapshot: states, and why some settle
 * nothing.
 */
export const statesToSave = (fold: LedgerFold, { checked }: SettleMemory): ReadonlyMap<string, SavedState> => {
  const states = new Map<string, SavedState>();
  const inForce = new Set(fold.snapshots.settled?.chain);
  for (const [key, { chain, leaves, reasons, gone, given, fault }] of checked) {
    if (given === true) {
      // As others gave it: that says nothing of what was erased since, nor why covered entries have no effect.
      if (inForce.has(key) && gone === '')
        states.set(key, { chain, gone: undefined, leaves: [...leaves.values()], reasons: [] });
      continue;
    }
    if (inForce.has(key)) states.set(key, { chain, gone, fault, leaves: [...leaves.values()], reasons: [...reasons] });
    else if (fault !== undefined) states.set(key, { chain, gone, fault, leaves: [], reasons: [] });
  }
  return states;
};
