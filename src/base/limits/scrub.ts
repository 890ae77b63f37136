/** A full pass over all files takes about so long, or as long as the bound on rows makes it. */
export const SCRUB_PASS_MS = 86_400_000;
/** The longest rest between two steps of a pass: a small store is through soon and rests for the rest of the day. */
export const SCRUB_REST_MS_MAX = 60_000;
/** The first pass begins so long after a start. */
export const SCRUB_START_MS = 30_000;
/** Rows read in a second, at most. */
export const SCRUB_ROWS_PER_S_MAX = 20_000;
/** Files of one origin that a pass reads in one step. */
export const SCRUB_STEP_FILES = 64;
/** Rows after which a step takes no further file. */
export const SCRUB_STEP_ROWS = 5_000;
/** Rows without a file that are listed, and moved out in one transaction, for a table. */
export const SCRUB_STRAYS_LISTED_MAX = 1_000;
/** Damaged files and deeds of the scrub that are kept for who asks. */
export const SCRUB_LISTED_MAX = 200;
/** Files in one message, and mended by one. */
export const SCRUB_MESSAGE_FILES_MAX = 256;
/** Messages are small but for the copies, which travel as bundles. */
export const SCRUB_MESSAGE_BYTES_MAX = 262_144;
/** How long a peer may take to look at the files of a message, and to mend them. */
export const SCRUB_TIMEOUT_MS = 30_000;
/** Damage that could not be mended is tried again. */
export const SCRUB_RETRY_MS = 10_000;
/** Rows that a report names. */
export const REPAIR_ROWS_LISTED_MAX = 20;
/** Buckets in one answer of `get tsd sums`; more are refused (`TABLE_SUMS_BOUND`). */
export const SUM_BUCKETS_MAX = 1_500;
/** Files in one answer of `get tsd sums`; more are refused (`TABLE_SUMS_BOUND`), and the dates are to be narrowed. */
export const SUM_FILES_MAX = 1_000;
/** Rows of one file in an answer of `get tsd sums`; those after them are left out. */
export const SUM_ROWS_MAX = 5_000;
/** Files that `test cluster data` names, and mends in one go. */
export const DIFFERENCES_MAX = 1_000;
