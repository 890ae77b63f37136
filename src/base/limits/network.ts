export const DIAL_TIMEOUT_MS = 5_000;
/**
 * How long a dial of an address that has answered before is waited for at least, before it is given up and tried anew.
 */
export const REDIAL_PATIENCE_MIN_MS = 650;
export const REDIAL_MIN_MS = 200;
export const REDIAL_MAX_MS = 3_000;
/**
 * The pause after dials that nobody answered, where few addresses are down; with more it grows by so much for each, to
 * the maximum.
 */
export const REDIAL_UNREACHED_MAX_MS = 800;
export const REDIAL_UNREACHED_EACH_MS = 12;
export const PING_INTERVAL_MS = 1_000;
export const PING_TIMEOUT_MS = 2_000;
/** Addresses that one node keeps dialling. */
export const DIAL_TARGETS_MAX = 1_000;
export const CONNECTIONS_MAX = 512;
/** Many nodes may stand behind one address, and all come back at once after a cut. */
export const INBOUND_CONNECTIONS_PER_SECOND_MAX = 256;
export const INBOUND_CONNECTIONS_PENDING_MAX = 128;
export const LIVENESS_TICK_MS = 250;
/**
 * A peer that breaks a protocol is kept out for so long, twice as long each further time; keys that are remembered for
 * that.
 */
export const EXPELLED_MIN_MS = 30_000;
export const EXPELLED_MAX_MS = 3_600_000;
export const EXPELLED_KEYS_MAX = 4_096;
/** What it still is told before it is cut off: the refusal of what it sent. */
export const EXPEL_GRACE_MS = 100;
/** What may happen to an honest node now and then, and how often within which time at most. */
export const STRIKES_MAX = 16;
export const STRIKE_WINDOW_MS = 10_000;
