import { closeSync, existsSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { compile, lackOfCompiler } from './compile.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Calls that change what is on the disk; `write` is one that is durable when it returns. */
const CALLS = ['fsync', 'write', 'truncate', 'rename', 'unlink'] as const;
type Call = (typeof CALLS)[number];
/** While a node starts for the first time, which happens once; starts again; or later. */
export type Phase = 'founding' | 'starting' | 'running';

/**
 * A kind of call on a part of a node's directory, such as `rename data/archive`, with how often it was seen at once (in
 * one start) and used.
 */
interface Place {
  readonly phase: Phase;
  readonly call: Call;
  readonly part: string;
  most: number;
  used: number;
}

/** The first two names of a path: `ledger/journal`. */
const partOf = (dir: string, path: string): string => relative(dir, path).split('/').slice(0, 2).join('/');

const isCall = (text: string): text is Call => CALLS.some((call) => call === text);

/** What kills nodes at an exact call, and what it has learned of the calls that they make. */
export class Traps {
  /** `every call` with a C compiler at hand; without one SQLite's and level's own calls are not met. */
  readonly reach: 'every call' | 'calls of Node only';
  readonly #library: string | undefined;
  readonly #places = new Map<string, Place>();
  /** How far the list of calls of a node was read. */
  readonly #read = new Map<string, number>();

  /** `dir` takes the library. */
  constructor(dir: string) {
    this.#library = buildLibrary(dir);
    this.reach = this.#library === undefined ? 'calls of Node only' : 'every call';
  }

  /** What a node's process needs in its environment to be killed by a trap. */
  environment(dir: string): Readonly<Record<string, string>> {
    const files = { FAULTS_CALLS: callsOf(dir), FAULTS_PLAN: planOf(dir), FAULTS_SLOW: slowOf(dir) };
    return this.#library === undefined
      ? { ...files, NODE_OPTIONS: `--import ${file('kill-at.mjs')}` }
      : { ...files, LD_PRELOAD: this.#library };
  }

  /** Sets a trap for the node of a directory where it was not caught yet, or seldom; none while no calls are known. */
  set(dir: string, phase: Phase, random: SeededRandom): void {
    const known = [...this.#places.values()].filter((place) => place.phase === phase);
    const least = Math.min(...known.map(({ used }) => used));
    const candidates = known.filter(({ used }) => used === least);
    if (candidates.length === 0) return;
    const place = random.pick(candidates);
    place.used += 1;
    const nth = random.integer(1, Math.min(place.most, phase === 'running' ? 8 : 3));
    const when = random.pick(place.call === 'write' ? ['before', 'torn', 'after'] : ['before', 'after']);
    writeFileSync(planOf(dir), `${place.call} ${join(dir, place.part)} ${nth} ${when}\n`);
  }

  clear(dir: string): void {
    rmSync(planOf(dir), { force: true });
  }

  /**
   * Makes the disk of a node slow: each write takes so much longer until it is durable, in milliseconds. Without a
   * number it is as fast as it is. Only where every call is met.
   */
  slowDown(dir: string, leastMs?: number, mostMs = leastMs): void {
    if (leastMs === undefined) rmSync(slowOf(dir), { force: true });
    else writeFileSync(slowOf(dir), `${leastMs} ${mostMs}\n`);
  }

  /**
   * Takes up what the node did since it was last asked; returns the call that it did not survive, where a trap caught
   * it.
   */
  learn(dir: string, phase: Phase): string | undefined {
    let killed: string | undefined;
    let last = '';
    const seen = new Map<Place, number>();
    for (const line of this.#newLines(dir)) {
      const [call = '', path = ''] = line.split(' ');
      if (!path.startsWith(`${dir}/`)) continue;
      const part = partOf(dir, path);
      if (call === 'killed') killed = `${last} ${part}`;
      last = call;
      if (!isCall(call)) continue;
      const key = `${phase} ${call} ${part}`;
      const place = this.#places.get(key) ?? { phase, call, part, most: 0, used: 0 };
      seen.set(place, (seen.get(place) ?? 0) + 1);
      this.#places.set(key, place);
    }
    for (const [place, count] of seen) place.most = Math.max(place.most, count);
    return killed;
  }

  #newLines(dir: string): readonly string[] {
    const path = callsOf(dir);
    if (!existsSync(path)) return [];
    const from = this.#read.get(dir) ?? 0;
    const bytes = Buffer.alloc(Math.max(0, statSync(path).size - from));
    const handle = openSync(path, 'r');
    try {
      readSync(handle, bytes, 0, bytes.byteLength, from);
    } finally {
      closeSync(handle);
    }
    const end = bytes.lastIndexOf('\n') + 1;
    this.#read.set(dir, from + end);
    return bytes.subarray(0, end).toString().split('\n').slice(0, -1);
  }
}

// Beside the node's directory: what is damaged or put back there must not be these.
const callsOf = (dir: string): string => `${dir}.calls`;
const planOf = (dir: string): string => `${dir}.plan`;
const slowOf = (dir: string): string => `${dir}.slow`;

const buildLibrary = (dir: string): string | undefined => {
  if (lackOfCompiler() !== undefined) return undefined;
  const library = join(dir, 'kill-at.so');
  try {
    compile('kill-at.c', library, '-shared', '-fPIC');
    return library;
  } catch {
    return undefined;
  }
};
