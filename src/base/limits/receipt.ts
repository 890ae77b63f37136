/** A signed checkpoint, and its signatures: the log's and those of witnesses. */
export const NOTE_BYTES_MAX = 16_384;
export const NOTE_SIGNATURES_MAX = 32;
/** Witnesses that a node asks. */
export const WITNESSES = 3;
/** Connected nodes beside its witnesses that are asked for what a node had. */
export const KNOWN_SOURCES_MAX = 16;
/** A checkpoint waits so long for further entries, and follows the one before no sooner than that. */
export const RECEIPT_GATHER_MS = 200;
export const RECEIPT_INTERVAL_MS = 3_000;
/** How long a witness may take to answer. */
export const WITNESS_TIMEOUT_MS = 5_000;
/** A witness cosigns for one log no sooner than so long after the last time. */
export const WITNESS_INTERVAL_MS = 500;
/** Logs of others that a node witnesses, of one node, and those whose files are open. */
export const WITNESS_LOGS_MAX = 1_024;
export const WITNESS_LOGS_PER_NODE_MAX = 16;
export const WITNESS_LOGS_OPEN_MAX = 32;
/** A log of another node may name so many entries more than twice those that are held here. */
export const RECEIPT_AHEAD_MAX = 1_000_000;
/** Hashes of entries in one frame. */
export const RECEIPT_PAGE_ENTRIES = 16_384;
/** A cosignature whose time is further from the own clock is left out. */
export const RECEIPT_CLOCK_MS_MAX = 60_000;
/** Checkpoints and proofs of split views in one message, its bytes, and split views that are kept. */
export const WITNESS_TOLD_MAX = 8;
export const WITNESS_MESSAGE_BYTES_MAX = 524_288;
export const SPLIT_VIEWS_MAX = 64;
/** Static files of an archive: how often it is looked for news, and at most after a failure. */
export const TILES_INTERVAL_MS = 2_000;
export const TILES_RETRY_MS_MAX = 60_000;
/** Entries that go to the files in one step, are read at once, and bodies looked for among the missing ones. */
export const TILES_STEP_ENTRIES = 1_024;
export const TILES_READ_AT_ONCE = 32;
export const TILES_FILLED_AT_ONCE = 64;
/** Nodes asked at the same time whether their receipts name an entry. */
export const RECEIPT_NODES_AT_ONCE = 16;
