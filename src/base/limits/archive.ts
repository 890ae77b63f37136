/**
 * Bodies that are fetched back go to the disk, so much of them at a time: a file of the journal is written anew for
 * each time.
 */
export const PRUNING_BYTES_AT_ONCE = 16 * 1_048_576;
/** A node that lacks history asks for it again after such a pause at first; each time it doubles. */
export const HISTORY_ASK_MIN_MS = 500;
/** The longest pause before a node asks again for the history that it lacks. */
export const HISTORY_ASK_MAX_MS = 60_000;
/** How often it looks whether it does. */
export const HISTORY_LOOK_MS = 5_000;
/** Bodies that one question asks for; more take several questions. */
export const ARCHIVE_BODIES_MAX = 256;
/** Entries read from the disk at once for a question or an answer: what one of them holds in memory. */
export const ARCHIVE_READ_AT_ONCE = 32;
/** A frame of bodies or leaves ends with the first that fills so much. */
export const ARCHIVE_BATCH_BYTES = 262_144;
/** One leaf of the settled state that is fetched; a frame with a larger one is malformed. */
export const ARCHIVE_LEAF_BYTES_MAX = 524_288;
/** Bytes of all leaves of the settled state that is fetched; an answer that announces more is malformed. */
export const ARCHIVE_STATE_BYTES_MAX = 268_435_456;
/** Leaves of the settled state that is fetched; an answer that announces more is malformed. */
export const ARCHIVE_STATE_LEAVES_MAX = 1_000_000;
/** Answers given at the same time, to all peers together; a further question is refused. */
export const ARCHIVE_ANSWERS_MAX = 16;
/** Answers given to one peer at the same time; its next question is refused. */
export const ARCHIVE_ANSWERS_PER_PEER_MAX = 4;
/** The whole of one answer, for who gives it and who takes it; then its channel is aborted. */
export const ARCHIVE_ANSWER_MS_MAX = 120_000;
/** Questions that one peer may ask at once; one that asks more breaks the protocol (`LEDGER_ARCHIVE_FLOOD`). */
export const ARCHIVE_QUESTIONS_BURST_MAX = 2_000;
/** Questions that one peer may ask in a second in the long run, after that burst. */
export const ARCHIVE_QUESTIONS_PER_SECOND_MAX = 1_000;
/** A peer that sends nothing for so long in the middle of an answer is left, and another is asked. */
export const ARCHIVE_STALL_MS = 10_000;
/** A peer is asked again whether it keeps everything after such a pause at first; each time it doubles. */
export const ARCHIVE_KEEPS_MIN_MS = 1_000;
/** The longest pause before a peer is asked again whether it keeps everything. */
export const ARCHIVE_KEEPS_MAX_MS = 300_000;
/** One word is the answer: a peer that is just joining may swallow the question, and is asked again. */
export const ARCHIVE_KEEPS_STALL_MS = 3_000;
/** Archives whose addresses a node tells and keeps; further ones are left out. */
export const ARCHIVE_ADDRESSES_MAX = 64;
/** How often a node asks its peers for the addresses of archives. */
export const ARCHIVE_ADDRESSES_MS = 10_000;
/** How soon it asks them all after its start, and after a peer has connected: by then that one has heard more. */
export const ARCHIVE_ADDRESSES_SOON_MS = 3_000;
/** Addresses of one archive that others tell, beside the one that it has told itself. */
export const ARCHIVE_CLAIMS_MAX = 4;
/** A peer that had nothing of what it was asked for is asked after the others for so long. */
export const ARCHIVE_LACKED_MS = 60_000;
