import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCode } from '../../src/base/errors.ts';

/** A place for the files of a node that can be made to refuse writes, and to take them again. */
export interface SmallDisk {
  readonly dir: string;
  /** To be put before the node's command. */
  readonly through: readonly string[];
  /** Takes every free byte. */
  fill(): void;
  free(): void;
  readOnly(): void;
  writable(): void;
  close(): void;
}

const mount = (...args: string[]): void => void execFileSync('mount', args, { stdio: 'ignore' });

/** Whether this user may mount a file system here. */
const mayMount = (): boolean => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-mount-'));
  try {
    mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir);
    execFileSync('umount', [dir]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

/**
 * What stands for a disk in this run: a real one in memory or, where none may be mounted, a directory without write
 * permission.
 */
export const DISK_KIND = mayMount() ? 'a real file system of a few MB' : 'a directory without write permission';
export const IS_REAL_DISK = DISK_KIND.startsWith('a real');

/** A new one, empty. */
export const createSmallDisk = (megabytes: number): SmallDisk => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  return IS_REAL_DISK ? mountedDisk(dir, megabytes) : closedDirectory(dir);
};

const mountedDisk = (dir: string, megabytes: number): SmallDisk => {
  mount('-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', dir);
  const filler = join(dir, 'filler');
  return {
    dir,
    through: [],
    fill() {
      const handle = openSync(filler, 'a');
      try {
        const zeros = Buffer.alloc(65_536);
        while (writeSync(handle, zeros) > 0);
      } catch (caught) {
        if (systemCode(caught) !== 'ENOSPC') throw caught;
      } finally {
        closeSync(handle);
      }
      if (statfsSync(dir).bavail > 0) throw new Error('the disk is not full');
    },
    free: () => unlinkSync(filler),
    readOnly: () => mount('-o', 'remount,ro', dir),
    writable: () => mount('-o', 'remount,rw', dir),
    close() {
      execFileSync('umount', [dir]);
      rmSync(dir, { recursive: true });
    },
  };
};

const closedDirectory = (dir: string): SmallDisk => {
  const allow = (change: string) => () => void execFileSync('chmod', ['-R', change, dir]);
  const [refuse, take] = [allow('a-w'), allow('u+w')];
  const noOverride = '-dac_override,-dac_read_search';
  return {
    dir,
    // Root may write anywhere unless it gives that up.
    through: process.getuid?.() === 0 ? ['setpriv', `--bounding-set=${noOverride}`, `--inh-caps=${noOverride}`] : [],
    ...{ fill: refuse, free: take, readOnly: refuse, writable: take },
    close() {
      take();
      rmSync(dir, { recursive: true });
    },
  };
};
