import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';

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
  /** The next so many bytes of that end come through; then the connection on which they came is closed, once. */
  closeAfter(bytes: number, from: 'dialler' | 'target'): void;
  /** From now on bytes of either end come in pieces of at most so many bytes, each after a pause of up to so long. */
  drip(pieceBytesMax: number, pauseMsMax: number): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of loopback in front of `HOST:PORT`. */
export const startTcpProxy = async (target: string): Promise<TcpProxy> => {
  const at = target.lastIndexOf(':');
  const [host, port] = [target.slice(0, at).replace(/^\[|\]$/g, ''), Number(target.slice(at + 1))];
  const stopped = { dialler: false, target: false };
  const pairs = new Map<readonly [Socket, Socket], readonly [Valve, Valve]>();
  const drip: Drip = { pieceBytesMax: Infinity, pauseMsMax: 0 };
  const left = { dialler: { bytes: Infinity }, target: { bytes: Infinity } };
  let accepted = 0;

  const apply = (): void => {
    for (const [[dialler, upstream], [sent, answered]] of pairs) {
      flow(dialler, sent, stopped.dialler);
      flow(upstream, answered, stopped.target);
    }
  };
  const server = createServer((dialler) => {
    accepted += 1;
    const upstream = connect({ host, port });
    const pair = [dialler, upstream] as const;
    const valves = [
      new Valve(drip, left.dialler, () => closeBehind(dialler, upstream)),
      new Valve(drip, left.target, () => closeBehind(upstream, dialler)),
    ] as const;
    pairs.set(pair, valves);
    valves[0].pipe(upstream, { end: false });
    valves[1].pipe(dialler, { end: false });
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
    flow(dialler, valves[0], stopped.dialler);
    flow(upstream, valves[1], stopped.target);
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
      for (const pair of pairs.keys())
        if (pair.some((socket) => socket.closed)) for (const each of pair) each.destroy();
      apply();
    },
    reset() {
      for (const pair of pairs.keys()) for (const socket of pair) socket.resetAndDestroy();
    },
    closeAfter(bytes, from) {
      left[from].bytes = bytes;
    },
    drip(pieceBytesMax, pauseMsMax) {
      drip.pieceBytesMax = pieceBytesMax;
      drip.pauseMsMax = pauseMsMax;
    },
    async close() {
      for (const pair of pairs.keys()) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** What came through is still taken; what else was under way is gone. */
const closeBehind = (from: Socket, to: Socket): void => {
  to.end();
  from.resetAndDestroy();
};

interface Drip {
  pieceBytesMax: number;
  pauseMsMax: number;
}

/** What one end sends, on its way to the other. */
class Valve extends Transform {
  readonly #drip: Drip;
  /** Until the connection is closed. */
  readonly #left: { bytes: number };
  readonly #close: () => void;

  constructor(drip: Drip, left: { bytes: number }, close: () => void) {
    super();
    this.#drip = drip;
    this.#left = left;
    this.#close = close;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    void this.#pass(chunk).then(() => done());
  }

  async #pass(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.byteLength && !this.destroyed;) {
      const { pieceBytesMax, pauseMsMax } = this.#drip;
      if (pauseMsMax > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * pauseMsMax));
      const piece = chunk.subarray(at, at + Math.min(pieceBytesMax, this.#left.bytes));
      at += piece.byteLength;
      this.push(piece);
      this.#left.bytes -= piece.byteLength;
      if (this.#left.bytes > 0) continue;
      this.#left.bytes = Infinity;
      this.#close();
      return;
    }
  }
}

const flow = (from: Socket, to: Valve, stop: boolean): void => {
  if (stop) {
    from.unpipe(to);
    from.pause();
  } else from.pipe(to, { end: false });
};
