/** Characters (UTF-16) of one command; a longer one is refused (`COMMAND_OVERSIZE`). */
export const COMMAND_CHARS_MAX = 262_144;
/** Words and signs of one command; more are refused (`COMMAND_OVERSIZE`). */
export const COMMAND_TOKENS_MAX = 20_000;
/**
 * Scripts in scripts, conditions in conditions, parentheses in parentheses; deeper is `COMMAND_DEPTH`, or a fault of
 * syntax.
 */
export const COMMAND_DEPTH_MAX = 16;
/** A script; a longer one is not run (`COMMAND_SCRIPT_OVERSIZE`). */
export const SCRIPT_BYTES_MAX = 1_048_576;
/** Lines that a script with loops goes through; then it ends (`COMMAND_SCRIPT_STEPS`). */
export const SCRIPT_STEPS_MAX = 100_000;
/** Characters of output that a script gives; what is beyond is not shown, and a note says so. */
export const SCRIPT_OUTPUT_CHARS_MAX = 4 * 1_048_576;
/** Scripts that run in the background; the next is refused (`COMMAND_THREADS_FULL`). */
export const THREADS_MAX = 8;
/** Of these, those that one person started who is no admin; the next is refused (`COMMAND_THREADS_FULL`). */
export const THREADS_OF_ONE_MAX = 2;
/** Variables of one node, or of one request; a further one is refused (`COMMAND_DICTIONARY_FULL`). */
export const DICTIONARY_ENTRIES_MAX = 10_000;
/** Characters of the output of a command that a variable takes; a longer one is refused (`COMMAND_VALUE_OVERSIZE`). */
export const VALUE_CHARS_MAX = 4 * 1_048_576;
/** Characters that all variables of a node hold together; more are refused (`COMMAND_DICTIONARY_FULL`). */
export const DICTIONARY_CHARS_MAX = 16 * VALUE_CHARS_MAX;
/** Characters that the variables of one request hold together; more are refused (`COMMAND_DICTIONARY_FULL`). */
export const SESSION_CHARS_MAX = 2 * VALUE_CHARS_MAX;
/**
 * Characters that the references of one line look through together, which holds up the node; more is
 * `COMMAND_REFERENCES`.
 */
export const REFERENCED_CHARS_MAX = 16 * VALUE_CHARS_MAX;
/** JSON texts of variables of which it is kept what they say; the oldest is forgotten. */
export const STRUCTURED_KEPT_MAX = 16;
/** Characters of those texts together; a single one is kept whatever its length. */
export const STRUCTURED_KEPT_CHARS_MAX = 2 * VALUE_CHARS_MAX;
/** Lines offered to complete one that is being typed; more are left out. */
export const COMPLETIONS_MAX = 50;
/** The pause after which connected nodes are asked again for their time and their processes. */
export const PEER_LOOK_MS = 3_000;
/** How long one of them may take to answer that; then nothing is known of it until the next time. */
export const PEER_LOOK_TIMEOUT_MS = 1_500;
/** Connected nodes that are asked that; of further ones nothing is shown. */
export const PEERS_LOOKED_AT_MAX = 32;
/** A difference of clocks that is shown as a fault. */
export const CLOCK_OFF_MS_MAX = 2_000;
/** Files that are behind for so long are shown as a fault. */
export const LAG_SHOWN_MS = 3_000;
/** Failed files are a fault for so long. */
export const FAILED_FILES_SHOWN_MS = 86_400_000;
/** `run client (…)`: nodes that one command may go to; more are refused (`COMMAND_DESTINATION`). */
export const COMMAND_NODES_MAX = 256;
/** Of them, those that are asked at a time; the others wait for one of them. */
export const COMMAND_NODES_AT_ONCE = 16;
/** How long one of them may take where `timeout` does not say, and how long the node that runs the command gives it. */
export const COMMAND_TIMEOUT_MS = 20_000;
/** What another node may answer to one command; a longer answer is refused there (`COMMAND_REMOTE_OVERSIZE`). */
export const COMMAND_REPLY_BYTES_MAX = 16 * 1_048_576;
/** Part of such an answer that goes in one frame. */
export const COMMAND_REPLY_CHUNK_BYTES = 262_144;
/** Commands of other nodes that run at the same time; the next is refused. */
export const COMMANDS_FROM_PEERS_MAX = 32;
/** Commands of one other node that run at the same time; its next is refused (`COMMAND_REMOTE_BUSY`). */
export const COMMANDS_FROM_PEER_MAX = 16;
/** How much of this node's time the commands of one other node may take at once; beyond, its next one waits. */
export const COMMANDS_PEER_BURST_MS = 2_000;
/** How much of each second its commands may take in the long run: a quarter of this node's time. */
export const COMMANDS_PEER_MS_PER_SECOND = 250;
/** So much at most is counted of one command: one that takes longer waits itself, for a disk or a node. */
export const COMMANDS_PEER_COUNTED_MS_MAX = 50;
