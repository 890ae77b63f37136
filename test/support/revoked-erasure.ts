import { atOnce } from '../../src/base/slices.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { snapshotContent } from '../../src/policy/snapshot/act.ts';
import { draftSnapshot } from '../../src/policy/snapshot/draft.ts';
import { SettleMemory } from '../../src/policy/snapshot/settle.ts';
import type { EntrySketch } from './policy-entries.ts';
import { bookOf, type SnapshotWorld, UNSIGNED } from './snapshot-histories.ts';

/** A history in the ledger's order, and the entries that tests name. */
export interface RevokedErasure {
  readonly entries: readonly Entry[];
  /** How many of them the snapshot is the last of. */
  readonly upToSnapshot: number;
  /** The insert of the cluster `k`, and its update after all. */
  readonly insert: Entry;
  readonly update: Entry;
}

/**
 * A snapshot settles a cluster policy whose insert is erased: its leaf has no `status`, which the normal form would add.
 * Then the author of the erasure is revoked from the erasure on: outside of what is settled the insert has its content
 * again, and `status` is there. A policy that is deleted leaves a body that nobody needs.
 * One of the erased attributes is called as something that every object of JavaScript has.
 */
export const revokedErasure = (world: SnapshotWorld = UNSIGNED): RevokedErasure => {
  const [root = '', eraser = '', other = ''] = world.keys;
  const entries: Entry[] = [];
  const write = (author: string, op: string, content: JsonObject, sketch: EntrySketch = {}): Entry => {
    const [net, before] = [entries[0]?.hash ?? '', entries.at(-1)];
    const last = entries.findLast(({ header }) => header.author === author);
    const entry = world.make({
      ...{ author, op, content, net, cap: net === '' ? null : net, time: 1_600_000_000_000_000 + entries.length },
      ...{ seq: (last?.header.seq ?? 0) + 1, prev: last?.hash ?? null },
      parents: before === undefined || before === last ? [] : [before.hash],
      ...sketch,
    });
    entries.push(entry);
    return entry;
  };
  write(root, 'genesis', { v: 1, name: 'n', admission: 'open', roots: [root] });
  const insert = write(eraser, 'insert', { company: 'c', name: 'k', constructor: 'x' }, { type: 'cluster', id: 'k' });
  const names = { attributes: ['company', 'constructor', 'name'], removed: [] };
  write(eraser, 'erase', { v: 1, entry: insert.hash, ...names, reason: 'r' });
  write(root, 'insert', { a: 1 }, { type: 'site', id: 'gone' });
  write(root, 'delete', {}, { id: 'gone' });
  const fold = bookOf(entries);
  const draft = draftSnapshot({ fold, memory: new SettleMemory(), author: root, isHeldByAll: () => true });
  write(root, 'snapshot', snapshotContent(atOnce(draft).act));
  const upToSnapshot = entries.length;
  write(root, 'revoke', { v: 1, grant: entries[0]?.hash ?? '', key: eraser, from: 2 });
  const update = write(other, 'update', { note: 1 }, { id: 'k' });
  return { entries, upToSnapshot, insert, update };
};
