/** Threads that read at the same time, beside the one that writes; further reads wait. */
export const SQLITE_READERS = 2;
/** Rows of a query in one chunk, where they do not fill it. */
export const READ_CHUNK_ROWS_MAX = 2_000;
/** Prepared statements kept for a connection. */
export const SQLITE_STATEMENTS_MAX = 128;
/** Connections kept open by one reader or writer, the least recently used closed first. */
export const SQLITE_OPEN_MAX = 32;
/** Files of databases that are pinned while nobody has them open: each takes a descriptor. */
export const SQLITE_PINNED_MAX = 512;
/**
 * Pages that one connection keeps: as built, it would keep 16 MB, on each thread and of each database; the system
 * caches files too.
 */
export const SQLITE_CACHE_KIB = 4_096;
/** Largest file that is read from a copy in memory when the disk refuses SQLite its index. */
export const SQLITE_COPY_BYTES_MAX = 256 * 1_048_576;
/**
 * Young objects of one thread: rows are gone as soon as they are made, and V8's own bound would hold 48 MB of them in
 * each.
 */
export const SQLITE_YOUNG_MB_MAX = 8;
/** Calls that wait for a SQLite thread; the next is refused with `SQLITE_OVERLOADED`. */
export const SQLITE_WAITING_MAX = 1_000;
/** Streams open at once in one reader; the next is refused (`SQLITE_OVERLOADED`). */
export const SQLITE_STREAMS_MAX = 32;
/**
 * A database of at most so many pages is checked whole by the writer: after a failed write, and where damage was met.
 */
export const SQLITE_CHECK_PAGES_MAX = 16_384;
/** How long a writer waits for those who read an older state, to write all of the log into the file. */
export const SQLITE_LOG_WAIT_MS = 250;
/** How long stopping waits for a statement that is running. */
export const SQLITE_CLOSE_MS = 2_000;
