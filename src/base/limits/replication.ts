import { FILE_BYTES_MAX } from './operator.ts';

/** Uncompressed bytes in one frame of files. */
export const TRANSFER_CHUNK_BYTES = 720_896;
/** One file record as JSON: the widest table that an operator accepts fits. */
export const TRANSFER_RECORD_BYTES_MAX = 524_288;
/**
 * The JSON header of a transfer message; a longer one is `TRANSFER_OVERSIZE` for who sends it, malformed for who reads
 * it.
 */
export const TRANSFER_HEADER_BYTES_MAX = 262_144;
/** Files that travel together in one bundle. */
export const TRANSFER_BUNDLE_FILES_MAX = 1_024;
/** Bytes of several files read and packed together; a larger file travels alone. */
export const TRANSFER_BATCH_BYTES = 655_360;
/** Bytes of files in more than one frame that are being received at the same time, from all peers together. */
export const TRANSFER_RECEIVING_BYTES_MAX = 2 * FILE_BYTES_MAX;
/** Bytes of large files that are held to be sent, to all peers together; beside them at most one that was just read. */
export const TRANSFER_SENDING_BYTES_MAX = FILE_BYTES_MAX;
/** Files are read to be sent one after the other, unless one takes longer than this. */
export const TRANSFER_READ_TURN_MS = 5_000;
/** Ranges in one message; more take several. */
export const TRANSFER_MESSAGE_RANGES_MAX = 6_000;
/** Ranges that one peer may announce in all; more are malformed. */
export const HOLDINGS_RANGES_MAX = 200_000;
/** Origins (operators) of the files in one message, and of those that one peer may announce; more are malformed. */
export const HOLDINGS_ORIGINS_MAX = 1_024;
/**
 * Origins that are no operators of the cluster by the policies, of which files are held; a file of a further one is
 * refused (`REPLICATION_ORIGINS_FULL`): what others bring must not make the own holdings longer than peers read.
 */
export const STRANGE_ORIGINS_MAX = 256;
/** Ranges of files that are held of all origins, from which on none with more than its share gets a new one. */
export const GAPS_MAX = 25_000;
/** That share: ranges of one operator of the cluster; beyond it a file is refused (`REPLICATION_NUMBERS_SCATTERED`). */
export const GAPS_SHARE = 512;
/** A peer that owes an answer and sends nothing for so long is given up; what it owed is asked from another. */
export const TRANSFER_IDLE_MS = 20_000;
/** Whoever opens a channel for files or scrubbing has to say so soon what for; then it is closed. */
export const TRANSFER_HELLO_MS = 5_000;
/** Announcements of new holdings to a peer are gathered for so long. */
export const HOLDINGS_GATHER_MS = 10;
/** Files in one request and its answer; further ones take the next. */
export const PULL_FILES_MAX = 1_000;
/** Requests to one peer that are under way; a peer that sends more is refused (`TRANSFER_MALFORMED`). */
export const PULLS_PER_PEER_MAX = 2;
/** A server ends its answer to one request at the first of these and leaves the rest to the next. */
export const PULL_ANSWER_BYTES = 16 * 1_048_576;
/** New files that a peer announces are expected as a push for so long before they are asked for. */
export const PULL_GRACE_MS = 750;
/** What failed is asked for again after such a pause at first; each failure doubles it. */
export const PULL_RETRY_MIN_MS = 500;
/** The longest pause before what failed is asked for again. */
export const PULL_RETRY_MAX_MS = 30_000;
/** A duplicate was asked for so many times before it is taken though no peer of the cluster has its original. */
export const ORPHAN_ROUNDS_MIN = 3;
/** Single files that one peer failed to deliver; more, and the whole peer rests. */
export const PULL_FAILURES_MAX = 2_048;
/** Files pushed to one peer and not acknowledged yet; further ones wait. A bundle with more is malformed. */
export const PUSH_FILES_IN_FLIGHT = 256;
/** Bytes of those files; one larger file goes alone. */
export const PUSH_BYTES_IN_FLIGHT = 4 * 1_048_576;
/**
 * A peer has so much longer to acknowledge what is on its way to it: a large file takes its time on a slow line and a
 * slow disk.
 */
export const PUSH_STORED_BYTES_PER_S_MIN = 1_048_576;
/** Files that wait to be pushed to one peer; more, and they are left for it to pull. */
export const PUSH_WAITING_FILES_MAX = 1_024;
/**
 * A file that is too large to be sent is read again for a peer after so long: it may be in the archive by then, or be a
 * duplicate.
 */
export const TOO_LARGE_REST_MS = 300_000;
/** Content kept for the pushes to the other peers. */
export const PUSH_SHARED_BYTES_MAX = 8 * 1_048_576;
/** How often, give or take a quarter, a consumer compares with its peers what they hold. */
export const CONSUMER_INTERVAL_MS = 5_000;
/** What lay after the end of a consumer's window is asked for again when the end has moved on by so much. */
export const WINDOW_STEP_MS = 60_000;
/** A file that a peer has announced is expected here after so long: an operator that answers without it says so. */
export const FILE_OVERDUE_MS = 1_000;
/** How long a starting operator with own files waits for peers that are known and not reached. */
export const PEERS_WAIT_MS = 1_000;
/** How long one without own files waits: it may have lost them, and then only peers know the last number. */
export const PEERS_WAIT_EMPTY_MS = 3_000;
/**
 * An operator that lost files and cannot ask every peer numbers its own so far beyond the last it knows of: more than
 * came since.
 */
export const NUMBERING_LEAP = 1_000_000;
/** Others are believed that an origin gave numbers up to this one: a thousand files a second for 34 years. */
export const FILE_NUMBER_TOLD_MAX = 2 ** 40;
/**
 * Beyond that they are believed a step from a number that is known for sure, ten leaps: it would take them hundreds of
 * millions of files to use up an origin's numbers.
 */
export const FILE_NUMBER_STEP_MAX = 10 * NUMBERING_LEAP;
/** Which files all operators of a cluster hold, as told to other nodes: origins (members) that are named. */
export const COMMITTED_ORIGINS_MAX = 255;
/** Stretches of file ids of one origin that are named there; what lies beyond is left out, so less counts as held. */
export const COMMITTED_RANGES_MAX = 32;
/** How long that question and its answer may take: a query waits for it. */
export const COMMITTED_TIMEOUT_MS = 1_000;
