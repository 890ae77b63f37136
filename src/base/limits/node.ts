/** A recovery that gets nothing more waits so long for peers that are not reached, then says what is missing. */
export const RECOVER_PEERS_WAIT_MS = 10_000;
/** Files that a backup copies at the same time. */
export const BACKUP_FILES_AT_ONCE = 4;
/** Files of the archive that a reader thread copies in one go. */
export const BACKUP_BATCH_FILES = 256;
/** Such goes at a time. */
export const BACKUP_BATCHES_AT_ONCE = 2;
/** Larger ones are copied piece by piece. */
export const BACKUP_SMALL_BYTES = 1_048_576;
/** A write right after a start waits so long for the peers to be asked for the own log. */
export const WRITE_WAIT_MS_MAX = 10_000;
/** A policy that could not be taken over for a new key is tried again. */
export const TAKE_OVER_RETRY_MS = 2_000;
/** The start script waits so long for the first exchange with a peer. */
export const SCRIPT_WAIT_MS_MAX = 10_000;
