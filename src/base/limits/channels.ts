/**
 * Channels of one protocol open to one peer: one more cannot be opened, and a peer with twice as many is refused them.
 */
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
/**
 * What is smaller waits for the end of the event loop's turn, to go out in one system call with all else of the turn.
 */
export const GATHERED_SEND_BYTES = 16_384;
/**
 * How long opening a channel, or one question and its answer, may take where the caller does not say; then
 * `NETWORK_TIMEOUT`.
 */
export const CHANNEL_OPEN_TIMEOUT_MS = 10_000;
/** A peer that takes nothing in for so long loses the channel. */
export const CHANNEL_STALL_MS = 30_000;
/** After its handler is done, a channel that the peer does not close is dropped. */
export const CHANNEL_LINGER_MS = 5_000;
/** Whoever opens a channel asks at once: its first frame has to be there after so long. */
export const CHANNEL_FIRST_FRAME_MS = 3_000;
/** Frames that wait to be read on one channel; an honest node has fewer on the way. */
export const CHANNEL_FRAMES_WAITING_MAX = 4_096;
/** What each frame that waits counts beside its bytes, so that many small ones hold the peer back too. */
export const CHANNEL_FRAME_OVERHEAD_BYTES = 64;
/** Channels that one peer may open at once; one that opens more is expelled (`NETWORK_FLOOD`). */
export const CHANNELS_BURST_MAX = 4_000;
/** Channels that one peer may open in a second in the long run, after that burst. */
export const CHANNELS_PER_SECOND_MAX = 2_000;
