import { execFileSync } from 'node:child_process';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts';

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

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal();
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies.values()) await proxy.close();
  }
}

const ip = (...args: readonly string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const NOBODY = '02:00:00:00:00:ff';
/** Cables are numbered, so that campaigns on one machine do not meet. */
const base = (process.pid % 200) + 20;
let made = 0;

/**
 * Each of two nodes in a network namespace of its own, with one cable between them and one to this host, for REST. A
 * cut sends what a node sends to a hardware address that nobody has: real TCP, whose packets and calls vanish without a
 * word.
 */
class NamespacePaths implements Paths {
  readonly kind = 'network namespaces';
  readonly #prefix: string;
  readonly #net = base;
  readonly #names: readonly string[];
  readonly #hardware = new Map<string, string>();
  readonly #addresses = new Map<string, string>();

  constructor(names: readonly string[]) {
    made += 1;
    this.#prefix = `hf${process.pid}x${made}`;
    this.#names = names;
    try {
      this.#build();
    } catch (caught) {
      this.#remove();
      throw caught;
    }
  }

  hostOf(name: string): Host {
    const at = this.#numberOf(name);
    return {
      listen: `${this.#addressBetween(at)}:0`,
      rest: `10.${this.#net}.${at}.2:0`,
      through: ['ip', 'netns', 'exec', this.#space(at)],
    };
  }

  async opened(name: string, listen: string): Promise<void> {
    this.#addresses.set(name, listen);
  }

  addressOf(name: string): string | undefined {
    return this.#addresses.get(name);
  }

  cut(from?: string): void {
    for (const name of this.#names) if (from === undefined || name === from) this.#sendTo(name, NOBODY);
  }

  heal(): void {
    for (const name of this.#names) this.#sendTo(name, this.#hardware.get(this.#otherOf(name)) ?? '');
  }

  async close(): Promise<void> {
    this.#remove();
  }

  #build(): void {
    for (const name of this.#names) ip('netns', 'add', this.#space(this.#numberOf(name)));
    const [one, two] = [1, 2].map((at) => this.#space(at)) as [string, string];
    ip('link', 'add', 'between', 'netns', one, 'type', 'veth', 'peer', 'name', 'between', 'netns', two);
    for (const name of this.#names) {
      const at = this.#numberOf(name);
      const space = this.#space(at);
      const cable = this.#cable(at);
      ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'host', 'netns', space);
      ip('address', 'add', `10.${this.#net}.${at}.1/24`, 'dev', cable);
      ip('link', 'set', cable, 'up');
      ip('-n', space, 'address', 'add', `10.${this.#net}.${at}.2/24`, 'dev', 'host');
      ip('-n', space, 'address', 'add', `${this.#addressBetween(at)}/24`, 'dev', 'between');
      for (const device of ['lo', 'host', 'between']) ip('-n', space, 'link', 'set', device, 'up');
      this.#hardware.set(name, /link\/ether (\S+)/.exec(ip('-n', space, 'link', 'show', 'between'))?.[1] ?? '');
    }
    this.heal();
  }

  #remove(): void {
    for (const name of this.#names)
      try {
        // Takes its ends of the cables with it, and so the cables.
        ip('netns', 'del', this.#space(this.#numberOf(name)));
      } catch {
        // It was not made.
      }
  }

  /** To whom the frames of a node go that are for the other one. */
  #sendTo(name: string, hardware: string): void {
    const other = this.#addressBetween(this.#numberOf(this.#otherOf(name)));
    const space = this.#space(this.#numberOf(name));
    ip('-n', space, 'neigh', 'replace', other, 'lladdr', hardware, 'dev', 'between', 'nud', 'permanent');
  }

  #numberOf(name: string): number {
    return this.#names.indexOf(name) + 1;
  }

  #otherOf(name: string): string {
    return this.#names.find((other) => other !== name) ?? '';
  }

  #addressBetween(at: number): string {
    return `10.${this.#net}.9.${at}`;
  }

  #space(at: number): string {
    return `${this.#prefix}-${at}`;
  }

  /** At most 15 characters. */
  #cable(at: number): string {
    return `${this.#prefix}n${at}`.slice(-15);
  }
}

/** Why namespaces cannot be used here; undefined where they can. */
export const lackOfNamespaces = (): string | undefined => {
  if (process.platform !== 'linux') return 'only Linux has them';
  if (process.getuid?.() !== 0) return 'only root may make them';
  const probe = `hf${process.pid}probe`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return undefined;
  } catch {
    return 'ip netns (iproute2) does not work here';
  }
};

/** Paths between two nodes. */
export const makePaths = (kind: PathKind, names: readonly string[]): Paths =>
  kind === 'proxies' ? new ProxyPaths() : new NamespacePaths(names);
