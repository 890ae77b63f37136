import { sleep, type Clock } from '../../src/base/clock.ts';
import { fault } from '../../src/base/errors.ts';
import type { JournalFiles } from '../../src/ledger/journal-files.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How a disk behaves, as probabilities of each operation. */
export interface DiskMix {
  /** Writes and syncs take between 0 and so many milliseconds. */
  readonly msMax: number;
  /** A write stops half-way: no room. */
  readonly full: number;
  /** A sync fails: some of what it should have made durable is, the rest never will be, whatever is synced later. */
  readonly syncFails: number;
}

interface StoredFile {
  /** As processes see it. */
  cached: Buffer;
  /** As it is after a power cut, at least. */
  durable: Buffer;
  /** Between these no later sync writes anything: the failed one has marked it as written. */
  poisonedFrom: number;
  poisonedTo: number;
  /** Its name survives a power cut. */
  isNamed: boolean;
  /** What it was renamed from, and what had its name before: a power cut may undo it until the directory is synced. */
  renamed?: { readonly from: string; readonly over: StoredFile | undefined } | undefined;
}

const UNSPOILT = { poisonedFrom: 0, poisonedTo: 0 };

const failure = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code });

/**
 * The disk of one simulated node, under the journal: what was not synced when the power goes may be gone, whole or in
 * part.
 */
export class SimulatedDisk {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #mix: DiskMix;
  readonly #files = new Map<string, StoredFile>();
  #process = 0;
  /** Failures come only while it is set. */
  failing = true;
  /** The next write, or sync, fails, and this share of what it was to bring to the disk is there. */
  failsNext: { readonly call: 'write' | 'sync'; readonly left: number } | undefined;

  constructor(clock: Clock, random: SeededRandom, mix: DiskMix) {
    this.#clock = clock;
    this.#random = random;
    this.#mix = mix;
  }

  /** A file of the journal is being written that is to take the place of another. */
  get isRewriting(): boolean {
    return [...this.#files.keys()].some((path) => path.endsWith('.journal.new'));
  }

  /** The power goes: the process is no more, and of what was not synced a part is left. */
  crash(): void {
    this.#process += 1;
    for (const [path, file] of [...this.#files]) {
      if (!file.isNamed && this.#random.chance(0.5)) {
        this.#files.delete(path);
        const { over, from } = file.renamed ?? {};
        if (over !== undefined) this.#files.set(path, this.#afterCut(over));
        if (from !== undefined) this.#files.set(from, this.#afterCut(file));
      } else this.#afterCut(file);
    }
  }

  #afterCut(file: StoredFile): StoredFile {
    const left = this.#leftOf(file);
    return Object.assign(file, { cached: left, durable: left, ...UNSPOILT, isNamed: true, renamed: undefined });
  }

  /** The files as one process sees them, until the next crash. */
  files(): JournalFiles {
    const process = this.#process;
    const handles: StoredFile[] = [];
    const alive = (): void => {
      if (process !== this.#process) throw fault('SIMULATED_CRASH', 'the process is no more');
    };
    const pause = async (): Promise<void> => {
      alive();
      await sleep(this.#clock, this.#random.fraction() * this.#mix.msMax);
      alive();
    };
    const of = (handle: number): StoredFile => {
      alive();
      const file = handles[handle - 1];
      if (file === undefined) throw failure('EBADF');
      return file;
    };
    return {
      syncWrites: true,
      makeDirectory: async () => alive(),
      list: async (dir) => {
        alive();
        const inside = [...this.#files].filter(([path]) => path.startsWith(`${dir}/`));
        return inside.map(([path, { cached }]) => ({ name: path.slice(dir.length + 1), bytes: cached.byteLength }));
      },
      open: async (path, how) => {
        alive();
        const known = this.#files.get(path);
        if ((known !== undefined) === (how === 'create')) throw failure(known === undefined ? 'ENOENT' : 'EEXIST');
        const empty = Buffer.alloc(0);
        const file = known ?? { cached: empty, durable: empty, ...UNSPOILT, isNamed: false };
        this.#files.set(path, file);
        return handles.push(file);
      },
      size: async (handle) => of(handle).cached.byteLength,
      read: async (handle, into, at) => of(handle).cached.copy(into, 0, at),
      write: async (handle, bytes, at) => {
        await pause();
        const left = this.#takeFailure('write') ?? (this.failing && this.#random.chance(this.#mix.full) ? 0.5 : 1);
        this.#write(of(handle), bytes.subarray(0, Math.floor(bytes.byteLength * left)), at);
        if (left < 1) throw failure('ENOSPC');
        return bytes.byteLength;
      },
      sync: async (handle) => {
        await pause();
        this.#sync(of(handle));
      },
      truncate: async (handle, bytes) => {
        const file = of(handle);
        file.cached = file.cached.subarray(0, bytes);
        file.poisonedTo = Math.min(file.poisonedTo, bytes);
      },
      remove: async (path) => {
        alive();
        this.#files.delete(path);
      },
      rename: async (from, to) => {
        alive();
        const file = this.#files.get(from);
        if (file === undefined) throw failure('ENOENT');
        this.#files.delete(from);
        const renamed = { from, over: this.#files.get(to) };
        this.#files.set(to, Object.assign(file, { isNamed: false, renamed }));
      },
      syncDirectory: async (dir) => {
        await pause();
        for (const [path, file] of this.#files)
          if (path.startsWith(`${dir}/`)) Object.assign(file, { isNamed: true, renamed: undefined });
      },
      close: async () => alive(),
    };
  }

  #write(file: StoredFile, bytes: Buffer, at: number): void {
    const { cached } = file;
    const gap = Buffer.alloc(Math.max(0, at - cached.byteLength));
    file.cached = Buffer.concat([cached.subarray(0, at), gap, bytes, cached.subarray(at + bytes.byteLength)]);
    file.poisonedTo = Math.min(file.poisonedTo, at);
  }

  #takeFailure(call: 'write' | 'sync'): number | undefined {
    const next = this.failsNext;
    if (next?.call !== call) return undefined;
    this.failsNext = undefined;
    return next.left;
  }

  #sync(file: StoredFile): void {
    const share = this.#takeFailure('sync');
    if (share !== undefined || (this.failing && this.#random.chance(this.#mix.syncFails))) {
      const { cached, durable } = file;
      const from = firstDifference(cached, durable);
      file.durable = share === undefined ? this.#leftOf(file) : shareOf(cached, durable, share);
      file.poisonedFrom = from;
      file.poisonedTo = cached.byteLength;
      throw failure('EIO');
    }
    // Neither is ever changed in place, so both may be the same bytes.
    const { cached, durable, poisonedFrom, poisonedTo } = file;
    if (poisonedTo <= poisonedFrom) file.durable = cached;
    else {
      const kept = Buffer.alloc(poisonedTo - poisonedFrom);
      durable.copy(kept, 0, poisonedFrom);
      file.durable = Buffer.concat([cached.subarray(0, poisonedFrom), kept, cached.subarray(poisonedTo)]);
    }
  }

  /** What a power cut leaves: of what was not durable any sector in the middle, and of a tail or a cut any part. */
  #leftOf({ cached, durable }: StoredFile): Buffer {
    const common = Math.min(cached.byteLength, durable.byteLength);
    const sectors: Buffer[] = [];
    for (let from = firstDifference(cached, durable); from < common;) {
      const to = Math.min(common, (Math.floor(from / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      if (sectors.length === 0) sectors.push(cached.subarray(0, from));
      sectors.push((this.#random.chance(0.5) ? cached : durable).subarray(from, to));
      from = to;
    }
    const kept = sectors.length === 0 ? cached.subarray(0, common) : Buffer.concat(sectors);
    if (cached.byteLength <= common)
      return this.#random.chance(0.5) ? Buffer.concat([kept, durable.subarray(common)]) : kept;
    if (this.#random.chance(0.5)) return kept;
    const length = this.#random.integer(common, cached.byteLength);
    return Buffer.concat([kept, cached.subarray(common, length)]);
  }
}

/** A disk writes so many bytes at once or not at all. */
const SECTOR_BYTES = 512;

const firstDifference = (a: Buffer, b: Buffer): number => {
  const length = Math.min(a.byteLength, b.byteLength);
  if (a.compare(b, 0, length, 0, length) === 0) return length;
  let at = 0;
  while (a[at] === b[at]) at += 1;
  return at;
};

/** What is there when so large a share of what differs was brought to the disk, from its begin. */
const shareOf = (cached: Buffer, durable: Buffer, share: number): Buffer => {
  const from = firstDifference(cached, durable);
  const to = from + Math.floor((cached.byteLength - from) * share);
  return Buffer.concat([cached.subarray(0, to), durable.subarray(to)]);
};
