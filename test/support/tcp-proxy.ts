import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP path that can be cut as a cable is: bytes stop in silence, no connection is closed. */
export interface TcpProxy {
  /** Where to dial instead of the target. */
  readonly address: string;
  /** Connections that came in so far. */
  readonly accepted: number;
  /** Stops bytes both ways; new connections are accepted and hear nothing (as behind a dead link). */
  cut(): void;
  /** Stops only what the dialler sends, or only what the target sends. */
  cutOneWay(from: 'dialler' | 'target'): void;
  /** Lets bytes flow again; what was held back goes on in order. */
  heal(): void;
  /** Closes all connections at once with a reset, as a crash of the machine between does. */
  reset(): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of loopback in front of `HOST:PORT`. */
export const startTcpProxy = async (target: string): Promise<TcpProxy> => {
  const at = target.lastIndexOf(':');
  const [host, port] = [target.slice(0, at).replace(/^\[|\]$/g, ''), Number(target.slice(at + 1))];
  const stopped = { dialler: false, target: false };
  const pairs = new Set<readonly [Socket, Socket]>();
  let accepted = 0;

  const apply = (): void => {
    for (const [dialler, upstream] of pairs) {
      flow(dialler, upstream, stopped.dialler);
      flow(upstream, dialler, stopped.target);
    }
  };
  const server = createServer((dialler) => {
    accepted += 1;
    const upstream = connect({ host, port });
    const pair = [dialler, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        if (dialler.closed && upstream.closed) pairs.delete(pair);
        // A cut path does not carry the news of a close either; it comes when the path heals.
        if (!stopped.dialler && !stopped.target) for (const each of pair) each.destroy();
      });
    }
    dialler.on('end', () => stopped.dialler || upstream.end());
    upstream.on('end', () => stopped.target || dialler.end());
    flow(dialler, upstream, stopped.dialler);
    flow(upstream, dialler, stopped.target);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get accepted() {
      return accepted;
    },
    cut() {
      stopped.dialler = stopped.target = true;
      apply();
    },
    cutOneWay(from) {
      stopped[from] = true;
      apply();
    },
    heal() {
      stopped.dialler = stopped.target = false;
      for (const pair of pairs) if (pair.some((socket) => socket.closed)) for (const each of pair) each.destroy();
      apply();
    },
    reset() {
      for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    },
    async close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const flow = (from: Socket, to: Socket, stop: boolean): void => {
  if (stop) {
    from.unpipe(to);
    from.pause();
  } else from.pipe(to, { end: false });
};
