import { sha256Hex } from '../codec/hash.ts';
import { ERASABLE_OPS } from '../entry/entry.ts';
import type { ArchivedBody } from './archive/port.ts';
import type { Chains } from './chain.ts';
import type { Erasures } from './erasures.ts';
import type { Reader } from './reader.ts';
import type { RecentEntries } from './recent.ts';
import type { EntryStore, PlacedBody } from './store.ts';

/** The parts of the ledger that hold bodies or know of them. */
export interface BodiesPorts {
  readonly chains: Chains;
  readonly recent: RecentEntries;
  readonly store: EntryStore;
  readonly reader: Reader;
  readonly erasures: Erasures;
}

/** Drops bodies that others keep, and takes them back. Which may go is the book's to know. */
export class Bodies {
  readonly #ports: BodiesPorts;

  constructor(ports: BodiesPorts) {
    this.#ports = ports;
  }

  /**
   * Drops the bodies of inserts and updates, for good once it resolves; with the bytes that this frees.
   * `LEDGER_DISK_FAILED`.
   */
  async archive(hashes: readonly string[], signal?: AbortSignal): Promise<number> {
    const { chains, recent, store } = this.#ports;
    const places = hashes.flatMap((hash) => chains.get(hash) ?? []);
    try {
      return await store.archiveBodies(places, signal);
    } finally {
      // Where it fails, a part may have gone.
      for (const { cursor } of places) recent.remove(cursor);
    }
  }

  /**
   * Takes back those that are of entries which are archived here and not erased, as their headers say; resolves with
   * the hashes of these. `LEDGER_DISK_FAILED`.
   */
  async restore(bodies: readonly ArchivedBody[], signal?: AbortSignal): Promise<readonly string[]> {
    const { chains, recent, store, reader, erasures } = this.#ports;
    const given = new Map(bodies.map(({ hash, body }) => [hash, body]));
    const places = [...given.keys()].flatMap((hash) => chains.get(hash) ?? []);
    const placed: PlacedBody[] = [];
    for (const { entry } of await reader.read(places, 'stored')) {
      const [place, body] = [chains.get(entry.hash), given.get(entry.hash)];
      if (place === undefined || body === undefined || entry.archived !== true || !ERASABLE_OPS.has(entry.header.op))
        continue;
      if (erasures.by(entry.hash) === undefined && sha256Hex(body) === entry.header.body) placed.push({ place, body });
    }
    try {
      await store.restoreBodies(placed, signal);
    } finally {
      // Where it fails, a part may be here.
      for (const { place } of placed) recent.remove(place.cursor);
    }
    return placed.map(({ place }) => place.hash);
  }
}
