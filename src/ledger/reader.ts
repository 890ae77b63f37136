import { fault } from '../base/errors.ts';
import { LEDGER_FOLLOW_ENTRIES_MAX, LEDGER_READ_BYTES_MAX, SYNC_BATCH_BYTES_MAX } from '../base/limits.ts';
import { withoutBody } from '../entry/entry.ts';
import type { Chains } from './chain.ts';
import type { Place } from './place.ts';
import type { Cursor, HeldEntry, LogPiece } from './ledger.ts';
import type { RecentEntries } from './recent.ts';
import type { EntryStore } from './store.ts';

/** Where entries are read from: memory first, then the store. */
export interface ReaderPorts {
  readonly chains: Chains;
  readonly recent: RecentEntries;
  readonly store: EntryStore;
  /** Whether the entry's own signature is known not to hold. */
  isBadlySigned(cursor: Cursor): boolean;
  /** Whether the body is erased: it may still be on the disk. */
  isErased(hash: string): boolean;
}

/** Bounded reads of what is held. What turns out to be damaged on disk is taken out of the chains and never served. */
export class Reader {
  readonly #ports: ReaderPorts;

  constructor(ports: ReaderPorts) {
    this.#ports = ports;
  }

  async follow(cursor: Cursor, limit: number, source?: 'stored'): Promise<readonly HeldEntry[]> {
    const { chains, store } = this.#ports;
    const most = Math.min(limit, LEDGER_FOLLOW_ENTRIES_MAX);
    for (let at = Math.max(0, cursor); at < chains.size && most > 0;) {
      const places: Place[] = [];
      for (let bytes = 0; at < chains.size && places.length < most; at += 1) {
        const place = chains.at(at);
        if (place === undefined) continue;
        bytes += store.bytesOf(place);
        if (places.length > 0 && bytes > LEDGER_READ_BYTES_MAX) break;
        places.push(place);
      }
      const held = await this.read(places, source);
      if (held.length > 0) return held;
    }
    return [];
  }

  async logs(pieces: readonly LogPiece[]): Promise<readonly (readonly HeldEntry[])[]> {
    const wanted = pieces.map((piece) => this.#placesOf(piece));
    const held = new Map((await this.read(wanted.flat())).map((entry) => [entry.cursor, entry]));
    return wanted.map((places) => {
      const gap = places.findIndex(({ cursor }) => !held.has(cursor));
      return (gap === -1 ? places : places.slice(0, gap)).flatMap(({ cursor }) => held.get(cursor) ?? []);
    });
  }

  #placesOf({ author, fromSeq, bytes }: LogPiece): readonly Place[] {
    const { chains, store } = this.#ports;
    const most = Math.min(bytes, LEDGER_READ_BYTES_MAX);
    const places: Place[] = [];
    let total = 0;
    for (let seq = Math.max(1, fromSeq); ; seq += 1) {
      const place = chains.entry(author, seq);
      if (place === undefined) break;
      total += store.bytesOf(place);
      if (places.length > 0 && total > most && !this.#needsVoucher(places, total)) break;
      places.push(place);
    }
    return places;
  }

  async byHash(hash: string): Promise<HeldEntry | undefined> {
    const place = this.#ports.chains.get(hash);
    return place === undefined ? undefined : (await this.read([place]))[0];
  }

  async byPolicy(id: string): Promise<readonly HeldEntry[]> {
    const places = this.#ports.chains.policy(id);
    const bytes = places.reduce((sum, place) => sum + this.#ports.store.bytesOf(place), 0);
    if (bytes > LEDGER_READ_BYTES_MAX)
      throw fault('LEDGER_READ_OVERSIZE', `policy ${id} has ${places.length} entries of ${bytes} bytes in all`, {
        data: { id, entries: places.length, bytes },
      });
    return this.read(places);
  }

  /** Those that can be read, in order. */
  async read(places: readonly Place[], source?: 'stored'): Promise<readonly HeldEntry[]> {
    const { chains, recent, store } = this.#ports;
    const cached = places.map((place) => (source === 'stored' ? undefined : recent.get(place.cursor)));
    if (cached.every((held) => held !== undefined)) return cached;
    const fromStore = places.filter((_, at) => cached[at] === undefined);
    const read = await store.read(fromStore);
    const byCursor = new Map<Cursor, HeldEntry>();
    for (const [at, place] of fromStore.entries()) {
      const held = read[at];
      if (held !== undefined) byCursor.set(place.cursor, held);
      else if (chains.at(place.cursor)?.hash === place.hash) chains.setAside(place.cursor);
    }
    return places.flatMap((place, at) => this.#given(cached[at] ?? byCursor.get(place.cursor)));
  }

  #given(held: HeldEntry | undefined): readonly HeldEntry[] {
    if (held === undefined) return [];
    return [this.#ports.isErased(held.entry.hash) ? { ...held, entry: withoutBody(held.entry) } : held];
  }

  /** A run that ends in a badly signed entry proves nothing: it goes on to the one that vouches, within a bound. */
  #needsVoucher(places: readonly Place[], bytes: number): boolean {
    const last = places.at(-1);
    return last !== undefined && bytes <= 1.5 * SYNC_BATCH_BYTES_MAX && this.#ports.isBadlySigned(last.cursor);
  }
}
