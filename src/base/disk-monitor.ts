import { access, constants, statfs } from 'node:fs/promises';
import type { Clock } from './clock.ts';
import { type DiskProbe, diskProbe } from './disk-probe.ts';
import { DiskSpeed } from './disk-speed.ts';
import { type DiskHealth, type DiskPart, type DiskState, diskCode, nextStep, reserveOf, stateOfCode } from './disk.ts';
import { fault, textOf } from './errors.ts';
import type { Resource } from './lifecycle.ts';
import { DISK_FULL_BYTES, DISK_LOOK_MS } from './limits.ts';
import type { Logger } from './log.ts';

/** What the monitor asks of the operating system. */
export interface DiskFiles {
  /**
   * Of the file system that holds the directory, bytes; `free` is what this process may still take, which is less than
   * what is not `used`. `inodes`: undefined where it does not count them.
   */
  space(dir: string): Promise<{
    readonly free: number;
    readonly used: number;
    readonly total: number;
    readonly inodes: number | undefined;
  }>;
  /** Rejects where the directory cannot be written to (`EROFS`, `EACCES` …). */
  mayWrite(dir: string): Promise<void>;
  /** A file of the directory to see how fast the disk is; nothing is opened yet. */
  probe(dir: string): DiskProbe;
}

/** The system's own view. */
export const systemDiskFiles: DiskFiles = {
  async space(dir) {
    const { bavail, bfree, blocks, bsize, files, ffree } = await statfs(dir);
    return {
      ...{ free: bavail * bsize, used: (blocks - bfree) * bsize, total: blocks * bsize },
      inodes: files > 0 ? ffree : undefined,
    };
  },
  mayWrite: (dir) => access(dir, constants.W_OK),
  probe: diskProbe,
};

/** A write that failed. */
export interface DiskError {
  readonly part: DiskPart;
  /** The system's own code: `ENOSPC`, `EROFS`, `EIO`, `SQLITE_FULL` … */
  readonly code: string;
  readonly text: string;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
}

/** How the disk of the node's files is, for people and for `get status`. */
export interface DiskStatus {
  readonly state: DiskState;
  /** Wall clock at which the state began. */
  readonly sinceMs: number;
  /** Bytes that this user may still write; undefined where the system does not say. */
  readonly freeBytes: number | undefined;
  readonly totalBytes: number | undefined;
  /** Below so many free bytes no data is taken. */
  readonly reserveBytes: number;
  /** Why it is not `ok`. */
  readonly cause: string | undefined;
  readonly nextStep: string | undefined;
  /** The newest failed write, also when it is over. */
  readonly lastError: DiskError | undefined;
}

/** How much is kept free of data: so many bytes, or a share of the disk. */
export type DiskReserve = { readonly bytes: number } | { readonly share: number };

/** Whose disk is watched, and how much of it is kept free. */
export interface DiskMonitorOptions {
  /** All of the node's files. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly files?: DiskFiles;
  /** Default: a twentieth of the disk, and at most 256 MiB. */
  readonly reserve?: DiskReserve | undefined;
}

interface Measured {
  readonly free: number | undefined;
  readonly total: number | undefined;
  readonly state: DiskState;
  readonly cause: string | undefined;
}

/** Inodes below which no new file can be counted on. */
const INODES_MIN = 16;

/** Watches the disk of a node: looks at its space, and hears from the parts how their writes end. */
export class DiskMonitor implements DiskHealth, Resource {
  readonly #options: DiskMonitorOptions;
  readonly #failing = new Map<DiskPart, DiskError>();
  readonly #speed: DiskSpeed;
  #measured: Measured = { free: undefined, total: undefined, state: 'ok', cause: undefined };
  /** Data taken since the last look, which that look did not see. */
  #taken = 0;
  #lastError: DiskError | undefined;
  #state: DiskState = 'ok';
  #sinceMs: number;
  #cancel: () => void = () => {};
  #closed = false;

  private constructor(options: DiskMonitorOptions) {
    const { dir, clock, files = systemDiskFiles } = options;
    this.#options = options;
    this.#speed = new DiskSpeed(clock, files.probe(dir));
    this.#sinceMs = clock.wallMs();
  }

  /** Looks once, then regularly. */
  static async start(options: DiskMonitorOptions): Promise<DiskMonitor> {
    const monitor = new DiskMonitor(options);
    await monitor.#look();
    return monitor;
  }

  status(): DiskStatus {
    const { free, total } = this.#measured;
    return {
      state: this.#state,
      sinceMs: this.#sinceMs,
      freeBytes: free,
      totalBytes: total,
      reserveBytes: this.#reserve,
      cause: this.#cause(),
      nextStep: nextStep(this.#state),
      lastError: this.#lastError,
    };
  }

  waits(): void {
    this.#speed.ask();
  }

  failed(part: DiskPart, caught: unknown): void {
    const error = { part, code: diskCode(caught), text: textOf(caught), atMs: this.#options.clock.wallMs() };
    this.#failing.set(part, error);
    this.#lastError = error;
    this.#settle();
  }

  works(part: DiskPart): void {
    if (this.#failing.delete(part)) this.#settle();
  }

  assertRoom(bytes: number): void {
    this.waits();
    const { free } = this.#measured;
    // Content lies on the disk as rows and in the archive, and passes through SQLite's log.
    const left = (free ?? Number.POSITIVE_INFINITY) - 2 * (this.#taken + bytes);
    if (left >= this.#reserve) {
      this.#taken += bytes;
      return;
    }
    throw fault(
      'DISK_NO_ROOM',
      `the disk has ${sized(free ?? 0)} free; ${sized(this.#reserve)} are kept for the ledger`,
      {
        data: { free, reserve: this.#reserve, bytes },
        hint: nextStep('low') ?? '',
      },
    );
  }

  /** Waits for a write under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#speed.close();
  }

  get #reserve(): number {
    const { reserve } = this.#options;
    if (reserve !== undefined && 'bytes' in reserve) return reserve.bytes;
    const total = this.#measured.total ?? 0;
    return reserve === undefined ? reserveOf(total) : Math.floor(total * reserve.share);
  }

  async #look(): Promise<void> {
    this.#taken = 0;
    this.#measured = await this.#measure();
    if (this.#closed) return;
    // The last room of a full disk is not for tries.
    if (this.#measured.state === 'ok')
      this.#speed.look(() => {
        if (!this.#closed) this.#settle();
      });
    this.#settle();
    this.#cancel = this.#options.clock.after(DISK_LOOK_MS, () => void this.#look());
  }

  async #measure(): Promise<Measured> {
    const { dir, files = systemDiskFiles } = this.#options;
    try {
      const { free, total, inodes } = await files.space(dir);
      const space = { free, total };
      this.#measured = { ...this.#measured, ...space };
      await files.mayWrite(dir);
      if (inodes !== undefined && inodes < INODES_MIN) return { ...space, state: 'full', cause: 'no inodes are left' };
      if (free < DISK_FULL_BYTES) return { ...space, state: 'full', cause: `${sized(free)} are free` };
      if (free < this.#reserve) return { ...space, state: 'low', cause: `${sized(free)} are free, below the reserve` };
      return { ...space, state: 'ok', cause: undefined };
    } catch (caught) {
      const { free, total } = this.#measured;
      return { free, total, state: stateOfCode(diskCode(caught)), cause: textOf(caught) };
    }
  }

  /** What the system says explains more than what a write ended with: it comes first. */
  #settle(): void {
    const { state: measured } = this.#measured;
    const reported = [...this.#failing.values()].map(({ code }) => stateOfCode(code));
    const failing =
      measured !== 'ok' && measured !== 'low'
        ? measured
        : (SEVERITY.find((candidate) => reported.includes(candidate)) ?? measured);
    const state = failing === 'ok' && this.#speed.cause !== undefined ? 'slow' : failing;
    if (state === this.#state) return;
    const before = this.#state;
    this.#state = state;
    this.#sinceMs = this.#options.clock.wallMs();
    this.#tell(before);
  }

  #tell(before: DiskState): void {
    const { log } = this.#options;
    const { state, cause, nextStep: next } = this.status();
    if (state === 'ok') log.info('the disk is well again', { before });
    else log.error(`the disk is ${state}: ${cause ?? ''}`, { next });
  }

  #cause(): string | undefined {
    if (this.#state === 'slow') return this.#speed.cause;
    if (this.#state === this.#measured.state) return this.#measured.cause;
    const error = [...this.#failing.values()].find(({ code }) => stateOfCode(code) === this.#state);
    return error && `${error.part}: ${error.text}`;
  }
}

const SEVERITY = ['read-only', 'full', 'failing'] as const;

/** Bytes for people: `1.5 GB`. */
export const sized = (bytes: number): string => {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1_000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.floor(value)} ${units[power] ?? ''}`;
};
