import { z } from 'zod';
import type { Sliced } from '../../base/slices.ts';
import { canonicalJson } from '../../codec/canonical.ts';
import { hash } from '../../codec/fields.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { merkleLeaf, merkleRoot } from '../../codec/merkle.ts';
import type { OriginLeaf } from '../origins.ts';
import type { VoidReason } from '../void-reason.ts';

/**
 * The state that a snapshot settles, as it is kept where bodies of what it covers are dropped, or as others gave it.
 */
export interface SavedState {
  /** The snapshots in force in what it covers. */
  readonly chain: readonly string[];
  readonly leaves: readonly OriginLeaf[];
  /** Why covered entries have no effect, by hash. */
  readonly reasons: readonly (readonly [string, VoidReason])[];
  /** The bodies that were erased; undefined of a state that others gave, which is that of the root. */
  readonly gone: string | undefined;
  /** Why the snapshot settles nothing, where that was found. */
  readonly fault?: VoidReason | undefined;
}

/** Hashes of the entries whose bodies the values of these policies follow from. */
export const namedBy = (leaves: Iterable<OriginLeaf>): ReadonlySet<string> => {
  const named = new Set<string>();
  for (const { insert, attributes } of leaves) {
    if (insert !== null) named.add(insert);
    for (const hash of Object.values(attributes)) named.add(hash);
  }
  return named;
};

const leafSchema: z.ZodType<OriginLeaf> = z.strictObject({
  attributes: z.record(z.string(), hash),
  id: z.string(),
  insert: hash.nullable(),
  member: z.json(),
  type: z.string(),
});
const headSchema = z.strictObject({
  v: z.literal(1),
  snapshot: hash,
  chain: z.array(hash),
  /** Null of a state that others gave. */
  gone: z.string().nullable(),
  leaves: z.int().min(0),
  fault: z.tuple([z.string(), z.string()]).nullable(),
});
const reasonSchema = z.tuple([hash, z.string(), z.string(), hash.nullable(), z.string().nullable()]);

const SLICE = 200;

/** Leaves that others gave, where they are those of the root. */
export const leavesOfRoot = function* (
  pieces: readonly Uint8Array[],
  root: string,
): Sliced<readonly OriginLeaf[] | undefined> {
  const hashes: Buffer[] = [];
  const leaves: OriginLeaf[] = [];
  for (const [at, bytes] of pieces.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const leaf = leafSchema.safeParse(parsedJson(bytes));
    if (!leaf.success) return undefined;
    leaves.push(leaf.data);
    hashes.push(merkleLeaf(bytes));
  }
  return merkleRoot(hashes).toString('hex') === root ? leaves : undefined;
};

const parsedJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    return undefined;
  }
};

/**
 * The form on disk, lines: SHA-256 of all that follows; what it is of; the leaves as the root has them; a reason each,
 * as `[entry, rule, text, by, holder]`.
 */
export const encodeState = function* (snapshot: string, state: SavedState): Sliced<Buffer> {
  const { chain, leaves, reasons, gone = null, fault } = state;
  const told = fault === undefined ? null : [fault.rule, fault.text];
  const lines: string[] = [canonicalJson({ v: 1, snapshot, chain, gone, leaves: leaves.length, fault: told })];
  for (const [at, leaf] of leaves.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    lines.push(canonicalJson(leaf));
  }
  for (const [at, [entry, { rule, text, by, holder }]] of reasons.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    lines.push(JSON.stringify([entry, rule, text, by ?? null, holder ?? null]));
  }
  const rest = lines.join('\n');
  return Buffer.from(`${sha256Hex(rest)}\n${rest}`);
};

/** Back from {@link encodeState}; undefined where the file is damaged or of another snapshot. */
export const decodeState = function* (snapshot: string, bytes: Buffer): Sliced<SavedState | undefined> {
  const [sum, head = '', ...lines] = bytes.toString().split('\n');
  if (sum !== sha256Hex(bytes.subarray(65))) return undefined;
  const known = headSchema.safeParse(parsedJson(Buffer.from(head)));
  if (!known.success || known.data.snapshot !== snapshot) return undefined;
  const { chain, gone, leaves: count, fault: told } = known.data;
  const leaves: OriginLeaf[] = [];
  const reasons: (readonly [string, VoidReason])[] = [];
  for (const [at, line] of lines.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const value = parsedJson(Buffer.from(line));
    if (at < count) {
      const leaf = leafSchema.safeParse(value);
      if (!leaf.success) return undefined;
      leaves.push(leaf.data);
      continue;
    }
    const reason = reasonSchema.safeParse(value);
    if (!reason.success) return undefined;
    const [entry, rule, text, by, holder] = reason.data;
    reasons.push([entry, { rule, text, by: by ?? undefined, ...(holder === null ? {} : { holder }) }]);
  }
  const fault = told === null ? undefined : { rule: told[0], text: told[1], by: undefined };
  return leaves.length === count ? { chain, gone: gone ?? undefined, leaves, reasons, fault } : undefined;
};
