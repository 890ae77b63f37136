/** A frame of entries ends with the first that fills so much: it stays below `FRAME_BYTES_MAX` with the largest. */
export const SYNC_BATCH_BYTES_MAX = 786_432;
/** How often, give or take a half, a node compares its ledger with one of its peers, drawn by lot. */
export const SYNC_INTERVAL_MS = 3_000;
/** Authors in one message of the ledger sync; a longer clock takes several. */
export const SYNC_CLOCK_PAGE_MAX = 5_000;
/** Hashes of entries that a snapshot covers, in one answer of the ledger sync (32 bytes each). */
export const SYNC_COVERED_MAX = 1_000_000;
/** An author's log among them counts as so many hashes more: its key and its number are as long. */
export const SYNC_COVERED_LOG_HASHES = 2;
/** Entries that prove a snapshot: those of nine root keys of sixteen, each handed on as often as may be. */
export const SYNC_PROOF_MAX = 1_500;
/** Such hashes in one frame of the answer. */
export const SYNC_COVERED_FRAME_MAX = 16_384;
/** Authors that a peer may tell in one exchange. */
export const SYNC_AUTHORS_MAX = 100_000;
/** Entries whose proof one message asks for; further ones are asked for with the next. */
export const SYNC_PROOFS_MAX = 256;
/** Entries before a wanted one that are sent along, at most. */
export const SYNC_ANCESTORS_MAX = 64;
/** Logs that are read side by side to send their entries in order. */
export const SYNC_LOGS_MERGED_MAX = 1_000;
/** Bytes that are read ahead of those logs, in all. */
export const SYNC_READ_AHEAD_BYTES = 4_194_304;
/** Entries of one exchange that may be refused before it is given up. */
export const SYNC_REJECTED_MAX = 16;
/** Entries that are read to find what vouches for badly signed ones, for one answer. */
export const SYNC_VOUCHER_READS_MAX = 2_048;
/**
 * Entries of an exchange that are refused at first and may still be taken, with what vouches for them or shows a fork:
 * further ones count as refused.
 */
export const SYNC_OPENED_MAX = 512;
/** A peer that says nothing for so long in the middle of an exchange is left alone for a while. */
export const SYNC_STALL_MS = 10_000;
/** An exchange gives way to the next peer's after so long. */
export const SYNC_TURN_MS = 30_000;
/** How often at most a node tells its peers what it holds now. */
export const SYNC_HAVE_INTERVAL_MS = 100;
/** The first pause after an exchange that should have brought something and did not; each such one doubles it. */
export const SYNC_BACKOFF_MIN_MS = 250;
/** The longest such pause. */
export const SYNC_BACKOFF_MAX_MS = 30_000;
/** Own entries that came at once and are gossiped one by one; more are left to the exchange, which is faster. */
export const SYNC_GOSSIP_BURST_MAX = 64;
/** Messages that one peer that asks may send at once, each KiB of one counted again. */
export const SYNC_MESSAGES_BURST_MAX = 2_000;
/** Messages that it may send in a second in the long run, so counted. */
export const SYNC_MESSAGES_PER_SECOND_MAX = 1_000;
/** So many bytes of a message count as one more. */
export const SYNC_MESSAGE_UNIT_BYTES = 1_024;
/** Entries that one peer gets as fast as it takes them: twice those of the ledger, these, and each that is new. */
export const SYNC_SERVED_SPARE = 4_096;
/** Beyond, it gets so many a second: it is answered only after a rest. */
export const SYNC_SERVED_PER_SECOND = 1_000;
/** The longest such rest: an honest peer does not give the exchange up. */
export const SYNC_REST_MS_MAX = 5_000;
/**
 * Who says that it has everything whole is waited for before anything is taken without its body: until so many
 * exchanges in a row brought nothing.
 */
export const SYNC_KEEPER_FAILURES_MAX = 3;
/** It is waited for no longer than this in all … */
export const SYNC_KEEPERS_WAIT_MS = 60_000;
/** … and this more for each entry that came, of as many as were lacking when a pruned peer was first met. */
export const SYNC_KEEPERS_WAIT_MS_AN_ENTRY = 20;
/** What was waited for is forgotten where nothing was waited for that long. */
export const SYNC_KEEPERS_FORGOTTEN_MS = 300_000;
/** Peers whose clocks are remembered when they are gone. */
export const SYNC_PEERS_REMEMBERED_MAX = 256;
/** Authors whom nobody else has told of, in the clock of a peer that is gone. */
export const SYNC_UNHEARD_AUTHORS_MAX = 1_000;
/** How long a node waits at its start for a known peer to tell it its own log. */
export const LEDGER_OWN_LOG_TIMEOUT_MS = 10_000;
/** Nodes that run with the same key: how often peers are asked for them. */
export const TWINS_INTERVAL_MS = 1_000;
/** How long what was heard of one counts. */
export const TWINS_REMEMBERED_MS = 10_000;
/** A peer that has answered so often without naming one, for `TWINS_QUIET_MS`, knows none. */
export const TWINS_ANSWERS_MIN = 4;
/** For so long it has to have named none. */
export const TWINS_QUIET_MS = 4_000;
/** Instances remembered for one key. */
export const TWINS_MAX = 4;
/** Keys whose instances are remembered; the oldest is dropped. */
export const TWINS_KEYS_MAX = 1_024;
