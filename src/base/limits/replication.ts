import { FILE_BYTES_MAX } from './operator.ts';

/** Uncompressed bytes in one frame of files. */
export const TRANSFER_CHUNK_BYTES = 720_896;
/** One file record as JSON: the widest table that an operator accepts fits. */
export const TRANSFER_RECORD_BYTES_MAX = 524_288;
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
/** Ranges in one message, and those that one peer may announce or ask for. */
export const TRANSFER_MESSAGE_RANGES_MAX = 6_000;
export const HOLDINGS_RANGES_MAX = 200_000;
export const HOLDINGS_ORIGINS_MAX = 1_024;
/** A peer that owes an answer and sends nothing for so long is given up; what it owed is asked from another. */
export const TRANSFER_IDLE_MS = 20_000;
export const TRANSFER_HELLO_MS = 5_000;
/** Announcements of new holdings to a peer are gathered for so long. */
export const HOLDINGS_GATHER_MS = 10;
export const PULL_FILES_MAX = 1_000;
export const PULLS_PER_PEER_MAX = 2;
/** A server ends its answer to one request at the first of these and leaves the rest to the next. */
export const PULL_ANSWER_BYTES = 16 * 1_048_576;
/** New files that a peer announces are expected as a push for so long before they are asked for. */
export const PULL_GRACE_MS = 750;
export const PULL_RETRY_MIN_MS = 500;
export const PULL_RETRY_MAX_MS = 30_000;
/** A duplicate was asked for so many times before it is taken though no peer of the cluster has its original. */
export const ORPHAN_ROUNDS_MIN = 3;
/** Single files that one peer failed to deliver; more, and the whole peer rests. */
export const PULL_FAILURES_MAX = 2_048;
export const PUSH_FILES_IN_FLIGHT = 256;
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
export const CONSUMER_INTERVAL_MS = 5_000;
/** What lay after the end of a consumer's window is asked for again when the end has moved on by so much. */
export const WINDOW_STEP_MS = 60_000;
/** A file that a peer has announced is expected here after so long: an operator that answers without it says so. */
export const FILE_OVERDUE_MS = 1_000;
/** How long a starting operator waits for peers that are known and not reached, with own files and without. */
export const PEERS_WAIT_MS = 1_000;
export const PEERS_WAIT_EMPTY_MS = 3_000;
/**
 * An operator that lost files and cannot ask every peer numbers its own so far beyond the last it knows of: more than
 * came since.
 */
export const NUMBERING_LEAP = 1_000_000;
/**
 * Others are believed that an origin gave numbers up to this one (a thousand files a second for 34 years), and beyond it
 * a step from one that is known for sure: ten leaps. So it would take them hundreds of millions of files to use up its
 * numbers.
 */
export const FILE_NUMBER_TOLD_MAX = 2 ** 40;
export const FILE_NUMBER_STEP_MAX = 10 * NUMBERING_LEAP;
/**
 * Which files all operators of a cluster hold, as told to other nodes: origins (members), stretches of each, patience.
 */
export const COMMITTED_ORIGINS_MAX = 255;
export const COMMITTED_RANGES_MAX = 32;
export const COMMITTED_TIMEOUT_MS = 1_000;
