/**
 * Every bound in one place, unit in the name. A folder that needs a new one adds it to the file of its concept in
 * `limits/`. Reaching a bound is a typed error or back-pressure, never an unbounded queue.
 */
import { ARCHIVE_BATCH_BYTES, ARCHIVE_LEAF_BYTES_MAX } from './limits/archive.ts';
import { FRAME_BYTES_MAX } from './limits/base.ts';
import {
  CHANNEL_WINDOW_BYTES_MAX,
  STREAM_READ_BUFFER_BYTES_MAX,
  STREAM_WRITE_BUFFER_BYTES_MAX,
} from './limits/channels.ts';
import { ENTRY_BODY_BYTES_MAX, ENTRY_HEADER_BYTES_MAX } from './limits/entry.ts';
import { GOSSIP_BYTES_MAX } from './limits/gossip.ts';
import { LIVENESS_TICK_MS, PING_INTERVAL_MS, PING_TIMEOUT_MS } from './limits/network.ts';
import { QUERY_FRAME_BYTES, SQL_CHARS_MAX } from './limits/query.ts';
import { TRANSFER_CHUNK_BYTES, TRANSFER_HEADER_BYTES_MAX, TRANSFER_MESSAGE_RANGES_MAX } from './limits/replication.ts';
import { SYNC_BATCH_BYTES_MAX } from './limits/sync.ts';

export * from './limits/archive.ts';
export * from './limits/base.ts';
export * from './limits/bundle.ts';
export * from './limits/channels.ts';
export * from './limits/command.ts';
export * from './limits/entry.ts';
export * from './limits/gossip.ts';
export * from './limits/joining.ts';
export * from './limits/ledger.ts';
export * from './limits/network.ts';
export * from './limits/node.ts';
export * from './limits/operator.ts';
export * from './limits/policy.ts';
export * from './limits/query.ts';
export * from './limits/receipt.ts';
export * from './limits/replication.ts';
export * from './limits/rest.ts';
export * from './limits/scrub.ts';
export * from './limits/sqlite.ts';
export * from './limits/sync.ts';

const assertRelation = (holds: boolean, text: string): void => {
  if (!holds) throw new Error(`limits: ${text}`);
};
assertRelation(
  FRAME_BYTES_MAX >= SYNC_BATCH_BYTES_MAX + 2 * (ENTRY_HEADER_BYTES_MAX + ENTRY_BODY_BYTES_MAX),
  'a frame must hold a full sync batch',
);
assertRelation(
  FRAME_BYTES_MAX >= ARCHIVE_BATCH_BYTES + ARCHIVE_LEAF_BYTES_MAX + 131_072,
  'a frame must hold a full batch of an archive, with the lengths between',
);
assertRelation(
  STREAM_READ_BUFFER_BYTES_MAX >= 2 * CHANNEL_WINDOW_BYTES_MAX,
  'a paused stream must be able to hold what its peer may still send',
);
assertRelation(
  STREAM_WRITE_BUFFER_BYTES_MAX >= 2 * FRAME_BYTES_MAX,
  'a stream must be able to hold a frame that is on its way',
);
assertRelation(
  PING_TIMEOUT_MS >= PING_INTERVAL_MS + 2 * LIVENESS_TICK_MS,
  'a peer must have the time to answer a ping before it counts as silent',
);
assertRelation(QUERY_FRAME_BYTES + 1 <= FRAME_BYTES_MAX, 'a frame must hold its part of a chunk of rows');
assertRelation(FRAME_BYTES_MAX > 6 * SQL_CHARS_MAX + 4_096, 'a frame must hold the longest SQL, escaped');
assertRelation(
  GOSSIP_BYTES_MAX >= ENTRY_HEADER_BYTES_MAX + ENTRY_BODY_BYTES_MAX + 4_096,
  'a gossip message must hold the largest entry',
);
assertRelation(
  FRAME_BYTES_MAX >= TRANSFER_CHUNK_BYTES + TRANSFER_CHUNK_BYTES / 128 + TRANSFER_HEADER_BYTES_MAX,
  'a frame must hold a chunk that does not compress, and its header',
);
assertRelation(
  TRANSFER_HEADER_BYTES_MAX >= TRANSFER_MESSAGE_RANGES_MAX * 36,
  'a header must hold the ranges of a message',
);
