import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { NamespacePaths } from './namespaces.ts';

/** What the paths between nodes ask of how a node is started. */
export interface Host {
  readonly listen: string;
  readonly rest: string;
  /** A command that runs the node. */
  readonly through: readonly string[];
}

/** The ways on which nodes reach each other. REST is never cut. */
export interface Paths {
  readonly kind: PathKind;
  hostOf(name: string): Host;
  /** A node listens there; called once for each. */
  opened(name: string, listen: string): Promise<void>;
  /** Where the others dial it; undefined before it listens. */
  addressOf(name: string): string | undefined;
  /** Nothing comes through any more, or nothing of what the named node sends. */
  cut(from?: string): void;
  /**
   * What comes through comes late and in pieces, or after packets were lost, doubled and put in another order, until it
   * is healed; says how.
   */
  spoil(random: SeededRandom): string;
  heal(): void;
  close(): Promise<void>;
}

export type PathKind = 'proxies' | 'network namespaces';

/** Nodes on loopback behind proxies: bytes stop, but whoever calls gets a connection. */
class ProxyPaths implements Paths {
  readonly kind = 'proxies';
  readonly #proxies = new Map<string, TcpProxy>();

  hostOf(): Host {
    return { listen: '127.0.0.1:0', rest: '127.0.0.1:0', through: [] };
  }

  async opened(name: string, listen: string): Promise<void> {
    this.#proxies.set(name, await startTcpProxy(listen));
  }

  addressOf(name: string): string | undefined {
    return this.#proxies.get(name)?.address;
  }

  cut(from?: string): void {
    for (const [name, proxy] of this.#proxies)
      if (from === undefined) proxy.cut();
      else proxy.cutOneWay(name === from ? 'target' : 'dialler');
  }

  spoil(random: SeededRandom): string {
    const [pieceBytes, pauseMs] = random.pick([
      [64, 3],
      [1_448, 40],
      [16_384, 400],
    ] as const);
    for (const proxy of this.#proxies.values()) proxy.drip(pieceBytes, pauseMs);
    return `pieces of ${pieceBytes} bytes, pauses of up to ${pauseMs} ms`;
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) {
      proxy.heal();
      proxy.drip(Infinity, 0);
    }
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies.values()) await proxy.close();
  }
}

/** Paths between two nodes; `dir` takes what they need. */
export const makePaths = (kind: PathKind, names: readonly string[], dir: string): Paths =>
  kind === 'proxies' ? new ProxyPaths() : new NamespacePaths(names, dir);
