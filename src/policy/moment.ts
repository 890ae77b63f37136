import { fault } from '../base/errors.ts';
import { FRONTIER_HEADS_MAX } from '../base/limits.ts';
import { policyDate } from '../entry/time.ts';
import type { PeerKey } from '../network/network.ts';

/**
 * A point of the ledger: what was stated up to a time, all that some entries build on, or what one node had accepted.
 */
export type Moment =
  /** Microseconds since 1970. */
  | { readonly kind: 'time'; readonly micros: number }
  /** Hashes of entries, ascending, each once. */
  | { readonly kind: 'frontier'; readonly heads: readonly string[] }
  /** `micros`: the time that was asked for; `entries`: hashes, as the receipts of the node name them. */
  | { readonly kind: 'receipt'; readonly node: PeerKey; readonly micros: number; readonly entries: readonly string[] };

/** A moment that the entries alone decide, without anybody's receipts. */
export type StatedMoment = Exclude<Moment, { readonly kind: 'receipt' }>;

/** Everything that is held. */
export const EVERYTHING: Moment = { kind: 'time', micros: Number.MAX_SAFE_INTEGER };

const SEPARATOR = '+';
const FRONTIER = /^[0-9a-f]{64}(?:\+[0-9a-f]{64})*$/i;

/** The text of a frontier: `HASH` or `HASH+HASH…`. Throws `POLICY_FRONTIER_OVERSIZE`. */
export const frontierText = (heads: readonly string[]): string => {
  if (heads.length > FRONTIER_HEADS_MAX)
    throw fault('POLICY_FRONTIER_OVERSIZE', `the frontier has ${heads.length} heads; at most ${FRONTIER_HEADS_MAX}`, {
      data: { heads: heads.length, limit: FRONTIER_HEADS_MAX },
      hint: 'every entry that this node appends joins up to 16 heads: try again after some writes, or ask by date',
    });
  return heads.join(SEPARATOR);
};

/**
 * The moment that a frontier's text names; undefined for a text that is none, such as a date. The hash of one entry is
 * a frontier. Throws `POLICY_FRONTIER_OVERSIZE`.
 */
export const readFrontier = (text: string): StatedMoment | undefined => {
  const trimmed = text.trim();
  if (!FRONTIER.test(trimmed)) return undefined;
  const heads = [...new Set(trimmed.toLowerCase().split(SEPARATOR))].sort();
  frontierText(heads);
  return { kind: 'frontier', heads };
};

/** A moment as its users write it; what a node knew, by the time that was asked for. */
export const momentText = (moment: Moment): string =>
  moment.kind === 'frontier' ? frontierText(moment.heads) : policyDate(moment.micros);
