import { SCRIPT_BYTES_MAX } from './command.ts';
import { FILE_BYTES_MAX } from './operator.ts';

/** Of a PUT, packed and unpacked. */
export const REST_BODY_BYTES_MAX = FILE_BYTES_MAX;
/** Of a POST: commands. */
export const REST_COMMAND_BODY_BYTES_MAX = SCRIPT_BYTES_MAX;
/** Commands before the one of the header. */
export const REST_LINES_MAX = 1_000;
/** Bodies held at the same time, all requests together; what does not fit is refused with 503. */
export const REST_BODIES_BYTES_MAX = 2 * FILE_BYTES_MAX;
export const REST_HEADER_BYTES_MAX = 65_536;
export const REST_CONNECTIONS_MAX = 1_000;
/** An answer up to so many characters is sent whole, with its length; a longer one in pieces. */
export const REST_WHOLE_CHARS_MAX = 262_144;
/** Commands and PUTs worked on at the same time; the next is refused with 503. */
export const REST_RUNNING_MAX = 128;
/** Of them, commands of one person who is no admin, and PUTs of rows; and places that are kept for admins. */
export const REST_RUNNING_OF_ONE_MAX = 32;
export const REST_ROWS_OF_ONE_MAX = 96;
export const REST_RUNNING_KEPT = 8;
/** The last of the others are for who holds fewer than so many. */
export const REST_RUNNING_SPARE = 16;
export const REST_RUNNING_FEW = 4;
/** How long a command may take where the request does not say, and at most. */
export const REST_TIMEOUT_MS = 60_000;
export const REST_TIMEOUT_MS_MAX = 3_600_000;
/** A request's own time-out ends the command; the reply waits this much longer for the command's own words. */
export const REST_GRACE_MS = 2_000;
export const REST_HEADERS_TIMEOUT_MS = 5_000;
/** The longest pause between two pieces of a body, and of a reply that the client does not take. */
export const REST_STALL_MS = 15_000;
export const REST_REQUEST_TIMEOUT_MS = 600_000;
/** How long an idle connection is kept for the next request. */
export const REST_KEEP_ALIVE_MS = 10_000;
/** Users that one node knows, and the characters of a name or password. */
export const USERS_MAX = 1_000;
export const USER_CHARS_MAX = 128;
/** After so many wrong passwords in a row a name waits at the address that they came from. */
export const PASSWORD_TRIES_MAX = 5;
export const PASSWORD_PAUSE_MS = 30_000;
/** Passwords checked at the same time (32 MiB each), and those that may wait for it. */
export const PASSWORD_CHECKS_AT_ONCE = 2;
export const PASSWORD_CHECKS_WAITING_MAX = 32;
/** After an early refusal the rest of the body is read and dropped for this long, so that the client sees the reply. */
export const REST_LINGER_MS = 2_000;
