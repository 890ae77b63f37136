import type { Clock } from '../../base/clock.ts';
import { LEDGER_OWN_LOG_TIMEOUT_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import type { Network, PeerKey } from '../../network/network.ts';
import type { Ledger } from '../ledger.ts';

/** The ledger that may not append yet, and the network by which peers are known and reached. */
export interface OwnLogPorts {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether a peer has said that it does not let this node in. Default: none has. */
  readonly isRefusedBy?: ((peer: PeerKey) => boolean) | undefined;
}

/** Without `known()` being called it looks after this, and again until the network was told whom to dial. */
const GRACE_MS = 1_000;

/**
 * Decides when this node may append after a start (SPEC §6): when every known peer that can be reached was asked for
 * this node's own log, at once when none is known, and after `LEDGER_OWN_LOG_TIMEOUT_MS` when known ones
 * cannot be reached.
 * A node that joins a network in this run waits for its first exchange, however long that takes.
 */
export class OwnLog {
  readonly #ports: OwnLogPorts;
  readonly #joins: boolean;
  /** The newest own entry that each peer told of, for those asked with success. */
  readonly #told = new Map<PeerKey, number>();
  readonly #asked = new Set<PeerKey>();
  readonly #waiters = new Set<() => void>();
  readonly #cancels: (() => void)[] = [];
  #cancelLook: (() => void) | undefined;
  #looked = false;
  #timedOut = false;
  #timeoutRuns = false;
  #joined = false;
  #joinedLongAgo = false;
  #allowed = false;

  constructor(ports: OwnLogPorts) {
    this.#ports = ports;
    this.#joins = ports.ledger.network === undefined;
    this.#lookSoon();
  }

  /** The time-out counts from when the network was told whom to dial: until then nobody can be asked. */
  #lookSoon(): void {
    const { clock, network } = this.#ports;
    if (network.knowsTargets) {
      this.#timeoutRuns = true;
      this.#cancels.push(
        clock.after(LEDGER_OWN_LOG_TIMEOUT_MS, () => {
          this.#timedOut = true;
          this.look();
        }),
      );
    }
    this.#cancelLook = clock.after(GRACE_MS, () => {
      this.#looked = true;
      this.look();
      if (!this.#allowed && !this.#timeoutRuns) this.#lookSoon();
    });
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

  /** An exchange with the peer ended; `toldSeq`: the newest own entry it holds, 0 for none; undefined: it failed. */
  exchanged(peer: PeerKey, toldSeq: number | undefined): void {
    if (this.#allowed) return;
    this.#asked.add(peer);
    if (toldSeq !== undefined) this.#told.set(peer, toldSeq);
    this.look();
  }

  /** Looks again: something changed. */
  look(): void {
    if (this.#allowed) return;
    const { ledger, clock } = this.#ports;
    if (this.#joins && ledger.network !== undefined && !this.#joined) {
      this.#joined = true;
      this.#cancels.push(
        clock.after(LEDGER_OWN_LOG_TIMEOUT_MS, () => {
          this.#joinedLongAgo = this.#told.size > 0;
          this.look();
        }),
      );
    }
    if (ledger.network !== undefined && (this.#isAsked() || this.#mayGoOn())) {
      this.#allowed = true;
      if (!this.#isAsked() && !this.#isAlone()) this.#warn();
      ledger.allowAppend();
    }
    if (!this.#isDecided()) return;
    for (const done of this.#waiters) done();
    this.#waiters.clear();
    if (this.#allowed) this.close();
  }

  /** What is lacking, before this node goes on without. */
  #warn(): void {
    const { log } = this.#ports;
    if (this.#joins)
      log.warn('the peers know of entries that they do not give; this node goes on without', {
        hint: 'connect a node that has everything (get archives); what is lacking: get status',
      });
    else if (this.#isRefused())
      log.warn(
        'the peers that were reached do not let this node in, and give back nothing that it wrote before; appending goes on without',
        { hint: 'see: get status' },
      );
    else
      log.warn('no known peer could give back all that this node wrote before; appending goes on without', {
        hint: 'if this directory was restored from a backup, stop the node and start it while a peer is up',
      });
  }

  close(): void {
    this.#cancelLook?.();
    for (const cancel of this.#cancels) cancel();
  }

  #isDecided(): boolean {
    return this.#allowed || (this.#ports.ledger.network === undefined && this.#mayGoAlone());
  }

  /** One that joins goes on only a while after its first exchange, where peers told of more than they gave. */
  #mayGoOn(): boolean {
    return this.#joins ? this.#joinedLongAgo : this.#mayGoAlone();
  }

  #mayGoAlone(): boolean {
    return this.#timedOut || (this.#looked && this.#isAlone());
  }

  #isAlone(): boolean {
    const { network } = this.#ports;
    return network.knowsTargets && network.peers().length === 0 && network.dialStates().every(({ own }) => own);
  }

  /** Nobody said what this node wrote, and whoever was reached says why. */
  #isRefused(): boolean {
    const { isRefusedBy } = this.#ports;
    return this.#told.size === 0 && this.#asked.size > 0 && [...this.#asked].every((peer) => isRefusedBy?.(peer));
  }

  #isAsked(): boolean {
    const { ledger, network } = this.#ports;
    const ownSeq = ledger.clock().get(ledger.author) ?? 0;
    return (
      network.knowsTargets &&
      this.#told.size > 0 &&
      [...this.#told.values()].every((seq) => seq <= ownSeq) &&
      network.peers().every(({ key }) => this.#asked.has(key)) &&
      // What was lost a moment ago may be back with the next dial.
      network
        .dialStates()
        .every(({ connected, own, lost, lastError }) => connected || own || (lastError !== undefined && !lost))
    );
  }
}
