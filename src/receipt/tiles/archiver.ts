import { join } from 'node:path';
import { TILES_FILLED_AT_ONCE, TILES_READ_AT_ONCE, TILES_STEP_ENTRIES } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import type { HeldEntry, Ledger } from '../../ledger/ledger.ts';
import type { Checkpoint } from '../checkpoint.ts';
import type { ReceiptEvidence } from '../evidence.ts';
import { originText } from '../origin.ts';
import { EntryFiles } from './entry-files.ts';
import { TileLog } from './tile-log.ts';

/** Where the static files lie, and the ledger and receipts that they are made from. */
export interface ArchiverPorts {
  /** Made where it is missing. */
  readonly dir: string;
  readonly ledger: Pick<Ledger, 'byHash' | 'erased'>;
  readonly evidence: Pick<ReceiptEvidence, 'newest' | 'entries'>;
  readonly log: Logger;
}

/** How far the files of the archive are. */
export interface ArchiverState {
  /** Entries of the published checkpoint, and of the newest one that this node signed. */
  readonly published: number;
  readonly signed: number;
  /** Entries of the log that the node does not hold. */
  readonly absent: number;
  /** Entries without body, erased ones and those whose body is not here. */
  readonly bodiless: number;
  /** Lines that were damaged since the start. */
  readonly damaged: number;
}

interface Opened {
  readonly files: EntryFiles;
  readonly origin: string;
  readonly tiles: TileLog;
}

/**
 * Keeps all entries and the own log of receipts as static files. Everything is found again from the files, so a crash
 * at any moment costs what was being written. One step at a time; its caller sees to that.
 */
export class Archiver {
  readonly #ports: ArchiverPorts;
  #files: EntryFiles | undefined;
  #opened: Opened | undefined;
  /** Leaves of the log whose entries are in the files. */
  #taken = 0;
  /** Entries of the log that could not be read from the ledger. */
  readonly #absent = new Set<string>();
  /** Where the last look for bodies among the missing ones ended. */
  #filled = 0;

  constructor(ports: ArchiverPorts) {
    this.#ports = ports;
  }

  state(): ArchiverState {
    return {
      published: this.#opened?.tiles.size ?? 0,
      signed: this.#ports.evidence.newest()?.size ?? 0,
      absent: this.#absent.size,
      bodiless: this.#files?.bodiless.length ?? 0,
      damaged: this.#files?.damaged ?? 0,
    };
  }

  /** A bounded part of what is to be done; resolves with whether more is. */
  async step(): Promise<boolean> {
    const files = (this.#files ??= await EntryFiles.open(join(this.#ports.dir, 'entries'), this.#ports.log));
    await this.#eraseAll(files);
    const checkpoint = this.#ports.evidence.newest();
    if (checkpoint === undefined) return false;
    const { tiles } = await this.#open(files, checkpoint);
    if (this.#taken < checkpoint.size) {
      const to = Math.min(checkpoint.size, this.#taken + TILES_STEP_ENTRIES);
      await this.#takeUp(files, await this.#ports.evidence.entries(this.#taken, to));
      this.#taken = to;
      return true;
    }
    if (tiles.has(checkpoint)) return this.#fill(files);
    await tiles.advance(checkpoint, async (from, to) =>
      Buffer.concat((await this.#ports.evidence.entries(from, to)).map((hash) => Buffer.from(hash, 'hex'))),
    );
    return !tiles.has(checkpoint);
  }

  /** Each log of receipts that the node begins has a directory of its own; the entries are common to all. */
  async #open(files: EntryFiles, { origin }: Checkpoint): Promise<Opened> {
    const { dir, log } = this.#ports;
    const name = originText(origin);
    if (this.#opened?.origin === name) return this.#opened;
    const tiles = await TileLog.open(join(dir, 'log', origin.incarnation), log);
    this.#opened = { files, origin: name, tiles };
    this.#taken = 0;
    return this.#opened;
  }

  async #takeUp(files: EntryFiles, hashes: readonly string[]): Promise<void> {
    const missing = hashes.filter((hash) => !files.has(hash));
    const held = await this.#held(missing);
    await files.append(held);
    const found = new Set(held.map(({ entry }) => entry.hash));
    for (const hash of missing) if (!found.has(hash)) this.#absent.add(hash);
  }

  async #held(hashes: readonly string[]): Promise<readonly HeldEntry[]> {
    const held: HeldEntry[] = [];
    for (let at = 0; at < hashes.length; at += TILES_READ_AT_ONCE) {
      const some = hashes.slice(at, at + TILES_READ_AT_ONCE).map((hash) => this.#ports.ledger.byHash(hash));
      for (const found of await Promise.all(some)) if (found !== undefined) held.push(found);
    }
    return held;
  }

  async #eraseAll(files: EntryFiles): Promise<void> {
    for (const hash of this.#ports.ledger.erased()) if (files.hasBody(hash)) await files.erase(hash);
  }

  /** Bodies that were not here may have come; some are looked for each time. */
  async #fill(files: EntryFiles): Promise<boolean> {
    const erased = new Set(this.#ports.ledger.erased());
    const missing = files.bodiless.filter((hash) => !erased.has(hash));
    const from = this.#filled < missing.length ? this.#filled : 0;
    const some = missing.slice(from, from + TILES_FILLED_AT_ONCE);
    this.#filled = from + some.length;
    const come = await this.#held([...this.#absent].slice(0, TILES_FILLED_AT_ONCE));
    await files.append(come);
    for (const { entry } of come) this.#absent.delete(entry.hash);
    let filled = come.length;
    for (const held of await this.#held(some)) {
      if (held.entry.bodiless === true) continue;
      await files.fill(held);
      filled += 1;
    }
    return filled > 0;
  }
}
