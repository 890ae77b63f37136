import { SYNC_PEERS_REMEMBERED_MAX } from '../../base/limits.ts';
import type { PeerKey } from '../../network/network.ts';
import type { HaveMessage } from './messages.ts';
import { type Holdings, NOTHING, rememberedOf } from './state.ts';
import type { ForeignPeer } from './sync.ts';

/** What is remembered of a peer, also while it is away. */
export interface PeerRecord {
  holdings: Holdings;
  /** News that came since it was last asked: the answer may be older than they are. */
  news: HaveMessage[];
  lastExchangeMs: number | undefined;
  lastError: string | undefined;
  /** Where it was last found to belong to another network. */
  foreign: ForeignPeer | undefined;
  /** Exchanges in a row that failed or brought nothing though they should have. */
  failures: number;
}

/** Records of all peers that are connected, and of the last that were. */
export class PeerRecords {
  readonly #records = new Map<PeerKey, PeerRecord>();

  /** The record, made where there is none. */
  of(peer: PeerKey): PeerRecord {
    let record = this.#records.get(peer);
    if (record === undefined) {
      record = {
        holdings: NOTHING,
        news: [],
        lastExchangeMs: undefined,
        lastError: undefined,
        foreign: undefined,
        failures: 0,
      };
      this.#records.set(peer, record);
    }
    return record;
  }

  entries(): IterableIterator<[PeerKey, PeerRecord]> {
    return this.#records.entries();
  }

  /**
   * A peer went away: its record becomes the youngest of those that may be forgotten, and keeps no more than `mine` is
   * good for.
   */
  away(peer: PeerKey, mine: Holdings, isConnected: (peer: PeerKey) => boolean): void {
    const record = this.#records.get(peer);
    if (record === undefined) return;
    record.holdings = rememberedOf(record.holdings, mine);
    record.news = [];
    this.#records.delete(peer);
    this.#records.set(peer, record);
    const gone = [...this.#records.keys()].filter((key) => !isConnected(key));
    for (const key of gone.slice(0, Math.max(0, gone.length - SYNC_PEERS_REMEMBERED_MAX))) this.#records.delete(key);
  }
}
