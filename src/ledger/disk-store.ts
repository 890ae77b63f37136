import type { Clock } from '../base/clock.ts';
import type { DiskHealth } from '../base/disk.ts';
import { asFault, type HoldfastError } from '../base/errors.ts';
import { DISK_RETRY_MAX_MS, DISK_RETRY_MIN_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { parseErasable } from '../entry/check.ts';
import type { Entry } from '../entry/entry.ts';
import { BodyChanges } from './body-changes.ts';
import { logDamaged } from './damaged-lines.ts';
import { type Place, placeOf } from './place.ts';
import type { PlaceTable } from './place-table.ts';
import type { IndexRecord } from './index-record.ts';
import type { LedgerIndex } from './index.ts';
import { decodeLine, encodeLine, identifyLine, linesOf, reviveEntry } from './journal-line.ts';
import type { Journal } from './journal.ts';
import type { Position } from './journal-files.ts';
import { KnownLines } from './known-lines.ts';
import type { Cursor, DamagedLine, HeldEntry } from './ledger.ts';
import { OneByOne } from '../base/one-by-one.ts';
import type { EntryStore, PlacedBody, SignatureMark } from './store.ts';
import { Retry } from '../base/retry.ts';

/** Lines that are checked, and go into the index, in one go at a start. */
const SCAN_SLICE = 256;

/** What a store on a disk is made of: journal and index, opened already. */
export interface DiskStoreParts {
  readonly journal: Journal;
  /** Undefined where level could not open: then the journal is read into memory. */
  readonly index: LedgerIndex | undefined;
  /** Opens level anew, after it could not be opened or written. */
  readonly openIndex: () => Promise<LedgerIndex>;
  readonly clock: Clock;
  readonly disk: DiskHealth;
  readonly log: Logger;
}

/** Opens what journal and index hold; owns both from then on. */
export const openDiskStore = async (parts: DiskStoreParts): Promise<DiskStore> => {
  const store = new DiskStore(parts);
  await store.load();
  return store;
};

/** Entries in the journal, found by the index. The journal is the truth: the index may be behind it, never ahead. */
export class DiskStore implements EntryStore {
  readonly #parts: DiskStoreParts;
  readonly #indexRetry: Retry;
  #index: LedgerIndex | undefined;
  #lines = new KnownLines();
  readonly #damaged: DamagedLine[] = [];
  /** Of what a start finds damaged, it is told once all is read: its entry may be back in a later line. */
  #isLoaded = false;
  #mark: SignatureMark = { checkedTo: 0, bad: [] };
  #network: string | undefined;
  /** What writes at the end of the journal, and what changes lines that are there. */
  readonly #appends = new OneByOne();
  readonly #changes = new OneByOne();
  readonly #bodies: BodyChanges;

  constructor(parts: DiskStoreParts) {
    this.#parts = parts;
    const pauses = { minMs: DISK_RETRY_MIN_MS, maxMs: DISK_RETRY_MAX_MS };
    this.#indexRetry = new Retry(parts.clock, pauses, () => this.#takeIndexBack());
    this.#use(parts.index);
    this.#bodies = new BodyChanges({
      ...{ journal: parts.journal, appends: this.#appends },
      positions: () => this.#lines.positions,
      beforeSwap: async () => this.#index?.distrustDurably(),
      moved: () => this.#rebuildIndex(),
    });
  }

  get index(): 'level' | 'memory' {
    return this.#index === undefined ? 'memory' : 'level';
  }

  get failure(): HoldfastError | undefined {
    return this.#parts.journal.failure;
  }

  get damaged(): readonly DamagedLine[] {
    return this.#damaged;
  }

  /** Takes up the index, or rebuilds it where it does not fit the journal; then the tail of the journal. */
  async load(): Promise<void> {
    const { log } = this.#parts;
    const index = this.#index;
    const lines = new KnownLines();
    const mark = await index?.load(lines);
    await this.#parts.journal.beginAppends(endOf(mark === undefined ? undefined : lines));
    if (mark !== undefined && (await this.#fits(lines))) {
      this.#mark = mark;
      this.#lines = lines;
      await this.#reportLost();
    } else {
      await index?.clear();
      if (index !== undefined && this.#parts.journal.end.file > 0) log.info('rebuilding the index from the journal');
    }
    await this.#scanTail();
    this.#network = await this.#findNetwork();
    this.#isLoaded = true;
  }

  places(): PlaceTable {
    return this.#lines.places;
  }

  signatureMark(): SignatureMark {
    return this.#mark;
  }

  network(): string | undefined {
    return this.#network;
  }

  /** One after the other, also with what begins a new file. */
  write(entries: readonly HeldEntry[], cursorOf: (hash: string) => Cursor | undefined): Promise<void> {
    return this.#appends.take(() => this.#write(entries, cursorOf));
  }

  async #write(entries: readonly HeldEntry[], cursorOf: (hash: string) => Cursor | undefined): Promise<void> {
    const lines = entries.map(({ entry, receivedMs }) => encodeLine(entry.raw, receivedMs, entry.archived));
    this.#parts.disk.waits();
    const positions = await this.#parts.journal.append(lines);
    const cursor = this.#lines.positions.length;
    for (const position of positions) this.#lines.positions.push(position);
    const index = this.#index;
    if (index === undefined) return;
    const records = entries.flatMap(({ entry, cursor: at }, number) => {
      const position = positions[number];
      return position === undefined ? [] : [{ position, place: placeOf(entry, at) }];
    });
    index.add(cursor, records, cursorOf);
  }

  reopen(): Promise<void> {
    return this.#appends.take(() => this.#parts.journal.reopen());
  }

  async read(places: readonly Place[]): Promise<readonly (HeldEntry | undefined)[]> {
    const held = await this.#readLines(places);
    const open = places.filter((_, at) => held[at] === undefined);
    if (open.length === 0) return held;
    // A line that is being overwritten is half the one and half the other: it is read once more beside nothing of the
    // kind.
    const again = await this.#parts.journal.besideNoOverwrite(() => this.#readLines(open));
    const found = new Map(open.map((place, at) => [place, again[at]]));
    for (const [place, entry] of found) {
      if (entry !== undefined) continue;
      this.#report(this.#lines.positions.at(place.cursor), place);
      this.#index?.distrust();
    }
    return places.map((place, at) => held[at] ?? found.get(place));
  }

  async #readLines(places: readonly Place[]): Promise<readonly (HeldEntry | undefined)[]> {
    const positions = places.flatMap(({ cursor }) => this.#lines.positions.at(cursor) ?? []);
    const lines = await this.#parts.journal.read(positions);
    return places.map((place, at) => {
      const bytes = lines[at];
      const line = bytes === undefined ? undefined : decodeLine(bytes);
      const entry = line === undefined ? undefined : reviveEntry(line, place.hash);
      if (line === undefined || entry === undefined) return undefined;
      return { entry, cursor: place.cursor, receivedMs: line.receivedMs };
    });
  }

  eraseBodies(places: readonly Place[]): Promise<void> {
    return this.#changes.take(() => this.#bodies.erase(places));
  }

  archiveBodies(places: readonly Place[], signal?: AbortSignal): Promise<number> {
    return this.#changes.take(() => this.#bodies.archive(places, signal));
  }

  async restoreBodies(bodies: readonly PlacedBody[], signal?: AbortSignal): Promise<void> {
    await this.#changes.take(() => this.#bodies.restore(bodies, signal));
  }

  /** After the journal was rewritten: what the index says of its lines is out of date, and it knows that. */
  async #rebuildIndex(): Promise<void> {
    const index = this.#index;
    if (index === undefined) return;
    this.#index = undefined;
    try {
      await this.#bringUpToDate(index);
    } catch (caught) {
      await index.close().catch(() => {});
      this.#parts.disk.failed('ledger index', caught);
      this.#use(undefined);
    }
  }

  bytesOf({ cursor }: Place): number {
    return this.#lines.positions.lengthOf(cursor);
  }

  saveSignatureMark(mark: SignatureMark): void {
    this.#index?.saveMark(mark);
  }

  async close(): Promise<void> {
    await this.#changes.idle();
    await this.#indexRetry.close();
    await this.#parts.journal.close();
    await this.#index?.close();
  }

  /** Level or, where there is none, the look-out for it. */
  #use(index: LedgerIndex | undefined): void {
    this.#index = index;
    if (index === undefined) this.#indexRetry.start();
    else
      index.onFailure = (failure) => {
        this.#parts.disk.failed('ledger index', failure);
        this.#indexRetry.start();
      };
  }

  /** Opens level again and brings it up to date with the journal; then each write goes there too. */
  async #takeIndexBack(): Promise<void> {
    const { disk, log } = this.#parts;
    const outdated = this.#index;
    this.#index = undefined;
    await outdated?.close().catch(() => {});
    try {
      const index = await this.#parts.openIndex();
      await this.#bringUpToDate(index).catch(async (caught: unknown) => {
        await index.close().catch(() => {});
        throw caught;
      });
    } catch (caught) {
      disk.failed('ledger index', caught);
      throw caught;
    }
    disk.works('ledger index');
    log.info('the index of the ledger is written again');
  }

  async #bringUpToDate(index: LedgerIndex): Promise<void> {
    let known = new KnownLines();
    const isRead = (await index.load(known)) !== undefined;
    if (!isRead || !(await this.#fits(known))) {
      await index.clear();
      known = new KnownLines();
    }
    for (let cursor = known.positions.length; cursor < this.#lines.positions.length;) {
      const positions = this.#ofOneFile(cursor, SCAN_SLICE);
      const lines = await this.#parts.journal.read(positions);
      const from = cursor;
      const records = positions.map((position, at) => recordOf(lines[at], position, from + at));
      for (const record of records) known.add(record);
      index.add(cursor, records, (hash) => known.places.cursorOf(hash));
      cursor += positions.length;
    }
    if (index.failure !== undefined) throw index.failure;
    // In the turn in which it knows every line: the next one is given to it when it is written.
    this.#use(index);
  }

  /** Where the lines from the cursor on lie, as far as they are in its file. */
  #ofOneFile(cursor: Cursor, limit: number): readonly Position[] {
    const positions: Position[] = [];
    for (let at = cursor; at < cursor + limit; at += 1) {
      const position = this.#lines.positions.at(at);
      if (position === undefined || position.file !== (positions[0] ?? position).file) break;
      positions.push(position);
    }
    return positions;
  }

  /** The lines that cannot be read, of which the index knows. */
  async #reportLost(): Promise<void> {
    const { lost } = this.#lines;
    const lines = await this.#parts.journal.read(lost);
    for (const [at, position] of lost.entries()) this.#report(position, identifyLine(lines[at] ?? Buffer.alloc(0)));
  }

  /** Whether the index is of this journal: the last line that it knows is there. */
  async #fits({ positions, last: known }: KnownLines): Promise<boolean> {
    const last = positions.at(positions.length - 1);
    if (last === undefined) return true;
    const { end } = this.#parts.journal;
    const { file, offset, length } = last;
    if (file > end.file || (file === end.file && offset + length > end.offset)) return false;
    if (known === undefined) return true;
    const [bytes] = await this.#parts.journal.read([known.position]);
    const line = bytes === undefined ? undefined : decodeLine(bytes);
    return line !== undefined && reviveEntry(line, known.hash) !== undefined;
  }

  /** Reads the lines that the index does not know, checks each in full, and gives them to the index. */
  async #scanTail(): Promise<void> {
    const { journal } = this.#parts;
    const index = this.#index;
    const { places } = this.#lines;
    const from = endOf(this.#lines);
    for (const file of journal.files().filter((number) => number >= from.file)) {
      const start = file === from.file ? from.offset : 0;
      const bytes = await journal.readFrom(file, start);
      if (bytes.byteLength === 0) continue;
      let records: IndexRecord[] = [];
      const flush = (): void => {
        index?.add(this.#lines.positions.length - records.length, records, (hash) => places.cursorOf(hash));
        records = [];
      };
      for (const { offset, line } of linesOf(bytes)) {
        const position = { file, offset: start + offset, length: line.byteLength + 1 };
        records.push(this.#check(line, position));
        if (records.length < SCAN_SLICE) continue;
        flush();
        await new Promise((resolve) => setImmediate(resolve));
      }
      flush();
    }
  }

  #check(bytes: Buffer, position: Position): IndexRecord {
    const record = recordOf(bytes, position, this.#lines.positions.length);
    this.#lines.add(record);
    if (record.place === undefined) this.#report(position, identifyLine(bytes));
    return record;
  }

  #report(
    position: Position | undefined,
    known: { author?: string | undefined; seq?: number | undefined } | undefined,
  ): void {
    if (position === undefined) return;
    const file = this.#parts.journal.path(position.file);
    if (this.#damaged.some((line) => line.file === file && line.offset === position.offset)) return;
    const line = { file, offset: position.offset, author: known?.author, seq: known?.seq };
    this.#damaged.push(line);
    if (this.#isLoaded) logDamaged(this.#parts.log, line);
  }

  async #findNetwork(): Promise<string | undefined> {
    const { places } = this.#lines;
    for (let cursor = 0; cursor < places.size; cursor += 1) {
      const place = places.at(cursor);
      if (place === undefined) continue;
      const [held] = await this.read([place]);
      if (held !== undefined) return held.entry.header.op === 'genesis' ? held.entry.hash : held.entry.header.net;
    }
    return undefined;
  }
}

/** Just after the last line that is known. */
const endOf = (lines: KnownLines | undefined): { readonly file: number; readonly offset: number } => {
  const last = lines?.positions.at(lines.positions.length - 1);
  return { file: last?.file ?? 0, offset: last === undefined ? 0 : last.offset + last.length };
};

/** What the index keeps of a line, checked in full. */
const recordOf = (bytes: Buffer | undefined, position: Position, cursor: Cursor): IndexRecord => {
  const entry = bytes === undefined ? undefined : checkedEntry(bytes);
  return { position, place: entry === undefined ? undefined : placeOf(entry, cursor) };
};

const checkedEntry = (bytes: Buffer): Entry | undefined => {
  const line = decodeLine(bytes);
  if (line === undefined) return undefined;
  try {
    return parseErasable(line.raw);
  } catch (caught) {
    asFault(caught);
    return undefined;
  }
};
