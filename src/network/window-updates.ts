/**
 * The peer is told that it may send more once it has sent so much: far less than the window, and less than one frame of
 * what is large, so that whoever sends over a slow link hears of the other end as often as ever.
 */
export const WINDOW_UPDATE_BYTES_MIN = 16_384;

/** What yamux does not publish of its streams. */
interface Windowed {
  /** What the peer may send before it hears of more, and how much of that is left. */
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate: () => void;
}

const isWindowed = (stream: object): stream is Windowed =>
  typeof Reflect.get(stream, 'recvWindow') === 'number' &&
  typeof Reflect.get(stream, 'recvWindowCapacity') === 'number' &&
  typeof Reflect.get(stream, 'sendWindowUpdate') === 'function';

/**
 * Has the window of a stream opened again only for what is worth it. yamux answers each frame: with one that is
 * encrypted, written, and read at the other end, for each gossip message and each short question. A stream that is not
 * of yamux goes on as it is.
 */
export const gatherWindowUpdates = (stream: object): void => {
  if (!isWindowed(stream)) return;
  const update = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    if (stream.recvWindow - stream.recvWindowCapacity >= WINDOW_UPDATE_BYTES_MIN) update();
  };
};
