import { fault, HoldfastError, systemCode, textOf } from './errors.ts';
import { DISK_RESERVE_BYTES_MAX, DISK_RESERVE_SHARE } from './limits.ts';

/** What writes to the node's disk, as people see it. */
export type DiskPart = 'ledger' | 'ledger index' | 'databases' | `file ${string}`;

/** `low`: data is refused so that ledger, receipts and deletes still have room. `slow`: whoever writes waits for it. */
export type DiskState = 'ok' | 'slow' | 'low' | 'full' | 'read-only' | 'failing';

/** What the parts that write tell of the disk and ask of it. */
export interface DiskHealth {
  /** Somebody waits until a write is on the disk, whatever becomes of it. Cheap. */
  waits(): void;
  /** The part could not write; it tries again by itself. */
  failed(part: DiskPart, caught: unknown): void;
  /** The part writes (again). Cheap. */
  works(part: DiskPart): void;
  /**
   * Throws `DISK_NO_ROOM` where data of so many bytes must not be taken: the rest of the disk is for ledger, receipts
   * and deletes.
   */
  assertRoom(bytes: number): void;
}

/**
 * How much of a disk of so many bytes is kept free of data where nobody has said it: a twentieth, and at most 256 MiB.
 */
export const reserveOf = (totalBytes: number): number =>
  Math.min(DISK_RESERVE_BYTES_MAX, Math.floor(totalBytes * DISK_RESERVE_SHARE));

/** For parts that stand alone, in tests and tools. */
export const unwatchedDisk: DiskHealth = { waits: () => {}, failed: () => {}, works: () => {}, assertRoom: () => {} };

const FULL = /^(?:ENOSPC|EDQUOT|SQLITE_FULL)/;
const READ_ONLY = /^(?:EROFS|SQLITE_READONLY)/;

/**
 * The operating system's or SQLite's own code of a failure, wherever in its causes it stands; `UNKNOWN` without one.
 */
export const diskCode = (caught: unknown): string => {
  for (let error = caught, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth += 1) {
    if (error instanceof HoldfastError) {
      const { reason, sqlite } = error.data;
      if (typeof reason === 'string') return reason;
      if (typeof sqlite === 'string') return sqlite;
    } else {
      const code = systemCode(error);
      if (code !== undefined) return code;
    }
  }
  return 'UNKNOWN';
};

/** How a disk stands where a write ends with that code. */
export const stateOfCode = (code: string): 'full' | 'read-only' | 'failing' =>
  FULL.test(code) ? 'full' : READ_ONLY.test(code) ? 'read-only' : 'failing';

const NEXT_STEPS: Readonly<Record<Exclude<DiskState, 'ok'>, string>> = {
  slow: 'see what else uses the disk (iostat, iotop), then look after it (smartctl); writes wait for it and are safe',
  low: 'free space on the disk; data is taken again by itself',
  full: 'free space on the disk; writing goes on by itself, reads and queries work meanwhile',
  'read-only': 'see why the file system is read-only (dmesg) and mount it writable; writing goes on by itself',
  failing:
    'check the disk, its mount and its limits (dmesg, smartctl, ulimit); writing goes on by itself once it works',
};

/** What a person does about a disk in that state. */
export const nextStep = (state: DiskState): string | undefined => (state === 'ok' ? undefined : NEXT_STEPS[state]);

/** A failed write as a typed error: `data.reason` has the system's code, the hint the next step. */
export const writeFault = (code: string, what: string, caught: unknown): HoldfastError => {
  const reason = diskCode(caught);
  return fault(code, `${what}: ${textOf(caught)}`, {
    data: { reason },
    hint: NEXT_STEPS[stateOfCode(reason)],
    cause: caught,
  });
};
