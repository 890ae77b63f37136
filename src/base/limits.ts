/**
 * Every bound in one place, unit in the name. A folder that needs a new one adds it here, under its floor.
 * Reaching a bound is a typed error or back-pressure, never an unbounded queue.
 */

// codec
export const JSON_DEPTH_MAX = 32;
export const FRAME_BYTES_MAX = 1_048_576;

// entry, ledger
export const ENTRY_HEADER_BYTES_MAX = 8_192;
export const ENTRY_BODY_BYTES_MAX = 65_536;
export const ENTRY_PARENTS_MAX = 16;
/** An entry dated further ahead of the local clock is held back until then. */
export const ENTRY_FUTURE_MS_MAX = 5 * 60_000;
/** Entries that wait for the one before them, or for their time. */
export const ENTRIES_WAITING_MAX = 10_000;
export const GROUP_COMMIT_ENTRIES_MAX = 512;
export const SYNC_BATCH_BYTES_MAX = 524_288;
export const SYNC_INTERVAL_MS = 3_000;

// network
export const GOSSIP_BYTES_MAX = 131_072;
export const DIAL_TIMEOUT_MS = 5_000;
export const REDIAL_MIN_MS = 200;
export const REDIAL_MAX_MS = 3_000;
export const PING_INTERVAL_MS = 1_000;
export const PING_TIMEOUT_MS = 2_000;
export const CHANNELS_PER_PEER_MAX = 64;

// sqlite
export const SQLITE_READERS = 2;
export const READ_CHUNK_ROWS_MAX = 2_000;

// operator
export const FILE_BYTES_MAX = 256 * 1_048_576;
export const ROW_BYTES_MAX = 1_048_576;
export const COLUMNS_MAX = 1_000;

// query
export const QUERY_TIMEOUT_MS = 30_000;
export const SQL_CHARS_MAX = 65_536;

// command, rest
export const COMMAND_CHARS_MAX = 262_144;
export const REST_BODY_BYTES_MAX = FILE_BYTES_MAX;

const assertRelation = (holds: boolean, text: string): void => {
  if (!holds) throw new Error(`limits: ${text}`);
};
assertRelation(
  FRAME_BYTES_MAX >= SYNC_BATCH_BYTES_MAX + 2 * (ENTRY_HEADER_BYTES_MAX + ENTRY_BODY_BYTES_MAX),
  'a frame must hold a full sync batch',
);
assertRelation(
  GOSSIP_BYTES_MAX >= ENTRY_HEADER_BYTES_MAX + ENTRY_BODY_BYTES_MAX + 4_096,
  'a gossip message must hold the largest entry',
);
