/** A signed checkpoint; a longer one is malformed. */
export const NOTE_BYTES_MAX = 16_384;
/** Signatures of a checkpoint: the log's and those of witnesses; a note with more is malformed. */
export const NOTE_SIGNATURES_MAX = 32;
/** Witnesses that a node asks. */
export const WITNESSES = 3;
/** Connected nodes beside its witnesses that are asked for what a node had. */
export const KNOWN_SOURCES_MAX = 16;
/** A checkpoint waits so long for further entries. */
export const RECEIPT_GATHER_MS = 200;
/** A checkpoint follows the one before no sooner than that. */
export const RECEIPT_INTERVAL_MS = 3_000;
/** How long a witness may take to answer. */
export const WITNESS_TIMEOUT_MS = 5_000;
/** A witness cosigns for one log no sooner than so long after the last time. */
export const WITNESS_INTERVAL_MS = 500;
/** Nodes whose logs a node witnesses; a further one is refused (`RECEIPT_TOO_MANY`). */
export const WITNESS_LOGS_MAX = 1_024;
/** Logs of one node that are witnessed; a further one is refused (`RECEIPT_TOO_MANY`). */
export const WITNESS_LOGS_PER_NODE_MAX = 16;
/** Witnessed logs whose files are open; those longest unused are closed, and opened again when they are needed. */
export const WITNESS_LOGS_OPEN_MAX = 32;
/** A log of another node may name so many entries more than twice those that are held here. */
export const RECEIPT_AHEAD_MAX = 1_000_000;
/** Hashes of entries in one frame. */
export const RECEIPT_PAGE_ENTRIES = 16_384;
/** A cosignature whose time is further from the own clock is left out. */
export const RECEIPT_CLOCK_MS_MAX = 60_000;
/** Checkpoints in one message, and as many proofs of split views; further ones go with the next. */
export const WITNESS_TOLD_MAX = 8;
/** One message between witnesses; a longer one is malformed. */
export const WITNESS_MESSAGE_BYTES_MAX = 524_288;
/** Split views that are kept, one a log; further ones are not taken: the first are proof enough. */
export const SPLIT_VIEWS_MAX = 64;
/** How often it is looked whether there is news for the static files of an archive. */
export const TILES_INTERVAL_MS = 2_000;
/** The longest pause after a failure to write them; each one doubles it. */
export const TILES_RETRY_MS_MAX = 60_000;
/** Entries that go to the static files in one step. */
export const TILES_STEP_ENTRIES = 1_024;
/** Of them, those that are read from the ledger at once. */
export const TILES_READ_AT_ONCE = 32;
/** Missing entries and bodies that are looked for in one step: they may have come since. */
export const TILES_FILLED_AT_ONCE = 64;
/** Nodes asked at the same time whether their receipts name an entry. */
export const RECEIPT_NODES_AT_ONCE = 16;
