import { NUMBERING_LEAP } from '../base/limits.ts';
import type { Holdings } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import type { AskedPeer, ClusterPeer } from './replication.ts';
import type { PullPlanner } from './transfer/state.ts';

/** Where own files are, and who may hold more of them. */
export interface OwnFilesPorts {
  readonly store: Pick<FileStore, 'holdings' | 'origin' | 'numberFrom'>;
  readonly planner: Pick<PullPlanner, 'ownLacking'>;
  /** Operators of other clusters, as the policies are now. */
  readonly foreignPeers: () => readonly ClusterPeer[];
  /** Whether every peer of the cluster said what it holds. */
  readonly comparedAll: () => boolean;
}

/** What is known of own files at the start. */
export interface OwnFilesKept {
  /** Files that were held here before. */
  readonly lost: Holdings;
  /** Own ones may be among them. */
  readonly ownLost: boolean;
  /** The store may be older than what this operator once numbered. */
  readonly older: boolean;
}

/**
 * Whether the own files that others hold are here, so that new ones can be numbered. Where own ones may be lost, the
 * operators of other clusters are asked for them too: this one may have been moved since it gave them, and its former
 * peers may be all that hold them.
 */
export class OwnFiles {
  readonly #ports: OwnFilesPorts;
  readonly #kept: OwnFilesKept;
  readonly #known = Promise.withResolvers<undefined>();
  /** Of other clusters, those that said which own files they hold. */
  readonly #heard = new Set<string>();
  readonly #asksAll: boolean;
  #areKnown = false;

  constructor(ports: OwnFilesPorts, kept: OwnFilesKept) {
    this.#ports = ports;
    this.#kept = kept;
    this.#asksAll = kept.older || kept.ownLost;
    // Where nobody waits for them.
    this.#known.promise.catch(() => {});
  }

  /** Resolves when new files can be numbered. */
  get known(): Promise<undefined> {
    return this.#known.promise;
  }

  /**
   * Operators of other clusters that are asked for own files: until the next start, since what was on its way to one when
   * the files were lost is stored there a moment later.
   */
  get asked(): readonly AskedPeer[] {
    return this.#asksAll ? this.#ports.foreignPeers().map((peer) => ({ ...peer, isForeign: true })) : [];
  }

  /** One of them said what it holds. */
  heard(operator: string): void {
    this.#heard.add(operator);
  }

  /** Looks whether what is waited for has come. `waited`: those who cannot be reached, for long enough. */
  look(waited: boolean): void {
    const { store, planner, comparedAll } = this.#ports;
    if (this.#areKnown || planner.ownLacking(store.holdings()).length > 0) return;
    const heardAll = this.asked.every(({ operator }) => this.#heard.has(operator));
    const isSure = comparedAll() && heardAll;
    if (!isSure && !waited) return;
    if (!isSure && (this.#kept.ownLost || !heardAll)) this.#leapOverLost();
    this.#areKnown = true;
    this.#known.resolve(undefined);
  }

  stop(reason: Error): void {
    this.#known.reject(reason);
  }

  /**
   * Files were lost here, and somebody who may hold own ones does not answer: numbers go on far beyond those that were
   * given, as far as is known, since a number that is held elsewhere with another content would never get there.
   */
  #leapOverLost(): void {
    const { store } = this.#ports;
    const lastOf = (files: Holdings): number => files.get(store.origin)?.at(-1)?.[1] ?? 0;
    store.numberFrom(Math.max(lastOf(this.#kept.lost), lastOf(store.holdings())) + NUMBERING_LEAP);
  }
}
