/** How often a thread looks whether it works, and after how long a quiet one gives memory back. */
export const COLLECTION_LOOK_MS = 500;
export const COLLECTION_QUIET_MS = 10_000;
/**
 * A process that has grown by so much collects everything in its threads that work, and then rests for so many times as
 * long as that took.
 */
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
export const JSON_DEPTH_MAX = 32;
export const FRAME_BYTES_MAX = 1_048_576;
