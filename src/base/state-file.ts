import { basename, dirname } from 'node:path';
import type { Clock } from './clock.ts';
import type { DiskHealth } from './disk.ts';
import { textOf } from './errors.ts';
import { hasRoom, writeFileDurably } from './files.ts';
import type { Resource } from './lifecycle.ts';
import { DISK_FULL_BYTES, DISK_RETRY_MAX_MS, DISK_RETRY_MIN_MS } from './limits.ts';
import type { Logger } from './log.ts';
import { OneByOne } from './one-by-one.ts';
import { Retry } from './retry.ts';
import { Trouble } from './trouble.ts';

/** What a small file of a node is written with. */
export interface StateFilePorts {
  readonly clock: Clock;
  readonly disk: DiskHealth;
  readonly log: Logger;
  /** Whether so many bytes are free in a directory. Default: what the system says. */
  readonly hasRoom?: (dir: string, bytes: number) => Promise<boolean>;
}

/**
 * A small file that a node can do without for a while: what the disk does not take is written once it does. The last
 * room of a full disk is not for it: SQLite gives some back when it opens a database, and needs it in the next moment.
 */
export class StateFile implements Resource {
  readonly path: string;
  readonly #disk: DiskHealth;
  readonly #hasRoom: (dir: string, bytes: number) => Promise<boolean>;
  readonly #retry: Retry;
  readonly #trouble: Trouble;
  #content = '';
  /** Two at a time would share the name of the new file. */
  readonly #writes = new OneByOne();

  constructor(path: string, ports: StateFilePorts) {
    this.path = path;
    this.#hasRoom = ports.hasRoom ?? hasRoom;
    this.#disk = ports.disk;
    this.#trouble = new Trouble(ports.log, `${path} is written again`);
    const pauses = { minMs: DISK_RETRY_MIN_MS, maxMs: DISK_RETRY_MAX_MS };
    this.#retry = new Retry(ports.clock, pauses, () => this.#write());
  }

  /**
   * Replaces the file. Resolves when it is durable, or cannot be written now: then it is tried again, with the newest
   * content.
   */
  async keep(content: string): Promise<void> {
    this.#content = content;
    await this.#write().catch(() => this.#retry.start());
  }

  /** No further attempt; resolves when the one that runs has ended. */
  async close(): Promise<void> {
    await this.#retry.close();
    await this.#writes.idle();
  }

  #write(): Promise<void> {
    return this.#writes.take(() => this.#attempt());
  }

  async #attempt(): Promise<void> {
    const part = `file ${basename(this.path)}` as const;
    try {
      if (!(await this.#hasRoom(dirname(this.path), DISK_FULL_BYTES))) throw noRoom();
      await writeFileDurably(this.path, this.#content);
    } catch (caught) {
      this.#disk.failed(part, caught);
      this.#trouble.meets(caught, `${this.path} cannot be written now; it is tried again: ${textOf(caught)}`);
      throw caught;
    }
    this.#disk.works(part);
    this.#trouble.ends();
  }
}

const noRoom = (): Error =>
  Object.assign(new Error(`ENOSPC: less than ${DISK_FULL_BYTES} bytes are free`), { code: 'ENOSPC' });
