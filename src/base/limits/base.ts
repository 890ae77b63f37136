/** How often a thread looks whether it works. */
export const COLLECTION_LOOK_MS = 500;
/** A thread that has worked and was quiet for so long gives memory back; again after twice and four times as long. */
export const COLLECTION_QUIET_MS = 10_000;
/** A process that has grown by so much collects everything in its threads that work. */
export const COLLECTION_GROWTH_BYTES = 16 * 1_048_576;
/** Such a collection rests for so many times as long as it took: at most a hundredth of the time goes to it. */
export const COLLECTION_REST_TIMES = 100;
/** How often the disk's space and the clocks are looked at. */
export const DISK_LOOK_MS = 1_000;
/** A disk on which a small write takes so long is slow (`DISK_SLOW`). */
export const DISK_SLOW_MS = 100;
/** One on which a small write waits for so long without an end is too. */
export const DISK_STALLED_MS = 3_000;
/** How fast the disk was is forgotten when nobody has written for so long. */
export const DISK_TRIES_APART_MS = 30_000;
/** What could not write is opened again and checked after such a pause at first; each time it doubles. */
export const DISK_RETRY_MIN_MS = 250;
/** The longest pause before it is opened again: so late at most a disk that has recovered is noticed. */
export const DISK_RETRY_MAX_MS = 4_000;
/** Below this share of the disk's space free, no data is taken (`DISK_NO_ROOM`). */
export const DISK_RESERVE_SHARE = 0.05;
/** … but no more than so much has to be free: the share of a large disk would keep far more than the ledger needs. */
export const DISK_RESERVE_BYTES_MAX = 256 * 1_048_576;
/** A disk with less free than this is full. */
export const DISK_FULL_BYTES = 65_536;
/** A step of the wall clock from so much on is a jump. */
export const CLOCK_JUMP_MS_MIN = 1_000;
/** For so long a jump of the wall clock is shown. */
export const CLOCK_JUMP_SHOWN_MS = 600_000;
/**
 * Arrays and objects in one another in JSON from outside; deeper is malformed, or `CODEC_TOO_DEEP`: no stack overflows.
 */
export const JSON_DEPTH_MAX = 32;
/** The content of one frame on a channel; a longer one is neither sent nor read (`CODEC_FRAME_OVERSIZE`). */
export const FRAME_BYTES_MAX = 1_048_576;
