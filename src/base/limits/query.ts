import { COMMITTED_RANGES_MAX } from './replication.ts';

/** How long a query may take where neither `timeout`, `max_time` nor the request says. */
export const QUERY_TIMEOUT_MS = 30_000;
/** Characters of one SQL statement, also as it goes to operators; a longer one is refused (`SQL_TOO_LONG`). */
export const SQL_CHARS_MAX = 65_536;
/** Words and signs of one SQL statement; more are refused (`SQL_TOO_LONG`). */
export const SQL_TOKENS_MAX = 20_000;
/** Parentheses in parentheses, and operators in a row; more are refused (`SQL_TOO_DEEP`). */
export const SQL_DEPTH_MAX = 100;
/** Terms of one AND or OR: SQLite sees them as a chain that is as deep. More are refused (`SQL_TOO_COMPLEX`). */
export const SQL_CHAIN_TERMS_MAX = 400;
/** Uses of `||`: each may double a value that SQLite holds in memory. More are refused (`SQL_TOO_COMPLEX`). */
export const SQL_CONCATENATIONS_MAX = 64;
/**
 * Columns of a result: SQLite takes at most 1000 arguments of a function, and a row travels as one `json_array`. More
 * are `SQL_TOO_COMPLEX`.
 */
export const SQL_RESULT_COLUMNS_MAX = 1_000;
/** Bytes of rows of one query that a node holds; then it fails (`QUERY_RESULT_OVERSIZE`). */
export const QUERY_RESULT_BYTES_MAX = 128 * 1_048_576;
/** … and of all queries whose rows it collects, or whose results are not read to their end (`QUERY_RESULTS_BUSY`). */
export const QUERY_RESULTS_BYTES_MAX = 192 * 1_048_576;
/** Rows travel in chunks of about this size; a single row may be larger. */
export const QUERY_CHUNK_BYTES = 131_072;
/**
 * A chunk of one large row: a longer one is malformed. A row of a quarter as many characters is refused before
 * (`QUERY_ROW_OVERSIZE`).
 */
export const QUERY_CHUNK_BYTES_MAX = 16 * 1_048_576;
/** Part of a chunk that goes in one frame. */
export const QUERY_FRAME_BYTES = 524_288;
/** Queries of other nodes answered at the same time; the next is refused and goes to another operator. */
export const QUERIES_SERVED_MAX = 64;
/** Clusters asked at the same time by one query. */
export const QUERY_CLUSTERS_AT_ONCE = 16;
/** A channel to an operator waits so long for the next query; the operator waits twice as long. */
export const QUERY_LINE_IDLE_MS = 30_000;
/** Such channels to one operator. */
export const QUERY_LINES_IDLE_MAX = 8;
/** The next operator is asked too when one has not said after this time that it works on the query, … */
export const QUERY_HEDGE_MS = 250;
/** … or has not finished after this: one that hangs in mid-query is replaced within a second. */
export const QUERY_HEDGE_SLOW_MS = 800;
/** How long an operator waits for files that the asking node has been shown, where no operator has them all. */
export const QUERY_CATCH_UP_MS = 200;
/** What was shown of a cluster is forgotten when no operator has held it for so long. */
export const QUERY_SHOWN_KEEP_MS = 600_000;
/**
 * How often a query is asked again because rows count in another cluster than was thought; then
 * `QUERY_OPERATORS_MOVED`.
 */
export const QUERY_PLACINGS_MAX = 5;
/** Operators of a cluster that work on the same query at the same time. */
export const QUERY_HEDGES_MAX = 3;
/** Finished queries remembered for `query status`. */
export const QUERY_JOBS_MAX = 100;
/** `committed = true`: stretches of file ids of one origin named in a query; what lies beyond is left out. */
export const QUERY_COMMITTED_RANGES_MAX = COMMITTED_RANGES_MAX;
