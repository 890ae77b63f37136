import { SCRIPT_BYTES_MAX } from './command.ts';
import { FILE_BYTES_MAX } from './operator.ts';

/** Of a PUT, packed and unpacked; a longer body is refused (`REST_BODY_OVERSIZE`). */
export const REST_BODY_BYTES_MAX = FILE_BYTES_MAX;
/** Of a POST: commands. A longer body is refused (`REST_BODY_OVERSIZE`). */
export const REST_COMMAND_BODY_BYTES_MAX = SCRIPT_BYTES_MAX;
/** Commands before the one of the header; more are refused (`REST_LINES`). */
export const REST_LINES_MAX = 1_000;
/** Bodies held at the same time, all requests together; what does not fit is refused with 503. */
export const REST_BODIES_BYTES_MAX = 2 * FILE_BYTES_MAX;
/** All headers of one request; more are refused with 431. */
export const REST_HEADER_BYTES_MAX = 65_536;
/** Connections at the same time; further ones are closed at once. */
export const REST_CONNECTIONS_MAX = 1_000;
/** An answer up to so many characters is sent whole, with its length; a longer one in pieces. */
export const REST_WHOLE_CHARS_MAX = 262_144;
/** Commands and PUTs worked on at the same time; the next is refused with 503. */
export const REST_RUNNING_MAX = 128;
/** Of them, commands of one person who is no admin. */
export const REST_RUNNING_OF_ONE_MAX = 32;
/** Of them, PUTs of rows of one person who is no admin. */
export const REST_ROWS_OF_ONE_MAX = 96;
/** Of them, places that are kept for admins. */
export const REST_RUNNING_KEPT = 8;
/** The last of the others are for those who hold few places. */
export const REST_RUNNING_SPARE = 16;
/** Who holds fewer places than this gets one of those last ones. */
export const REST_RUNNING_FEW = 4;
/** How long a command may take where the request does not say. */
export const REST_TIMEOUT_MS = 60_000;
/** The longest time that a request may ask for; a longer one is refused (`REST_HEADERS`). */
export const REST_TIMEOUT_MS_MAX = 3_600_000;
/** A request's own time-out ends the command; the reply waits this much longer for the command's own words. */
export const REST_GRACE_MS = 2_000;
/** How long the headers of a request, and the handshake of TLS, may take. */
export const REST_HEADERS_TIMEOUT_MS = 5_000;
/** The longest pause between two pieces of a body, and of a reply that the client does not take. */
export const REST_STALL_MS = 15_000;
/** How long a request may take to arrive whole, and a PUT of rows to be worked on. */
export const REST_REQUEST_TIMEOUT_MS = 600_000;
/** How long an idle connection is kept for the next request. */
export const REST_KEEP_ALIVE_MS = 10_000;
/** Users that one node knows; a further one is refused (`ACCESS_USERS_FULL`). */
export const USERS_MAX = 1_000;
/** Characters of the name of a user, and of a password. */
export const USER_CHARS_MAX = 128;
/** After so many wrong passwords in a row a name waits at the address that they came from. */
export const PASSWORD_TRIES_MAX = 5;
/** How long it waits after the last wrong one. */
export const PASSWORD_PAUSE_MS = 30_000;
/** Passwords checked at the same time (32 MiB each). */
export const PASSWORD_CHECKS_AT_ONCE = 2;
/** Passwords that may wait to be checked; the next is refused (`ACCESS_BUSY`). */
export const PASSWORD_CHECKS_WAITING_MAX = 32;
/** After an early refusal the rest of the body is read and dropped for this long, so that the client sees the reply. */
export const REST_LINGER_MS = 2_000;
