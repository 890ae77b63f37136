import type { Clock } from '../../base/clock.ts';
import {
  SYNC_KEEPER_FAILURES_MAX,
  SYNC_KEEPERS_FORGOTTEN_MS,
  SYNC_KEEPERS_WAIT_MS,
  SYNC_KEEPERS_WAIT_MS_AN_ENTRY,
  SYNC_PEERS_REMEMBERED_MAX,
} from '../../base/limits.ts';
import type { PeerKey } from '../../network/network.ts';

/**
 * How long a node does without what a pruned peer has, for the sake of others that say that they have it whole: whoever
 * only says so must not keep it waiting, under however many connections or keys. It counts from when bodies were first
 * waited for, and begins anew where that was not for a while.
 */
export class Patience {
  readonly #clock: Clock;
  /** Exchanges in a row that brought nothing, of those waited for; also over several connections. */
  readonly #failures = new Map<PeerKey, number>();
  /** The pruned peers that were met while bodies are waited for. */
  readonly #pruned = new Set<PeerKey>();
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #earnedMs = 0;
  #earnedMsMax = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Whether one of these is waited for. `lacks`: entries that the pruned peer has and this node has not; more than were
   * lacking when such a peer was first met earn no time.
   */
  waitsFor(peers: readonly PeerKey[], pruned: PeerKey, lacks: number): boolean {
    if (peers.length === 0) return false;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs > SYNC_KEEPERS_FORGOTTEN_MS) {
      this.#failures.clear();
      this.#pruned.clear();
      [this.#sinceMs, this.#earnedMs, this.#earnedMsMax] = [nowMs, 0, 0];
    }
    this.#lastMs = nowMs;
    if (!this.#pruned.has(pruned) && this.#pruned.size < SYNC_PEERS_REMEMBERED_MAX) {
      this.#pruned.add(pruned);
      this.#earnedMsMax = Math.max(this.#earnedMsMax, lacks * SYNC_KEEPERS_WAIT_MS_AN_ENTRY);
    }
    for (const peer of peers) this.#note(peer, this.#failures.get(peer) ?? 0);
    return (
      nowMs - this.#sinceMs < SYNC_KEEPERS_WAIT_MS + this.#earnedMs &&
      peers.some((peer) => (this.#failures.get(peer) ?? 0) < SYNC_KEEPER_FAILURES_MAX)
    );
  }

  /** An exchange with the peer brought so many entries. */
  gave(peer: PeerKey, entries: number): void {
    if (!this.#failures.has(peer)) return;
    this.#failures.set(peer, 0);
    this.#earnedMs = Math.min(this.#earnedMsMax, this.#earnedMs + entries * SYNC_KEEPERS_WAIT_MS_AN_ENTRY);
  }

  /** It failed, brought nothing though it should have, or went away. */
  failed(peer: PeerKey): void {
    const failures = this.#failures.get(peer);
    if (failures !== undefined) this.#failures.set(peer, failures + 1);
  }

  #note(peer: PeerKey, failures: number): void {
    this.#failures.delete(peer);
    this.#failures.set(peer, failures);
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= SYNC_PEERS_REMEMBERED_MAX) break;
      this.#failures.delete(oldest);
    }
  }
}
