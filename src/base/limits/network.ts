/** How long one dial may take, encryption and all, and a connection that comes in until it is ready. */
export const DIAL_TIMEOUT_MS = 5_000;
/**
 * How long a dial of an address that has answered before is waited for at least, before it is given up and tried anew.
 */
export const REDIAL_PATIENCE_MIN_MS = 650;
/** The pause before an address is dialled again at first, half of it left to chance; each failure doubles it. */
export const REDIAL_MIN_MS = 200;
/** The longest pause before an address is dialled again; a connection that lasted so long is no failure. */
export const REDIAL_MAX_MS = 3_000;
/** The longest pause after dials that nobody answered, where few addresses are down. */
export const REDIAL_UNREACHED_MAX_MS = 800;
/** With more that are down it is so long for each, up to `REDIAL_MAX_MS`: the dials in a second stay bounded. */
export const REDIAL_UNREACHED_EACH_MS = 12;
/** How often a peer is pinged. */
export const PING_INTERVAL_MS = 1_000;
/** A connection on which no byte came in for so long is dead, and is closed. */
export const PING_TIMEOUT_MS = 2_000;
/** Addresses that one node keeps dialling. */
export const DIAL_TARGETS_MAX = 1_000;
/** Connections of one node, both ways; beyond, libp2p closes some. */
export const CONNECTIONS_MAX = 512;
/**
 * Connections taken from one address in a second: many nodes may stand behind it, and all come back at once after a
 * cut.
 */
export const INBOUND_CONNECTIONS_PER_SECOND_MAX = 256;
/** Connections that come in and are not encrypted yet; the next is dropped and may be dialled anew. */
export const INBOUND_CONNECTIONS_PENDING_MAX = 128;
/** Silence and the time to the next ping are counted in such ticks of the event loop. */
export const LIVENESS_TICK_MS = 250;
/** A peer that breaks a protocol is kept out for so long, twice as long each further time. */
export const EXPELLED_MIN_MS = 30_000;
/** The longest time that a peer is kept out, and for which it is remembered after that that it was. */
export const EXPELLED_MAX_MS = 3_600_000;
/** Keys whose conduct is remembered; the oldest is forgotten for a new one. */
export const EXPELLED_KEYS_MAX = 4_096;
/** What it still is told before it is cut off: the refusal of what it sent. */
export const EXPEL_GRACE_MS = 100;
/** What may happen to an honest node now and then: so often within `STRIKE_WINDOW_MS`; a peer with more is expelled. */
export const STRIKES_MAX = 16;
/** The time in which strikes of one peer are counted; then the count begins anew. */
export const STRIKE_WINDOW_MS = 10_000;
