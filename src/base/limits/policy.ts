import { ENTRY_BODY_BYTES_MAX } from './entry.ts';

/** Content of one policy entry: the body also holds the salt. A longer policy is refused (`POLICY_OVERSIZE`). */
export const POLICY_BYTES_MAX = ENTRY_BODY_BYTES_MAX - 1_024;
/** An attribute, policy type or id; they also travel in the header. */
export const POLICY_NAME_CHARS_MAX = 128;
/** Grants between an entry and genesis; deeper ones give nothing. */
export const GRANT_DEPTH_MAX = 16;
/** Rotations between an entry and genesis, of all keys on the way; what lies further gives nothing. */
export const ROTATIONS_MAX = 160;
/** Grants and rotations between an entry and genesis: a chain has no more links than both together. */
export const GRANT_CHAIN_MAX = GRANT_DEPTH_MAX + ROTATIONS_MAX;
/** Policy types that one grant names. */
export const GRANT_TYPES_MAX = 64;
/** Versions listed as in conflict; an update that ends it names them all in its header. */
export const POLICY_CONFLICT_MAX = 16;
/** Results of a join of policies; more are refused (`POLICY_JOIN_TOO_LARGE`). */
export const POLICY_JOIN_ROWS_MAX = 10_000;
/**
 * Pairs of policies that a join compares; more are refused (`POLICY_JOIN_TOO_LARGE`): the node does nothing else
 * meanwhile.
 */
export const POLICY_JOIN_PAIRS_MAX = 1_000_000;
/** Paths that lead to one policy; a question that needs more is refused (`POLICY_JOIN_TOO_LARGE`). */
export const POLICY_PATHS_MAX = 1_000;
/**
 * Entries that the book takes up at once; between two batches other work gets its turn. More at a time are no faster:
 * what is read outlives the collections of young objects then, and is copied by each.
 */
export const POLICY_FOLLOW_ENTRIES = 250;
/** Heads of a frontier: its text fits in a command. More are refused (`POLICY_FRONTIER_OVERSIZE`). */
export const FRONTIER_HEADS_MAX = 3_900;
/** Heads of the frontier in a snapshot entry: they fit in its body. More are refused (`POLICY_FRONTIER_OVERSIZE`). */
export const SNAPSHOT_HEADS_MAX = 900;
/**
 * Questions about the past that are worked on at the same time, each with a book of its own; the next is
 * `POLICY_PAST_BUSY`.
 */
export const POLICY_PASTS_MAX = 4;
/** Entries that `blockchain log` and `blockchain conflicts` list where `limit` does not say. */
export const LOG_ENTRIES_DEFAULT = 100;
/** Entries that they list at most; a higher `limit` is refused. */
export const LOG_ENTRIES_MAX = 10_000;
/** Policies of one type and name whose history is shown; more are refused (`POLICY_HISTORY_OVERSIZE`). */
export const HISTORY_POLICIES_MAX = 100;
/** The statement of a table policy: what a policy can hold. */
export const CREATE_CHARS_MAX = POLICY_BYTES_MAX;
