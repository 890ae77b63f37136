/** Entries that wait for the one before them, or for their time. */
export const ENTRIES_WAITING_MAX = 10_000;
/**
 * Bytes of the entries that wait; beyond either, the oldest of the peer that sent most are dropped, and asked for
 * again.
 */
export const ENTRIES_WAITING_BYTES_MAX = 64 * 1_048_576;
/** Hashes that a node asks for by name at one time. */
export const ENTRIES_WANTED_MAX = 256;
/**
 * Entries that one write to the journal makes durable together; further ones go with the next. One append may be
 * larger.
 */
export const GROUP_COMMIT_ENTRIES_MAX = 1_024;
/** Entries, appended or offered, that wait for the disk; more are refused (`LEDGER_BUSY`). */
export const LEDGER_QUEUE_MAX = 10_000;
/** The newest entries that are kept in memory, for those who follow the ledger; older ones are read from the disk. */
export const LEDGER_CACHE_ENTRIES_MAX = 1_024;
/** Bytes of those entries. */
export const LEDGER_CACHE_BYTES_MAX = 16 * 1_048_576;
/** Entries that one `follow` gives at most; who wants more asks again. */
export const LEDGER_FOLLOW_ENTRIES_MAX = 1_000;
/**
 * Bytes of entries that one read gives: it ends before more, and one that has to be whole is `LEDGER_READ_OVERSIZE`.
 */
export const LEDGER_READ_BYTES_MAX = 64 * 1_048_576;
/** A file of the journal that would grow beyond this is left, and the next begun. */
export const JOURNAL_FILE_BYTES_MAX = 64 * 1_048_576;
/**
 * Zeros that lie behind the last line of the journal; an append of more than half as many is written behind the file's
 * end.
 */
export const JOURNAL_ROOM_BYTES = 131_072;
