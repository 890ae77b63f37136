import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { compile, lackOfCompiler } from './compile.ts';
import type { Host, Paths } from './paths.ts';

const ip = (...args: readonly string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const NOBODY = '02:00:00:00:00:ff';
/** The second part of addresses that nobody on this machine has: campaigns that run at once do not meet. */
const freeNet = (): number => {
  const taken = ip('-4', '-brief', 'address');
  const nets = Array.from({ length: 200 }, (_, at) => 20 + ((process.pid + at) % 200));
  const net = nets.find((each) => !taken.includes(` 10.${each}.`));
  if (net === undefined) throw new Error('no network 10.x is free on this machine');
  return net;
};
let made = 0;

/**
 * Each of two nodes in a network namespace of its own, with one cable between them and one to this host, for REST. A
 * cut sends what a node sends to a hardware address that nobody has: real TCP, whose packets and calls vanish without a
 * word. A process carries the frames between them, and may lose some.
 */
export class NamespacePaths implements Paths {
  readonly kind = 'network namespaces';
  readonly #prefix: string;
  readonly #net = freeNet();
  readonly #names: readonly string[];
  readonly #hardware = new Map<string, string>();
  readonly #addresses = new Map<string, string>();

  /** Says what becomes of the frames. */
  readonly #plan: string;
  #cable: ChildProcess | undefined;

  constructor(names: readonly string[], dir: string) {
    made += 1;
    this.#prefix = `hf${process.pid}x${made}`;
    this.#names = names;
    this.#plan = join(dir, 'cable.plan');
    try {
      this.#build(join(dir, 'cable'));
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

  spoil(random: SeededRandom): string {
    const [lost, twice, late] = [random.integer(1, 10), random.integer(0, 10), random.integer(0, 20)];
    const [lateMs, delayMs] = [random.integer(5, 60), random.integer(0, 80)];
    writeFileSync(this.#plan, `${lost} ${twice} ${late} ${lateMs} ${delayMs}\n`);
    return `${lost} % of the packets lost, ${twice} % twice, ${late} % late by ${lateMs} ms, all by ${delayMs} ms`;
  }

  heal(): void {
    rmSync(this.#plan, { force: true });
    for (const name of this.#names) this.#sendTo(name, this.#hardware.get(this.#otherOf(name)) ?? '');
  }

  async close(): Promise<void> {
    this.#remove();
  }

  #build(program: string): void {
    compile('cable.c', program);
    const spaces = this.#names.map((name) => this.#space(this.#numberOf(name)));
    for (const space of spaces) {
      ip('netns', 'add', space);
      ip('-n', space, 'tuntap', 'add', 'dev', 'between', 'mode', 'tap');
    }
    this.#cable = spawn(program, [...spaces, 'between', this.#plan], { stdio: 'inherit' });
    for (const name of this.#names) {
      const at = this.#numberOf(name);
      const space = this.#space(at);
      const cable = this.#cableOf(at);
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
    this.#cable?.kill('SIGKILL');
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
  #cableOf(at: number): string {
    return `${this.#prefix}n${at}`.slice(-15);
  }
}

/** Why namespaces cannot be used here; undefined where they can. */
export const lackOfNamespaces = (): string | undefined => {
  if (process.platform !== 'linux') return 'only Linux has them';
  if (process.getuid?.() !== 0) return 'only root may make them';
  if (lackOfCompiler() !== undefined) return lackOfCompiler();
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  const probe = `hf${process.pid}probe`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return undefined;
  } catch {
    return 'ip netns (iproute2) does not work here';
  }
};
