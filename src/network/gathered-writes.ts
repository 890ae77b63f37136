import { Socket } from 'node:net';
import type { MultiaddrConnection } from '@libp2p/interface';
import { GATHERED_SEND_BYTES } from '../base/limits.ts';

/**
 * Has all small pieces that are written to a connection in one turn of the event loop go out in one system call, at its
 * end. noise writes the length of each message by itself, yamux answers each data frame with a small frame, and each
 * write of its own wakes the peer. What is large goes out at once. The transport does not publish its socket: a
 * connection without one goes on as it is.
 */
export const gatherWrites = (connection: Pick<MultiaddrConnection, 'send'>): void => {
  const socket: unknown = Reflect.get(connection, 'socket');
  if (!(socket instanceof Socket)) return;
  const send = connection.send.bind(connection);
  connection.send = (data) => {
    const corked = socket.writableCorked > 0;
    if (data.byteLength >= GATHERED_SEND_BYTES) {
      if (corked) socket.uncork();
    } else if (!corked) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    return send(data);
  };
};
