/** How long a key without a grant may stay connected, to redeem an invite. */
export const GUEST_MS_MAX = 5_000;
/** Pause between two tries to be let in. */
export const JOIN_RETRY_MS = 500;
/** How often a node that takes up a ledger says how far it is, and after how long without news what it lacks. */
export const JOIN_PROGRESS_MS = 5_000;
/** One request to be let in, both ways. */
export const JOIN_TIMEOUT_MS = 4_000;
/** A node's introduction of itself; a longer one is neither sent nor read. */
export const INTRODUCTION_BYTES_MAX = 262_144;
/** Introductions of one peer in a row that are refused before it has to wait for `GUEST_MS_MAX`. */
export const INTRODUCTION_TRIES_MAX = 4;
/** Peers whose refused introductions are remembered; the longest unchanged is forgotten first. */
export const INTRODUCTION_PEERS_MAX = 1_024;
/** Keys that are introduced at the same time. */
export const INTRODUCED_KEYS_MAX = 64;
/** An introduction holds until the ledger has come by sync, at most so long. */
export const INTRODUCED_MS_MAX = 60_000;
