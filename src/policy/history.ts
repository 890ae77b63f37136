import { canonicalJson } from '../codec/canonical.ts';
import type { JsonObject } from '../codec/json.ts';
import { policyDate } from '../entry/time.ts';
import type { HeldEntry } from '../ledger/ledger.ts';
import type { PolicyBook } from './book.ts';
import { applyChanges } from './facts.ts';
import { NODE_TYPES } from './kinds/registry.ts';
import type { PolicyVersion } from './policies.ts';

const NONE: JsonObject = {};

/** Names of the nodes whose policies carry their key. */
const namesOf = (book: PolicyBook): ReadonlyMap<string, string> => {
  const names = new Map<string, string>();
  for (const type of NODE_TYPES)
    for (const { value } of book.ofType(type)) {
      const { peer, name } = value;
      if (typeof peer === 'string' && typeof name === 'string' && !names.has(peer)) names.set(peer, name);
    }
  return names;
};

/** Attribute by attribute, sorted by name. Also the pure part of `get policies diff`. */
export const differences = (before: JsonObject, after: JsonObject): PolicyVersion['changes'] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((attribute) => ({ attribute, before: before[attribute], after: after[attribute] }))
    .filter(({ before: was, after: is }) => canonicalJson([was ?? null]) !== canonicalJson([is ?? null]));

const valueAfter = (entry: HeldEntry['entry'], before: JsonObject): JsonObject => {
  const { op, type } = entry.header;
  if (op === 'delete') return NONE;
  if (op === 'insert') return entry.content;
  try {
    return applyChanges(type ?? '', before, entry.content);
  } catch {
    return before;
  }
};

/** The life of one policy: every entry that names it, in the ledger's order, with what it changed or why it did not. */
export const versionsOf = (entries: readonly HeldEntry[], book: PolicyBook): readonly PolicyVersion[] => {
  const names = namesOf(book);
  let current = NONE;
  return entries.map(({ entry, receivedMs }) => {
    const { header } = entry;
    const effect = book.effectOf(entry.hash) ?? 'superseded';
    // An entry without effect shows what it wanted to change; the next one is compared with what was in force.
    const after = valueAfter(entry, current);
    const changes = differences(current, after);
    if (typeof effect === 'string') current = after;
    return {
      entry: entry.hash,
      op: header.op,
      author: header.author,
      authorName: names.get(header.author),
      seq: header.seq,
      date: policyDate(header.time),
      received: policyDate(Math.floor(receivedMs * 1_000)),
      changes,
      effect,
    };
  });
};
