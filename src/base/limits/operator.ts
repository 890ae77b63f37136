/** Content of one data file, unpacked; a larger one is refused (`INGEST_FILE_BYTES`). */
export const FILE_BYTES_MAX = 256 * 1_048_576;
/** The JSON text of one row; a file with a longer one is refused. */
export const ROW_BYTES_MAX = 1_048_576;
/** Columns of a table, and attributes of the rows that it is made from; more are refused (`INGEST_COLUMNS`). */
export const COLUMNS_MAX = 1_000;
/** Characters of the name of a column, and of its type; a longer one is refused. */
export const COLUMN_NAME_CHARS_MAX = 63;
/** Files that one transaction applies; further ones go with the next. */
export const GROUP_COMMIT_FILES_MAX = 1_024;
/** Content after which a transaction takes no further file. */
export const GROUP_COMMIT_BYTES_MAX = 16 * 1_048_576;
/** What a failed commit left is looked for again after so long where that failed. */
export const UNSURE_LOOK_MS = 1_000;
/** Content that is being ingested or waits for the archive; whoever brings more waits. */
export const INGEST_BYTES_IN_FLIGHT_MAX = 64 * 1_048_576;
/** Callers that wait for room; the next is refused with `OPERATOR_OVERLOADED`. */
export const INGEST_WAITING_MAX = 1_000;
/** Of one streaming buffer; reaching it flushes, whatever the threshold. */
export const BUFFER_BYTES_MAX = 32 * 1_048_576;
/** Failed files that `get tsd errors` and `get operator` know of. */
export const FAILURES_LISTED_MAX = 1_000;
/** Copies of refused data are kept in the error directory until it holds so much. */
export const ERROR_DIRECTORY_BYTES_MAX = 1_073_741_824;
/** Each such copy counts for so much at least: a small file takes room too, and so does its reason. */
export const ERROR_FILE_BYTES_COUNTED = 8_192;
/** How often it is looked whether failed files and damaged databases still lie where they were put. */
export const ASIDE_LOOK_MS = 1_000;
/** Such a look rests for so many times as long as it took: at most a twentieth of the time goes to it. */
export const ASIDE_REST_TIMES = 20;
/** A database that was found whole is not looked at again for as long, but for so long at most. */
export const WHOLE_REST_MS_MAX = 600_000;
/** Large files that are compressed and written to the archive at the same time. */
export const ARCHIVE_WRITES_AT_ONCE = 4;
/** Small files that are compressed and written to the archive in one step. */
export const ARCHIVE_BATCH_FILES_MAX = 128;
