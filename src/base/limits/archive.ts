/**
 * Bodies that are fetched back go to the disk, so much of them at a time: a file of the journal is written anew for
 * each time.
 */
export const PRUNING_BYTES_AT_ONCE = 16 * 1_048_576;
/** A node that lacks history asks for it again: the pause doubles each time. */
export const HISTORY_ASK_MIN_MS = 500;
export const HISTORY_ASK_MAX_MS = 60_000;
/** How often it looks whether it does. */
export const HISTORY_LOOK_MS = 5_000;
/** Bodies asked for at once, and read from the disk at once. */
export const ARCHIVE_BODIES_MAX = 256;
export const ARCHIVE_READ_AT_ONCE = 32;
/** A frame of bodies or leaves ends with the first that fills so much. */
export const ARCHIVE_BATCH_BYTES = 262_144;
/** The settled state that is fetched: one leaf, all of them, their number. */
export const ARCHIVE_LEAF_BYTES_MAX = 524_288;
export const ARCHIVE_STATE_BYTES_MAX = 268_435_456;
export const ARCHIVE_STATE_LEAVES_MAX = 1_000_000;
/** Answers given at the same time: in all, and to one peer; further questions are refused. How long one may take. */
export const ARCHIVE_ANSWERS_MAX = 16;
export const ARCHIVE_ANSWERS_PER_PEER_MAX = 4;
export const ARCHIVE_ANSWER_MS_MAX = 120_000;
/** Questions of one peer: at once, and in the long run. */
export const ARCHIVE_QUESTIONS_BURST_MAX = 2_000;
export const ARCHIVE_QUESTIONS_PER_SECOND_MAX = 1_000;
/** A peer that sends nothing for so long in the middle of an answer is left, and another is asked. */
export const ARCHIVE_STALL_MS = 10_000;
/** A peer is asked again whether it keeps everything: the pause doubles each time. */
export const ARCHIVE_KEEPS_MIN_MS = 1_000;
export const ARCHIVE_KEEPS_MAX_MS = 300_000;
/** One word is the answer: a peer that is just joining may swallow the question, and is asked again. */
export const ARCHIVE_KEEPS_STALL_MS = 3_000;
/**
 * Addresses of archives that a node tells and keeps; how often it asks its peers for them, and how soon after one has
 * connected.
 */
export const ARCHIVE_ADDRESSES_MAX = 64;
export const ARCHIVE_ADDRESSES_MS = 10_000;
export const ARCHIVE_ADDRESSES_SOON_MS = 3_000;
/** Addresses of one archive that others tell, beside the one that it has told itself. */
export const ARCHIVE_CLAIMS_MAX = 4;
/** A peer that had nothing of what it was asked for is asked after the others for so long. */
export const ARCHIVE_LACKED_MS = 60_000;
