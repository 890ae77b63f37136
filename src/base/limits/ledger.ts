/** Entries that wait for the one before them, or for their time. */
export const ENTRIES_WAITING_MAX = 10_000;
export const ENTRIES_WAITING_BYTES_MAX = 64 * 1_048_576;
/** Hashes that a node asks for by name at one time. */
export const ENTRIES_WANTED_MAX = 256;
export const GROUP_COMMIT_ENTRIES_MAX = 1_024;
/** Appends and offers that wait for the disk; more are refused. */
export const LEDGER_QUEUE_MAX = 10_000;
export const LEDGER_CACHE_ENTRIES_MAX = 1_024;
export const LEDGER_CACHE_BYTES_MAX = 16 * 1_048_576;
export const LEDGER_FOLLOW_ENTRIES_MAX = 1_000;
export const LEDGER_READ_BYTES_MAX = 64 * 1_048_576;
export const JOURNAL_FILE_BYTES_MAX = 64 * 1_048_576;
/**
 * Zeros that lie behind the last line of the journal; an append of more than half as many is written behind the file's
 * end.
 */
export const JOURNAL_ROOM_BYTES = 131_072;
