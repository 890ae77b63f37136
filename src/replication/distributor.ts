import { asFault, fault } from '../base/errors.ts';
import { PULL_RETRY_MIN_MS, TRANSFER_IDLE_MS } from '../base/limits.ts';
import type { Clock } from '../base/clock.ts';
import type { Network } from '../network/network.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import { subtractRanges } from '../operator/ranges.ts';
import type { PeerTally } from './links.ts';
import { PushLine } from './push-line.ts';
import type { ClusterPeer, Distributor, PeerReplication } from './replication.ts';
import type { Outgoing } from './transfer/outgoing.ts';
import { SharedReads } from './shared-reads.ts';
import type { TooLarge } from './transfer/too-large.ts';
import { countFiles, NO_FILES, rangesOf } from './transfer/holdings.ts';
import type { PushTurn } from './transfer/push-window.ts';

/** What is pushed, to whom, and whom to tell of what became of it. */
export interface DistributorPorts {
  readonly network: Network;
  readonly clock: Clock;
  readonly store: FileStore;
  /** Peers that are up. */
  readonly targets: () => readonly ClusterPeer[];
  /** What a peer is known to hold. */
  readonly holdingsOf: (operator: string) => Holdings | undefined;
  /** A peer acknowledged own files. */
  readonly onDelivered: (operator: string, files: FileRanges) => void;
  /** Whether an own file comes back from a peer just now: it is no new one. */
  readonly isReturning: (file: number) => boolean;
  readonly tally: (operator: string) => PeerTally;
  readonly tooLarge: TooLarge;
  readonly outgoing: Outgoing;
  readonly peers: () => readonly PeerReplication[];
  readonly onClose: () => void;
}

/** Pushes each new own file to every peer that is up. What cannot be pushed is left to be pulled. */
export class PushingDistributor implements Distributor {
  readonly #ports: DistributorPorts;
  readonly #lines = new Map<string, PushLine>();
  /** Peers whose line broke: not before this moment again. */
  readonly #restUntilMs = new Map<string, number>();
  readonly #shared: SharedReads;
  readonly #onStored = (records: readonly FileRecord[]): void => this.#offer(records);

  constructor(ports: DistributorPorts) {
    this.#ports = ports;
    this.#shared = new SharedReads(ports.store, () => this.#lines.size > 1);
    ports.store.notices.on('file:stored', this.#onStored);
  }

  peers(): readonly PeerReplication[] {
    return this.#ports.peers();
  }

  /** A peer asks for own files itself: they are not pushed too. */
  drop(operator: string, files: FileRanges): void {
    this.#lines.get(operator)?.drop(files);
  }

  /** Own files that were pushed to a peer and that it has not acknowledged. */
  inFlightTo(operator: string): FileRanges {
    return this.#lines.get(operator)?.inFlight ?? NO_FILES;
  }

  /** A peer is gone. */
  down(operator: string): void {
    this.#lines.get(operator)?.close(fault('NETWORK_CHANNEL_CLOSED', 'the peer is gone'));
    this.#lines.delete(operator);
  }

  async close(): Promise<void> {
    this.#ports.store.notices.off('file:stored', this.#onStored);
    for (const line of this.#lines.values()) line.close(fault('REPLICATION_STOPPED', 'the distributor stops'));
    this.#lines.clear();
    this.#ports.onClose();
  }

  #offer(records: readonly FileRecord[]): void {
    const { store, isReturning, holdingsOf, targets, clock } = this.#ports;
    const fresh = rangesOf(
      records.filter(({ origin, file }) => origin === store.origin && !isReturning(file)).map(({ file }) => file),
    );
    if (fresh.length === 0) return;
    for (const peer of targets()) {
      if ((this.#restUntilMs.get(peer.operator) ?? 0) > clock.monotonicMs()) continue;
      const lacking = subtractRanges(fresh, holdingsOf(peer.operator)?.get(store.origin) ?? NO_FILES);
      if (lacking.length > 0) this.#line(peer).offer(lacking);
    }
  }

  #line(peer: ClusterPeer): PushLine {
    const open = this.#lines.get(peer.operator);
    if (open !== undefined) return open;
    const { network, clock, store, tally, tooLarge, outgoing, onDelivered } = this.#ports;
    const own = tally(peer.operator);
    const read = (turn: PushTurn): Promise<readonly FileCopy[]> => this.#shared.read(turn);
    const line = new PushLine(
      { network, clock, self: store.origin, peer: peer.peer, read, tooLarge, outgoing, idleMs: TRANSFER_IDLE_MS },
      {
        delivered: (files) => {
          own.sent += countFiles([[store.origin, files]]);
          own.lastExchangeMs = clock.wallMs();
          own.pushError = undefined;
          onDelivered(peer.operator, files);
        },
        refused: (text) => (own.pushError = fault('TRANSFER_REFUSED', `${peer.name} refused a file: ${text}`)),
        broken: (caught) => {
          if (this.#lines.get(peer.operator) !== line) return;
          this.#lines.delete(peer.operator);
          this.#restUntilMs.set(peer.operator, clock.monotonicMs() + PULL_RETRY_MIN_MS);
          own.pushError = asFault(caught);
        },
      },
    );
    this.#lines.set(peer.operator, line);
    return line;
  }
}
