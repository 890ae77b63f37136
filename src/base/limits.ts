/**
 * Every bound in one place, unit in the name. A folder that needs a new one adds it here, under its floor.
 * Reaching a bound is a typed error or back-pressure, never an unbounded queue.
 */

// base
/** How often a thread looks whether it works, and after how long a quiet one gives memory back. */
export const COLLECTION_LOOK_MS = 500;
export const COLLECTION_QUIET_MS = 10_000;
/** A process that has grown by so much collects everything in its threads that work, and then rests for so many times as long as that took. */
export const COLLECTION_GROWTH_BYTES = 16 * 1_048_576;
export const COLLECTION_REST_TIMES = 100;
/** How often the disk's space and the clocks are looked at. */
export const DISK_LOOK_MS = 1_000;
/** What could not write is opened again and checked after such a pause: doubled each time. */
export const DISK_RETRY_MIN_MS = 250;
export const DISK_RETRY_MAX_MS = 4_000;
/** Below so much free space no data is taken: this share of the disk, and never more than that. */
export const DISK_RESERVE_SHARE = 0.05;
export const DISK_RESERVE_BYTES_MAX = 256 * 1_048_576;
/** A disk with less free than this is full. */
export const DISK_FULL_BYTES = 65_536;

/** A step of the wall clock from so much on is a jump, and is shown for a while. */
export const CLOCK_JUMP_MS_MIN = 1_000;
export const CLOCK_JUMP_SHOWN_MS = 600_000;

// codec
export const JSON_DEPTH_MAX = 32;
export const FRAME_BYTES_MAX = 1_048_576;

// entry, ledger
export const ENTRY_HEADER_BYTES_MAX = 8_192;
export const ENTRY_BODY_BYTES_MAX = 65_536;
export const ENTRY_SIGNATURE_BYTES = 64;
export const ENTRY_PARENTS_MAX = 16;
/** Bodies that are fetched back go to the disk, so much of them at a time: a file of the journal is written anew for each time. */
export const PRUNING_BYTES_AT_ONCE = 16 * 1_048_576;
/** A node that lacks history asks for it again: the pause doubles each time. */
export const HISTORY_ASK_MIN_MS = 500;
export const HISTORY_ASK_MAX_MS = 60_000;
/** How often it looks whether it does. */
export const HISTORY_LOOK_MS = 5_000;
export const ENTRY_ID_CHARS_MAX = 256;
export const NETWORK_NAME_CHARS_MAX = 128;
export const AUTHOR_KEYS_CACHED_MAX = 4_096;
/** An entry dated further ahead of the local clock is held back until then. */
export const ENTRY_FUTURE_MS_MAX = 5 * 60_000;
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
export const SYNC_BATCH_BYTES_MAX = 786_432;
export const SYNC_INTERVAL_MS = 3_000;
/** Authors in one message of the ledger sync; a longer clock takes several. */
export const SYNC_CLOCK_PAGE_MAX = 5_000;
/** Hashes of entries that a snapshot covers, in one answer of the ledger sync (32 bytes each); and in one frame of it. */
export const SYNC_COVERED_MAX = 1_000_000;
/** An author's log among them counts as so many hashes more: its key and its number are as long. */
export const SYNC_COVERED_LOG_HASHES = 2;
/** Entries that prove a snapshot: those of nine root keys of sixteen, each handed on as often as may be. */
export const SYNC_PROOF_MAX = 1_500;
export const SYNC_COVERED_FRAME_MAX = 16_384;
/** Authors that a peer may tell in one exchange. */
export const SYNC_AUTHORS_MAX = 100_000;
export const SYNC_PROOFS_MAX = 256;
/** Entries before a wanted one that are sent along, at most. */
export const SYNC_ANCESTORS_MAX = 64;
/** Logs that are read side by side to send their entries in order, and what is read ahead of them in all. */
export const SYNC_LOGS_MERGED_MAX = 1_000;
export const SYNC_READ_AHEAD_BYTES = 4_194_304;
/** Entries of one exchange that may be refused before it is given up. */
export const SYNC_REJECTED_MAX = 16;
/** Entries that are read to find what vouches for badly signed ones, for one answer. */
export const SYNC_VOUCHER_READS_MAX = 2_048;
/** Entries of an exchange that are refused at first and may still be taken, with what vouches for them or shows a fork: further ones count as refused. */
export const SYNC_OPENED_MAX = 512;
/** A peer that says nothing for so long in the middle of an exchange is left alone for a while. */
export const SYNC_STALL_MS = 10_000;
/** An exchange gives way to the next peer's after so long. */
export const SYNC_TURN_MS = 30_000;
/** How often at most a node tells its peers what it holds now. */
export const SYNC_HAVE_INTERVAL_MS = 100;
/** Pause after an exchange that should have brought something and did not: doubled each time. */
export const SYNC_BACKOFF_MIN_MS = 250;
export const SYNC_BACKOFF_MAX_MS = 30_000;
/** Own entries that came at once and are gossiped one by one; more are left to the exchange, which is faster. */
export const SYNC_GOSSIP_BURST_MAX = 64;
/** Messages of one peer that asks, each KiB of one counted again: at once, and in the long run. */
export const SYNC_MESSAGES_BURST_MAX = 2_000;
export const SYNC_MESSAGES_PER_SECOND_MAX = 1_000;
export const SYNC_MESSAGE_UNIT_BYTES = 1_024;
/**
 * Entries that one peer gets as fast as it takes them: twice those of the ledger, these, each that is new, and so many a second. Beyond, it is
 * answered only after a rest, at most so long that an honest one does not give the exchange up.
 */
export const SYNC_SERVED_SPARE = 4_096;
export const SYNC_SERVED_PER_SECOND = 1_000;
export const SYNC_REST_MS_MAX = 5_000;
/**
 * Who says that it has everything whole is waited for before anything is taken without its body: until so many exchanges in a row brought
 * nothing, and no longer than this, and this more for each entry that came, of as many as were lacking at first. All of it is forgotten where nothing was waited for that long.
 */
export const SYNC_KEEPER_FAILURES_MAX = 3;
export const SYNC_KEEPERS_WAIT_MS = 60_000;
export const SYNC_KEEPERS_WAIT_MS_AN_ENTRY = 20;
export const SYNC_KEEPERS_FORGOTTEN_MS = 300_000;
/** Peers whose clocks are remembered when they are gone. */
export const SYNC_PEERS_REMEMBERED_MAX = 256;
/** Authors whom nobody else has told of, in the clock of a peer that is gone. */
export const SYNC_UNHEARD_AUTHORS_MAX = 1_000;
/** How long a node waits at its start for a known peer to tell it its own log. */
export const LEDGER_OWN_LOG_TIMEOUT_MS = 10_000;
/** Nodes that run with the same key: how often peers are asked for them, and how long what was heard of one counts. */
export const TWINS_INTERVAL_MS = 1_000;
export const TWINS_REMEMBERED_MS = 10_000;
/** A peer that has answered so often, for so long, without naming one knows none. */
export const TWINS_ANSWERS_MIN = 4;
export const TWINS_QUIET_MS = 4_000;
/** Instances remembered for one key, and keys. */
export const TWINS_MAX = 4;
export const TWINS_KEYS_MAX = 1_024;

// archive
/** Bodies asked for at once, and read from the disk at once. */
export const ARCHIVE_BODIES_MAX = 256;
export const ARCHIVE_READ_AT_ONCE = 32;
/** A frame of bodies or leaves ends with the first that fills so much. */
export const ARCHIVE_BATCH_BYTES = 262_144;
/** The settled state that is fetched: one leaf, all of them, their number. */
export const ARCHIVE_LEAF_BYTES_MAX = 524_288;
export const ARCHIVE_STATE_BYTES_MAX = 268_435_456;
export const ARCHIVE_STATE_LEAVES_MAX = 1_000_000;
/** Answers given at the same time: in all, and to one peer; further questions are refused. How long one may take. */
export const ARCHIVE_ANSWERS_MAX = 16;
export const ARCHIVE_ANSWERS_PER_PEER_MAX = 4;
export const ARCHIVE_ANSWER_MS_MAX = 120_000;
/** Questions of one peer: at once, and in the long run. */
export const ARCHIVE_QUESTIONS_BURST_MAX = 2_000;
export const ARCHIVE_QUESTIONS_PER_SECOND_MAX = 1_000;
/** A peer that sends nothing for so long in the middle of an answer is left, and another is asked. */
export const ARCHIVE_STALL_MS = 10_000;
/** A peer is asked again whether it keeps everything: the pause doubles each time. */
export const ARCHIVE_KEEPS_MIN_MS = 1_000;
export const ARCHIVE_KEEPS_MAX_MS = 300_000;
/** One word is the answer: a peer that is just joining may swallow the question, and is asked again. */
export const ARCHIVE_KEEPS_STALL_MS = 3_000;
/** Addresses of archives that a node tells and keeps; how often it asks its peers for them, and how soon after one has connected. */
export const ARCHIVE_ADDRESSES_MAX = 64;
export const ARCHIVE_ADDRESSES_MS = 10_000;
export const ARCHIVE_ADDRESSES_SOON_MS = 3_000;
/** Addresses of one archive that others tell, beside the one that it has told itself. */
export const ARCHIVE_CLAIMS_MAX = 4;
/** A peer that had nothing of what it was asked for is asked after the others for so long. */
export const ARCHIVE_LACKED_MS = 60_000;

// receipt
/** A signed checkpoint, and its signatures: the log's and those of witnesses. */
export const NOTE_BYTES_MAX = 16_384;
export const NOTE_SIGNATURES_MAX = 32;
/** Witnesses that a node asks. */
export const WITNESSES = 3;
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

// network
export const GOSSIP_BYTES_MAX = 131_072;
export const DIAL_TIMEOUT_MS = 5_000;
/** How long a dial of an address that has answered before is waited for at least, before it is given up and tried anew. */
export const REDIAL_PATIENCE_MIN_MS = 650;
export const REDIAL_MIN_MS = 200;
export const REDIAL_MAX_MS = 3_000;
/** The pause after dials that nobody answered, where few addresses are down; with more it grows by so much for each, to the maximum. */
export const REDIAL_UNREACHED_MAX_MS = 800;
export const REDIAL_UNREACHED_EACH_MS = 12;
export const PING_INTERVAL_MS = 1_000;
export const PING_TIMEOUT_MS = 2_000;
/** How long a key without a grant may stay connected, to redeem an invite. */
export const GUEST_MS_MAX = 5_000;
/** Pause between two tries to be let in. */
export const JOIN_RETRY_MS = 500;
/** How often a node that takes up a ledger says how far it is, and after how long without news what it lacks. */
export const JOIN_PROGRESS_MS = 5_000;
/** One request to be let in, both ways. */
export const JOIN_TIMEOUT_MS = 4_000;
/** A node's introduction of itself; those of one peer that are refused before it has to wait, peers remembered for that. */
export const INTRODUCTION_BYTES_MAX = 262_144;
export const INTRODUCTION_TRIES_MAX = 4;
export const INTRODUCTION_PEERS_MAX = 1_024;
/** Keys that are introduced at the same time. */
export const INTRODUCED_KEYS_MAX = 64;
/** An introduction holds until the ledger has come by sync, at most so long. */
export const INTRODUCED_MS_MAX = 60_000;
/** Addresses that one node keeps dialling. */
export const DIAL_TARGETS_MAX = 1_000;
export const CHANNELS_PER_PEER_MAX = 64;
/** Streams of all protocols that one connection may hold, each way. */
export const STREAMS_PER_CONNECTION_MAX = 256;
/** Frames kept for a reader that is slower than its peer; then the peer is held back. */
export const CHANNEL_READ_AHEAD_BYTES = 1_048_576;
/** Bytes that a peer may send on one channel before it is told to go on. */
export const CHANNEL_WINDOW_BYTES_MAX = 1_048_576;
/** What libp2p may hold for a paused stream before it resets it. */
export const STREAM_READ_BUFFER_BYTES_MAX = 4_194_304;
/** Bytes that may wait on one stream for the peer to take them. */
export const STREAM_WRITE_BUFFER_BYTES_MAX = 4_194_304;
/** What is smaller waits for the end of the event loop's turn, to go out in one system call with all else of the turn. */
export const GATHERED_SEND_BYTES = 16_384;
export const CHANNEL_OPEN_TIMEOUT_MS = 10_000;
/** A peer that takes nothing in for so long loses the channel. */
export const CHANNEL_STALL_MS = 30_000;
/** After its handler is done, a channel that the peer does not close is dropped. */
export const CHANNEL_LINGER_MS = 5_000;
export const CONNECTIONS_MAX = 512;
/** Many nodes may stand behind one address, and all come back at once after a cut. */
export const INBOUND_CONNECTIONS_PER_SECOND_MAX = 256;
export const INBOUND_CONNECTIONS_PENDING_MAX = 128;
/** About 60 gossip topics a peer. */
export const GOSSIP_TOPIC_BYTES_PER_PEER = 65_536;
export const LIVENESS_TICK_MS = 250;
/** A peer that breaks a protocol is kept out for so long, twice as long each further time; keys that are remembered for that. */
export const EXPELLED_MIN_MS = 30_000;
export const EXPELLED_MAX_MS = 3_600_000;
export const EXPELLED_KEYS_MAX = 4_096;
/** What it still is told before it is cut off: the refusal of what it sent. */
export const EXPEL_GRACE_MS = 100;
/** What may happen to an honest node now and then, and how often within which time at most. */
export const STRIKES_MAX = 16;
export const STRIKE_WINDOW_MS = 10_000;
/** Whoever opens a channel asks at once: its first frame has to be there after so long. */
export const CHANNEL_FIRST_FRAME_MS = 3_000;
/** Frames that wait to be read on one channel; an honest node has fewer on the way. What each costs beside its bytes. */
export const CHANNEL_FRAMES_WAITING_MAX = 4_096;
export const CHANNEL_FRAME_OVERHEAD_BYTES = 64;
/** Channels that one peer opens: at once, and in the long run. */
export const CHANNELS_BURST_MAX = 4_000;
export const CHANNELS_PER_SECOND_MAX = 2_000;
/** Messages of the gossip protocol from one peer: at once, and in the long run. An author may append thousands of entries a second. */
export const GOSSIP_BURST_MAX = 20_000;
export const GOSSIP_PER_SECOND_MAX = 10_000;
/** Those of them that offer or ask for messages, or change the mesh, and topics that it joins or leaves. */
export const GOSSIP_CONTROLS_BURST_MAX = 512;
export const GOSSIP_CONTROLS_PER_SECOND_MAX = 64;
export const GOSSIP_TOPICS_BURST_MAX = 256;
export const GOSSIP_TOPICS_PER_SECOND_MAX = 8;

// sqlite
export const SQLITE_READERS = 2;
export const READ_CHUNK_ROWS_MAX = 2_000;
/** Prepared statements kept for a connection. */
export const SQLITE_STATEMENTS_MAX = 128;
/** Connections kept open by one reader or writer, the least recently used closed first. */
export const SQLITE_OPEN_MAX = 32;
/** Pages that one connection keeps: as built, it would keep 16 MB, on each thread and of each database; the system caches files too. */
export const SQLITE_CACHE_KIB = 4_096;
/** Largest file that is read from a copy in memory when the disk refuses SQLite its index. */
export const SQLITE_COPY_BYTES_MAX = 256 * 1_048_576;
/** Young objects of one thread: rows are gone as soon as they are made, and V8's own bound would hold 48 MB of them in each. */
export const SQLITE_YOUNG_MB_MAX = 8;
/** Calls that wait for a SQLite thread; the next is refused with `SQLITE_OVERLOADED`. */
export const SQLITE_WAITING_MAX = 1_000;
/** Streams open at once in one reader. */
export const SQLITE_STREAMS_MAX = 32;
/** A database of at most so many pages is checked whole by the writer: after a failed write, and where damage was met. */
export const SQLITE_CHECK_PAGES_MAX = 16_384;
/** How long stopping waits for a statement that is running. */
export const SQLITE_CLOSE_MS = 2_000;

// policy
/** Content of one policy entry: the body also holds the salt. */
export const POLICY_BYTES_MAX = ENTRY_BODY_BYTES_MAX - 1_024;
/** An attribute, policy type or id; they also travel in the header. */
export const POLICY_NAME_CHARS_MAX = 128;
/** Grants between an entry and genesis; deeper ones give nothing. */
export const GRANT_DEPTH_MAX = 16;
/** Rotations between an entry and genesis, of all keys on the way; a chain in all has no more links than both together. */
export const ROTATIONS_MAX = 160;
export const GRANT_CHAIN_MAX = GRANT_DEPTH_MAX + ROTATIONS_MAX;
/** Policy types that one grant names. */
export const GRANT_TYPES_MAX = 64;
/** Versions listed as in conflict; an update that ends it names them all in its header. */
export const POLICY_CONFLICT_MAX = 16;
/** Results of a join of policies, and pairs that it compares. */
export const POLICY_JOIN_ROWS_MAX = 10_000;
export const POLICY_JOIN_PAIRS_MAX = 1_000_000;
/** Paths that lead to one policy. */
export const POLICY_PATHS_MAX = 1_000;
/**
 * Entries that the book takes up at once; between two batches other work gets its turn. More at a time are no faster: what is read
 * outlives the collections of young objects then, and is copied by each.
 */
export const POLICY_FOLLOW_ENTRIES = 250;
/** Heads of a frontier: its text fits in a command. */
export const FRONTIER_HEADS_MAX = 3_900;
/** Heads of the frontier in a snapshot entry: they fit in its body. */
export const SNAPSHOT_HEADS_MAX = 900;
/** Questions about the past that are worked on at the same time: each folds a book of its own. */
export const POLICY_PASTS_MAX = 4;
/** Entries that `blockchain log` and `blockchain conflicts` list. */
export const LOG_ENTRIES_DEFAULT = 100;
export const LOG_ENTRIES_MAX = 10_000;
/** Policies of one type and name whose history is shown. */
export const HISTORY_POLICIES_MAX = 100;

// topology
/** The statement of a table policy: what a policy can hold. */
export const CREATE_CHARS_MAX = POLICY_BYTES_MAX;

// operator
export const FILE_BYTES_MAX = 256 * 1_048_576;
export const ROW_BYTES_MAX = 1_048_576;
export const COLUMNS_MAX = 1_000;
export const COLUMN_NAME_CHARS_MAX = 63;
/** Files that one transaction applies, and the content after which it takes no further file. */
export const GROUP_COMMIT_FILES_MAX = 1_024;
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
/** Copies of refused data are kept in the error directory until it holds so much; each counts for so much at least. */
export const ERROR_DIRECTORY_BYTES_MAX = 1_073_741_824;
export const ERROR_FILE_BYTES_COUNTED = 8_192;
/** How often it is looked whether failed files and damaged databases still lie where they were put; a look rests for so many times as long as it took. */
export const ASIDE_LOOK_MS = 1_000;
export const ASIDE_REST_TIMES = 20;
/** A database that was found whole is not looked at again for as long, but for so long at most. */
export const WHOLE_REST_MS_MAX = 600_000;
/** Large files that are compressed and written to the archive at the same time, and small ones in one step. */
export const ARCHIVE_WRITES_AT_ONCE = 4;
export const ARCHIVE_BATCH_FILES_MAX = 128;

// replication
/** Uncompressed bytes in one frame of files. */
export const TRANSFER_CHUNK_BYTES = 720_896;
/** One file record as JSON: the widest table that an operator accepts fits. */
export const TRANSFER_RECORD_BYTES_MAX = 524_288;
export const TRANSFER_HEADER_BYTES_MAX = 262_144;
/** Files that travel together in one bundle. */
export const TRANSFER_BUNDLE_FILES_MAX = 1_024;
/** Bytes of several files read and packed together; a larger file travels alone. */
export const TRANSFER_BATCH_BYTES = 655_360;
/** Bytes of files in more than one frame that are being received at the same time, from all peers together. */
export const TRANSFER_RECEIVING_BYTES_MAX = 2 * FILE_BYTES_MAX;
/** Bytes of large files that are held to be sent, to all peers together; beside them at most one that was just read. */
export const TRANSFER_SENDING_BYTES_MAX = FILE_BYTES_MAX;
/** Files are read to be sent one after the other, unless one takes longer than this. */
export const TRANSFER_READ_TURN_MS = 5_000;
/** Ranges in one message, and those that one peer may announce or ask for. */
export const TRANSFER_MESSAGE_RANGES_MAX = 6_000;
export const HOLDINGS_RANGES_MAX = 200_000;
export const HOLDINGS_ORIGINS_MAX = 1_024;
/** A peer that owes an answer and sends nothing for so long is given up; what it owed is asked from another. */
export const TRANSFER_IDLE_MS = 20_000;
export const TRANSFER_HELLO_MS = 5_000;
/** Announcements of new holdings to a peer are gathered for so long. */
export const HOLDINGS_GATHER_MS = 10;
export const PULL_FILES_MAX = 1_000;
export const PULLS_PER_PEER_MAX = 2;
/** A server ends its answer to one request at the first of these and leaves the rest to the next. */
export const PULL_ANSWER_BYTES = 16 * 1_048_576;
/** New files that a peer announces are expected as a push for so long before they are asked for. */
export const PULL_GRACE_MS = 750;
export const PULL_RETRY_MIN_MS = 500;
export const PULL_RETRY_MAX_MS = 30_000;
/** A duplicate was asked for so many times before it is taken though no peer of the cluster has its original. */
export const ORPHAN_ROUNDS_MIN = 3;
/** Single files that one peer failed to deliver; more, and the whole peer rests. */
export const PULL_FAILURES_MAX = 2_048;
export const PUSH_FILES_IN_FLIGHT = 256;
export const PUSH_BYTES_IN_FLIGHT = 4 * 1_048_576;
/** A peer has so much longer to acknowledge what is on its way to it: a large file takes its time on a slow line and a slow disk. */
export const PUSH_STORED_BYTES_PER_S_MIN = 1_048_576;
/** Files that wait to be pushed to one peer; more, and they are left for it to pull. */
export const PUSH_WAITING_FILES_MAX = 1_024;
/** A file that is too large to be sent is read again for a peer after so long: it may be in the archive by then, or be a duplicate. */
export const TOO_LARGE_REST_MS = 300_000;
/** Content kept for the pushes to the other peers. */
export const PUSH_SHARED_BYTES_MAX = 8 * 1_048_576;
export const CONSUMER_INTERVAL_MS = 5_000;
/** What lay after the end of a consumer's window is asked for again when the end has moved on by so much. */
export const WINDOW_STEP_MS = 60_000;
/** A file that a peer has announced is expected here after so long: an operator that answers without it says so. */
export const FILE_OVERDUE_MS = 1_000;
/** How long a starting operator waits for peers that are known and not reached, with own files and without. */
export const PEERS_WAIT_MS = 1_000;
export const PEERS_WAIT_EMPTY_MS = 3_000;
/** An operator that lost files and cannot ask every peer numbers its own so far beyond the last it knows of: more than came since. */
export const NUMBERING_LEAP = 1_000_000;
/** Which files all operators of a cluster hold, as told to other nodes: origins (members), stretches of each, patience. */
export const COMMITTED_ORIGINS_MAX = 255;
export const COMMITTED_RANGES_MAX = 32;
export const COMMITTED_TIMEOUT_MS = 1_000;

// query
export const QUERY_TIMEOUT_MS = 30_000;
export const SQL_CHARS_MAX = 65_536;
export const SQL_TOKENS_MAX = 20_000;
/** Parentheses in parentheses, and operators in a row. */
export const SQL_DEPTH_MAX = 100;
/** Terms of one AND or OR: SQLite sees them as a chain that is as deep. */
export const SQL_CHAIN_TERMS_MAX = 400;
/** Each `||` may double a value that SQLite holds in memory. */
export const SQL_CONCATENATIONS_MAX = 64;
/** SQLite takes at most 1000 arguments of a function, and a row travels as one `json_array`. */
export const SQL_RESULT_COLUMNS_MAX = 1_000;
/** Bytes of rows of one query that a node holds. */
export const QUERY_RESULT_BYTES_MAX = 128 * 1_048_576;
/** … and of all queries whose rows it collects, or whose results are not read to their end. */
export const QUERY_RESULTS_BYTES_MAX = 192 * 1_048_576;
/** Rows travel in chunks of about this size; a single row may be larger, up to the second. */
export const QUERY_CHUNK_BYTES = 131_072;
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
/** Operators of a cluster that work on the same query at the same time. */
export const QUERY_HEDGES_MAX = 3;
/** Finished queries remembered for `query status`. */
export const QUERY_JOBS_MAX = 100;
/** `committed = true`: stretches of file ids of one origin named in a query; what lies beyond is left out. */
export const QUERY_COMMITTED_RANGES_MAX = COMMITTED_RANGES_MAX;

// command, rest
export const COMMAND_CHARS_MAX = 262_144;
export const COMMAND_TOKENS_MAX = 20_000;
/** Scripts in scripts, conditions in conditions, parentheses in parentheses. */
export const COMMAND_DEPTH_MAX = 16;
export const SCRIPT_BYTES_MAX = 1_048_576;
/** Lines that a script with loops goes through, and characters of output that it gives. */
export const SCRIPT_STEPS_MAX = 100_000;
export const SCRIPT_OUTPUT_CHARS_MAX = 4 * 1_048_576;
/** Scripts that run in the background. */
export const THREADS_MAX = 8;
/** Of these, those that one person started who is no admin. */
export const THREADS_OF_ONE_MAX = 2;
export const DICTIONARY_ENTRIES_MAX = 10_000;
/** The output of a command that a variable takes. */
export const VALUE_CHARS_MAX = 4 * 1_048_576;
/** What all variables of a node hold together, and those of one request. */
export const DICTIONARY_CHARS_MAX = 16 * VALUE_CHARS_MAX;
export const SESSION_CHARS_MAX = 2 * VALUE_CHARS_MAX;
/** What the references of one line look through together; reading it holds up the node. */
export const REFERENCED_CHARS_MAX = 16 * VALUE_CHARS_MAX;
/** JSON texts of variables of which it is kept what they say. */
export const STRUCTURED_KEPT_MAX = 16;
export const STRUCTURED_KEPT_CHARS_MAX = 2 * VALUE_CHARS_MAX;
export const COMPLETIONS_MAX = 50;
/** Connected nodes are asked for their time and their processes so often: how many, and how long one may take. */
export const PEER_LOOK_MS = 3_000;
export const PEER_LOOK_TIMEOUT_MS = 1_500;
export const PEERS_LOOKED_AT_MAX = 32;
/** A difference of clocks, and a lag of files, that is shown as a fault. */
export const CLOCK_OFF_MS_MAX = 2_000;
export const LAG_SHOWN_MS = 3_000;
/** Failed files are a fault for so long. */
export const FAILED_FILES_SHOWN_MS = 86_400_000;
/** `run client (…)`: nodes asked, at a time, and how long one may take. */
export const COMMAND_NODES_MAX = 256;
export const COMMAND_NODES_AT_ONCE = 16;
export const COMMAND_TIMEOUT_MS = 20_000;
/** What another node may answer to one command. */
export const COMMAND_REPLY_BYTES_MAX = 16 * 1_048_576;
export const COMMAND_REPLY_CHUNK_BYTES = 262_144;
/** Commands of other nodes that run at the same time; the next is refused. */
export const COMMANDS_FROM_PEERS_MAX = 32;
/** Of one of them; and how much of this node's time its commands take: at once, in the long run, and how much of one that waits is counted. */
export const COMMANDS_FROM_PEER_MAX = 16;
export const COMMANDS_PEER_BURST_MS = 2_000;
export const COMMANDS_PEER_MS_PER_SECOND = 250;
export const COMMANDS_PEER_COUNTED_MS_MAX = 50;
/** Of a PUT, packed and unpacked. */
export const REST_BODY_BYTES_MAX = FILE_BYTES_MAX;
/** Of a POST: commands. */
export const REST_COMMAND_BODY_BYTES_MAX = SCRIPT_BYTES_MAX;
/** Commands before the one of the header. */
export const REST_LINES_MAX = 1_000;
/** Bodies held at the same time, all requests together; what does not fit is refused with 503. */
export const REST_BODIES_BYTES_MAX = 2 * FILE_BYTES_MAX;
export const REST_HEADER_BYTES_MAX = 65_536;
export const REST_CONNECTIONS_MAX = 1_000;
/** An answer up to so many characters is sent whole, with its length; a longer one in pieces. */
export const REST_WHOLE_CHARS_MAX = 262_144;
/** Commands and PUTs worked on at the same time; the next is refused with 503. */
export const REST_RUNNING_MAX = 128;
/** Of them, commands of one person who is no admin, and PUTs of rows; and places that are kept for admins. */
export const REST_RUNNING_OF_ONE_MAX = 32;
export const REST_ROWS_OF_ONE_MAX = 96;
export const REST_RUNNING_KEPT = 8;
/** The last of the others are for who holds fewer than so many. */
export const REST_RUNNING_SPARE = 16;
export const REST_RUNNING_FEW = 4;
/** How long a command may take where the request does not say, and at most. */
export const REST_TIMEOUT_MS = 60_000;
export const REST_TIMEOUT_MS_MAX = 3_600_000;
/** A request's own time-out ends the command; the reply waits this much longer for the command's own words. */
export const REST_GRACE_MS = 2_000;
export const REST_HEADERS_TIMEOUT_MS = 5_000;
/** The longest pause between two pieces of a body, and of a reply that the client does not take. */
export const REST_STALL_MS = 15_000;
export const REST_REQUEST_TIMEOUT_MS = 600_000;
/** How long an idle connection is kept for the next request. */
export const REST_KEEP_ALIVE_MS = 10_000;
/** Users that one node knows, and the characters of a name or password. */
export const USERS_MAX = 1_000;
export const USER_CHARS_MAX = 128;
/** After so many wrong passwords in a row a name waits at the address that they came from. */
export const PASSWORD_TRIES_MAX = 5;
export const PASSWORD_PAUSE_MS = 30_000;
/** Passwords checked at the same time (32 MiB each), and those that may wait for it. */
export const PASSWORD_CHECKS_AT_ONCE = 2;
export const PASSWORD_CHECKS_WAITING_MAX = 32;
/** After an early refusal the rest of the body is read and dropped for this long, so that the client sees the reply. */
export const REST_LINGER_MS = 2_000;

// scrub
/** A full pass over all files takes about so long, or as long as the bound on rows makes it. */
export const SCRUB_PASS_MS = 86_400_000;
/** The longest rest between two steps of a pass: a small store is through soon and rests for the rest of the day. */
export const SCRUB_REST_MS_MAX = 60_000;
/** The first pass begins so long after a start. */
export const SCRUB_START_MS = 30_000;
/** Rows read in a second, at most. */
export const SCRUB_ROWS_PER_S_MAX = 20_000;
/** Read at a time. */
export const SCRUB_STEP_FILES = 64;
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
/** Buckets, files and rows in one answer of `get tsd sums`. */
export const SUM_BUCKETS_MAX = 1_500;
export const SUM_FILES_MAX = 1_000;
export const SUM_ROWS_MAX = 5_000;
/** Files that `test cluster data` names, and mends in one go. */
export const DIFFERENCES_MAX = 1_000;

// bundle
/** An audit bundle is read whole. */
export const BUNDLE_BYTES_MAX = 1_024 * 1_048_576;
export const BUNDLE_ENTRIES_MAX = 200_000;
export const BUNDLE_FILES_MAX = 5 * BUNDLE_ENTRIES_MAX;
/** Entries that a bundle proves one by one: about 2 KB each. */
export const BUNDLE_PROOFS_MAX = 1_000;
/** Bundles that a node computes the answers of at the same time. */
export const BUNDLE_EXPORTS_MAX = 2;

// node
/** A recovery that gets nothing more waits so long for peers that are not reached, then says what is missing. */
export const RECOVER_PEERS_WAIT_MS = 10_000;
/** Files that a backup copies at the same time. */
export const BACKUP_FILES_AT_ONCE = 4;
/** Files of the archive that a reader thread copies in one go; so many goes at a time. */
export const BACKUP_BATCH_FILES = 256;
export const BACKUP_BATCHES_AT_ONCE = 2;
/** Larger ones are copied piece by piece. */
export const BACKUP_SMALL_BYTES = 1_048_576;
/** A write right after a start waits so long for the peers to be asked for the own log. */
export const WRITE_WAIT_MS_MAX = 10_000;
/** A policy that could not be taken over for a new key is tried again. */
export const TAKE_OVER_RETRY_MS = 2_000;
/** The start script waits so long for the first exchange with a peer. */
export const SCRIPT_WAIT_MS_MAX = 10_000;

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
