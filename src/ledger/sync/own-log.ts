import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Network, PeerKey } from '../../network/network.ts';
import type { Ledger } from '../ledger.ts';

export interface OwnLogPorts {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Peers are told to the network soon after the sync is made; without `known()` being called it looks after this. */
const GRACE_MS = 1_000;

/**
 * Decides when this node may append after a start (SPEC §6): when every known peer that can be reached was asked for
 * this node's own log, at once when none is known, and after `timeoutMs` when known ones cannot be reached.
 * A node that joins a network in this run waits for its first exchange, however long that takes.
 */
export class OwnLog {
  readonly #ports: OwnLogPorts;
  readonly #joins: boolean;
  readonly #exchanged = new Set<PeerKey>();
  readonly #asked = new Set<PeerKey>();
  readonly #waiters = new Set<() => void>();
  readonly #cancels: (() => void)[];
  #looked = false;
  #timedOut = false;
  #allowed = false;

  constructor(ports: OwnLogPorts, timeoutMs: number) {
    this.#ports = ports;
    this.#joins = ports.ledger.network === undefined;
    const { clock } = ports;
    this.#cancels = [
      clock.after(GRACE_MS, () => {
        this.#looked = true;
        this.look();
      }),
      clock.after(timeoutMs, () => {
        this.#timedOut = true;
        this.look();
      }),
    ];
  }

  /** Resolves when the node may append; for one without a network also after the time-out, so that nobody hangs. */
  known(signal?: AbortSignal): Promise<void> {
    this.#looked = true;
    this.look();
    if (this.#isDecided()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.delete(done);
        reject(signal?.reason);
      };
      const done = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(done);
    });
  }

  /** An exchange with the peer ended; `whole` when it took in all that the peer holds of this node's log. */
  exchanged(peer: PeerKey, whole: boolean): void {
    this.#asked.add(peer);
    if (whole) this.#exchanged.add(peer);
    this.look();
  }

  /** Looks again: something changed. */
  look(): void {
    if (this.#allowed) return;
    const { ledger, log } = this.#ports;
    if (ledger.network !== undefined && (this.#isAsked() || (!this.#joins && this.#mayGoAlone()))) {
      this.#allowed = true;
      if (!this.#isAsked() && !this.#isAlone())
        log.warn('no known peer could be asked for what this node wrote before; appending goes on without', {
          hint: 'if this directory was restored from a backup, stop the node and start it while a peer is up',
        });
      ledger.allowAppend();
    }
    if (!this.#isDecided()) return;
    for (const done of this.#waiters) done();
    this.#waiters.clear();
    if (this.#allowed) this.close();
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
  }

  #isDecided(): boolean {
    return this.#allowed || (this.#ports.ledger.network === undefined && this.#mayGoAlone());
  }

  #mayGoAlone(): boolean {
    return this.#timedOut || (this.#looked && this.#isAlone());
  }

  #isAlone(): boolean {
    const { network } = this.#ports;
    return network.peers().length === 0 && network.dialStates().every(({ own }) => own);
  }

  #isAsked(): boolean {
    const { network } = this.#ports;
    return (
      this.#exchanged.size > 0 &&
      network.peers().every(({ key }) => this.#asked.has(key)) &&
      network.dialStates().every(({ connected, own, lastError }) => connected || own || lastError !== undefined)
    );
  }
}
