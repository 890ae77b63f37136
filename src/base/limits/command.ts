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
/**
 * Of one of them; and how much of this node's time its commands take: at once, in the long run, and how much of one
 * that waits is counted.
 */
export const COMMANDS_FROM_PEER_MAX = 16;
export const COMMANDS_PEER_BURST_MS = 2_000;
export const COMMANDS_PEER_MS_PER_SECOND = 250;
export const COMMANDS_PEER_COUNTED_MS_MAX = 50;
