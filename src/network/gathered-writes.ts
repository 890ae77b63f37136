import { Socket } from 'node:net';

/**
 * Has all that is written in answer to what arrived on a connection go out in one system call, when the event loop has
 * no more work of that turn. yamux answers each data frame with a small frame of its own, and each write of its own
 * wakes the peer. The transport does not publish its socket: a connection without one goes on as it is.
 */
export const gatherWrites = (connection: object): void => {
  const socket: unknown = Reflect.get(connection, 'socket');
  if (!(socket instanceof Socket)) return;
  socket.prependListener('data', () => {
    if (socket.writableCorked > 0) return;
    socket.cork();
    setImmediate(() => socket.uncork());
  });
};
