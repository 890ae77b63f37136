import { systemClock, type Clock } from '../base/clock.ts';
import { fault, type HoldfastError } from '../base/errors.ts';
import { silentLogger, type Logger } from '../base/log.ts';
import { systemRandom, type Random } from '../base/random.ts';
import { parseEntry } from '../entry/check.ts';
import { archivedEntry, withoutBody } from '../entry/entry.ts';
import { signingKeyFromSeed } from '../entry/keys.ts';
import { ed25519, type Signatures } from '../entry/signatures.ts';
import { placeOf, type Place } from './place.ts';
import { PlaceTable } from './place-table.ts';
import type { DamagedLine, HeldEntry, Ledger } from './ledger.ts';
import { rawBytes } from './own-bytes.ts';
import type { EntryStore, PlacedBody, SignatureMark } from './store.ts';
import { openStoredLedger, type StoredLedger } from './stored-ledger.ts';

/** What survives a crash: give it to the next `createMemoryLedger`, as one would open the same directory again. */
export interface MemoryDisk {
  readonly durable: HeldEntry[];
  mark: SignatureMark;
  /** What could not be read when the disk was opened. */
  readonly damaged?: readonly DamagedLine[];
  /** While set, each write fails with it. */
  failure?: HoldfastError | undefined;
}

/** One that nothing was written to yet. */
export const createMemoryDisk = (): MemoryDisk => ({ durable: [], mark: { checkedTo: 0, bad: [] } });

/** What a ledger in memory begins with; nothing has to be said. */
export interface MemoryLedgerOptions {
  /** 32 bytes; random where left out. */
  readonly seed?: Uint8Array;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  /** Empty where left out. */
  readonly disk?: MemoryDisk;
  /** How long a write takes until it is durable; a crash before that loses it. Default: at once. */
  readonly syncMs?: number;
  /** Default: real ones. */
  readonly signatures?: Signatures;
}

/** A ledger without a disk, for simulations and tests. */
export interface MemoryLedger extends Ledger, Pick<StoredLedger, 'bodies'> {
  readonly disk: MemoryDisk;
  /** Ends at once, as a power cut does: what is not durable is gone, whoever waits gets `LEDGER_CLOSED`. */
  crash(): void;
}

/** Opens a ledger on a disk in memory: empty, or with what an earlier one left there. */
export const createMemoryLedger = async (options: MemoryLedgerOptions = {}): Promise<MemoryLedger> => {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const disk = options.disk ?? createMemoryDisk();
  const store = new MemoryStore(disk, clock, options.syncMs);
  const key = signingKeyFromSeed(options.seed ?? random.bytes(32));
  const ledger = await openStoredLedger({
    key,
    clock,
    random,
    log: options.log ?? silentLogger,
    store,
    useThreadPool: false,
    signatures: options.signatures ?? ed25519,
  });
  return Object.assign(ledger, { disk, crash: () => store.crash() });
};

class MemoryStore implements EntryStore {
  readonly index = 'memory';
  readonly damaged: readonly DamagedLine[];
  readonly #disk: MemoryDisk;
  readonly #clock: Clock;
  readonly #syncMs: number | undefined;
  #crash: (() => void) | undefined;
  #crashed = false;
  /** Of the last write; ended by `reopen`. */
  failure: HoldfastError | undefined;

  constructor(disk: MemoryDisk, clock: Clock, syncMs: number | undefined) {
    this.#disk = disk;
    this.damaged = disk.damaged ?? [];
    this.#clock = clock;
    this.#syncMs = syncMs;
  }

  places(): PlaceTable {
    const places = new PlaceTable();
    for (const { entry, cursor } of this.#disk.durable) places.add(placeOf(entry, cursor));
    return places;
  }

  signatureMark(): SignatureMark {
    return this.#disk.mark;
  }

  network(): string | undefined {
    const first = this.#disk.durable[0]?.entry;
    return first === undefined ? undefined : first.header.op === 'genesis' ? first.hash : first.header.net;
  }

  async write(entries: readonly HeldEntry[]): Promise<void> {
    if (this.#syncMs !== undefined) await this.#sync(this.#syncMs);
    if (this.#crashed) throw fault('LEDGER_CLOSED', 'the node crashed');
    this.failure ??= this.#disk.failure;
    if (this.failure !== undefined) throw this.failure;
    this.#disk.durable.push(...entries);
  }

  async reopen(): Promise<void> {
    if (this.#disk.failure !== undefined) throw this.#disk.failure;
    this.failure = undefined;
  }

  async read(places: readonly Place[]): Promise<readonly (HeldEntry | undefined)[]> {
    if (this.#crashed) throw fault('LEDGER_CLOSED', 'the node crashed');
    return places.map(({ cursor }) => this.#disk.durable[cursor]);
  }

  async eraseBodies(places: readonly Place[]): Promise<void> {
    if (this.#disk.failure !== undefined) throw this.#disk.failure;
    for (const { cursor } of places) {
      const held = this.#disk.durable[cursor];
      if (held !== undefined) this.#disk.durable[cursor] = { ...held, entry: withoutBody(held.entry) };
    }
  }

  async archiveBodies(places: readonly Place[]): Promise<number> {
    if (this.#disk.failure !== undefined) throw this.#disk.failure;
    let bytes = 0;
    for (const { cursor } of places) {
      const held = this.#disk.durable[cursor];
      if (held === undefined || held.entry.bodiless === true) continue;
      bytes += held.entry.raw.body.byteLength;
      this.#disk.durable[cursor] = { ...held, entry: archivedEntry(held.entry) };
    }
    return bytes;
  }

  async restoreBodies(bodies: readonly PlacedBody[]): Promise<void> {
    if (this.#disk.failure !== undefined) throw this.#disk.failure;
    for (const { place, body } of bodies) {
      const held = this.#disk.durable[place.cursor];
      if (held?.entry.archived !== true) continue;
      this.#disk.durable[place.cursor] = { ...held, entry: parseEntry({ ...held.entry.raw, body }) };
    }
  }

  bytesOf({ cursor }: Place): number {
    const held = this.#disk.durable[cursor];
    return held === undefined ? 0 : rawBytes(held.entry.raw);
  }

  saveSignatureMark(mark: SignatureMark): void {
    if (!this.#crashed) this.#disk.mark = mark;
  }

  crash(): void {
    this.#crashed = true;
    this.#crash?.();
  }

  async close(): Promise<void> {
    this.#crashed = true;
  }

  #sync(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#crash = () => {
        cancel();
        resolve();
      };
    });
  }
}
