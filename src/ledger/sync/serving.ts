import { sleep, type Clock } from '../../base/clock.ts';
import {
  SYNC_PEERS_REMEMBERED_MAX,
  SYNC_REST_MS_MAX,
  SYNC_SERVED_PER_SECOND,
  SYNC_SERVED_SPARE,
} from '../../base/limits.ts';
import type { PeerKey } from '../../network/network.ts';
import type { WantMessage } from './messages.ts';
import type { Holdings } from './state.ts';

/** About how many entries an answer to `want` holds here. */
export const answerCost = ({ ranges, proofs, hashes }: WantMessage, { heads }: Pick<Holdings, 'heads'>): number =>
  ranges.reduce(
    (sum, [author, from, to]) => sum + Math.max(0, Math.min(to, heads.get(author)?.seq ?? 0) - from + 1),
    1 + ranges.length / 16 + 2 * proofs.length + hashes.length,
  );

/** What one peer may still be given at once. */
interface Account {
  left: number;
  /** Entries of the ledger, and the time, when it was last looked at. */
  size: number;
  atMs: number;
}

const mostOf = (size: number): number => 2 * size + SYNC_SERVED_SPARE;

/**
 * How much each peer is given. An honest one needs each entry once, and once more where its disk was lost: so much goes
 * as fast as it can, and every new entry as well. Who wants the same over and over gets it a little at a time, so that
 * others are served meanwhile; also under another connection.
 */
export class Serving {
  readonly #clock: Clock;
  readonly #size: () => number;
  readonly #stopping = new AbortController();
  readonly #accounts = new Map<PeerKey, Account>();

  /** `size`: entries of the ledger, by now. */
  constructor(clock: Clock, size: () => number) {
    this.#clock = clock;
    this.#size = size;
  }

  /** So many entries were sent to the peer: resolves when it may be answered again. Rejects when this ends. */
  async rest(peer: PeerKey, entries: number): Promise<void> {
    const account = this.#of(peer);
    account.left -= entries;
    const restMs = (-account.left / SYNC_SERVED_PER_SECOND) * 1_000;
    if (restMs > 0) await sleep(this.#clock, Math.min(restMs, SYNC_REST_MS_MAX), this.#stopping.signal);
  }

  close(): void {
    this.#stopping.abort(new Error('the node stops'));
  }

  /** The account as it is by now; those that were used last are kept. */
  #of(peer: PeerKey): Account {
    const [atMs, size] = [this.#clock.monotonicMs(), this.#size()];
    const known = this.#accounts.get(peer) ?? { left: mostOf(size), size, atMs };
    const gained = ((atMs - known.atMs) / 1_000) * SYNC_SERVED_PER_SECOND + Math.max(0, size - known.size);
    const account = { left: Math.min(mostOf(size), known.left + gained), size, atMs };
    this.#accounts.delete(peer);
    this.#accounts.set(peer, account);
    for (const oldest of this.#accounts.keys()) {
      if (this.#accounts.size <= SYNC_PEERS_REMEMBERED_MAX) break;
      this.#accounts.delete(oldest);
    }
    return account;
  }
}
