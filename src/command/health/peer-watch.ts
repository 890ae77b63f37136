import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import type { Resource } from '../../base/lifecycle.ts';
import { PEER_LOOK_MS, PEER_LOOK_TIMEOUT_MS, PEERS_LOOKED_AT_MAX } from '../../base/limits.ts';
import type { PeerKey } from '../../network/network.ts';

/** What a connected node told of itself. */
export interface PeerView {
  readonly peer: PeerKey;
  /** How far its clock is ahead of this one's; undefined where it does not say. */
  readonly clockAheadMs: number | undefined;
  /** Which parts of an operator run there; undefined where it does not say, or may be about to start them. */
  readonly processes:
    { readonly operator: boolean; readonly distributor: boolean; readonly consumer: boolean } | undefined;
  /** What its operator holds in all; undefined where none runs, or it does not say. */
  readonly held?: { readonly files: number; readonly rows: number } | undefined;
}

/** The part of `get status` that is read here; a node of another version may say less or more. */
const told = z.object({
  time: z.number().optional().catch(undefined),
  running: z
    .object({ operator: z.boolean(), distributor: z.boolean(), consumer: z.boolean() })
    .optional()
    .catch(undefined),
  starting: z.boolean().optional().catch(undefined),
  held: z.object({ files: z.number(), rows: z.number() }).optional().catch(undefined),
});

/** How connected nodes are found and asked how they are. */
export interface PeerWatchPorts {
  readonly clock: Clock;
  /** The connected nodes, those of the own cluster first. */
  connected(): readonly PeerKey[];
  /** The JSON of `get status` of one. */
  ask(peer: PeerKey, timeoutMs: number): Promise<unknown>;
}

/**
 * Asks the connected nodes every few seconds for their time and for what runs there: what no protocol says otherwise,
 * and what nobody notices until it is needed.
 */
export class PeerWatch implements Resource {
  readonly #ports: PeerWatchPorts;
  #views = new Map<PeerKey, PeerView>();
  #cancel: () => void;
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(ports: PeerWatchPorts) {
    this.#ports = ports;
    this.#cancel = ports.clock.after(PEER_LOOK_MS / 2, () => void this.#begin());
  }

  /** As told last; of connected nodes only. */
  views(): readonly PeerView[] {
    const connected = new Set(this.#ports.connected());
    return [...this.#views.values()].filter(({ peer }) => connected.has(peer));
  }

  /** Resolves when what is told is of a moment after the call. */
  async lookNow(): Promise<void> {
    await this.#looking;
    if (!this.#closed) await (this.#looking ?? this.#begin());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
  }

  #begin(): Promise<void> {
    this.#cancel();
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const asked = this.#ports.connected().slice(0, PEERS_LOOKED_AT_MAX);
    const views = await Promise.all(asked.map((peer) => this.#ask(peer)));
    if (this.#closed) return;
    this.#views = new Map(views.flatMap((view) => (view === undefined ? [] : [[view.peer, view]])));
    this.#cancel = this.#ports.clock.after(PEER_LOOK_MS, () => void this.#begin());
  }

  /** Undefined: it does not answer; that it cannot be reached is told elsewhere. */
  async #ask(peer: PeerKey): Promise<PeerView | undefined> {
    const { clock } = this.#ports;
    try {
      const sentMs = clock.monotonicMs();
      const answer = told.safeParse(await this.#ports.ask(peer, PEER_LOOK_TIMEOUT_MS));
      const { time, running, starting, held } = answer.success ? answer.data : {};
      const middleMs = clock.wallMs() - (clock.monotonicMs() - sentMs) / 2;
      const processes = starting === true ? undefined : running;
      return { peer, clockAheadMs: time === undefined ? undefined : time - middleMs, processes, held };
    } catch {
      return undefined;
    }
  }
}
