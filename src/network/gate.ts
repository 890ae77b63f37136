import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { EXPEL_GRACE_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { Conduct } from './conduct.ts';
import type { Expelled, Gate, PeerKey } from './network.ts';

/** Until a gate is set: a node that belongs to no network yet, or a test. */
const OPEN_GATE: Gate = { isMember: () => true, guestProtocols: new Set() };

/** The connections that a gatekeeper judges, and how it acts on them. */
export interface GatePorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Keys with a connection. */
  connected(): Iterable<PeerKey>;
  /** It counts as a peer from now on, or no longer. */
  announce(key: PeerKey, isUp: boolean): void;
  /** Ends all connections with it. */
  drop(key: PeerKey, reason: string): void;
}

/** Which of the connected keys count as peers, and who is kept out. Both forms of the network keep one. */
export class Gatekeeper {
  readonly #ports: GatePorts;
  readonly #conduct: Conduct;
  readonly #admitted = new Set<PeerKey>();
  #gate = OPEN_GATE;

  constructor(ports: GatePorts) {
    this.#ports = ports;
    this.#conduct = new Conduct(ports.clock);
  }

  set(gate: Gate): void {
    this.#gate = gate;
    this.look();
  }

  isMember(key: PeerKey): boolean {
    return !this.isExpelled(key) && this.#gate.isMember(key);
  }

  isExpelled(key: PeerKey): boolean {
    return this.#conduct.isExpelled(key);
  }

  expelled(): readonly Expelled[] {
    return this.#conduct.expelled();
  }

  /** It did what no honest node does: from now on it is nobody, and its connections end. */
  blame(key: PeerKey, caught: unknown): void {
    const error = asFault(caught);
    if (!this.#conduct.expel(key, error)) return;
    const { clock, log } = this.#ports;
    log.warn(`${key} is cut off for a while: ${error.message}`, { code: error.code });
    clock.after(EXPEL_GRACE_MS, () => this.#ports.drop(key, error.message));
  }

  /**
   * It did what happens to an honest node now and then. Who floods on while it is told why it is cut off is so at once:
   * there is nothing to tell it.
   */
  strike(key: PeerKey, what: string): void {
    const error = this.#conduct.strike(key, what);
    if (error === undefined) return;
    if (this.isExpelled(key)) this.#ports.drop(key, error.message);
    else this.blame(key, error);
  }

  isAdmitted(key: PeerKey): boolean {
    return this.#admitted.has(key);
  }

  mayUse(key: PeerKey, protocol: string): boolean {
    return this.isMember(key) || (!this.isExpelled(key) && this.#gate.guestProtocols.has(protocol));
  }

  /**
   * Throws where nothing of that protocol is to be asked of the key: it may be connected for a moment as a guest, and
   * would answer. `NETWORK_NO_GRANT`.
   */
  checkAsked(key: PeerKey, protocol: string): void {
    if (this.#gate.isMember(key) || this.#gate.guestProtocols.has(protocol)) return;
    throw fault('NETWORK_NO_GRANT', `${key} has no grant in this network`, {
      hint: 'it was revoked, handed to a new key, or never let in: get members',
    });
  }

  /** Looks again at all connections: members are admitted, who was one is dropped at once. */
  look(): void {
    for (const key of [...this.#ports.connected()])
      if (this.isMember(key)) this.came(key);
      else if (this.#admitted.has(key)) {
        this.gone(key);
        this.#ports.drop(key, 'it has no grant any more');
      }
  }

  /** A key has its first connection; whether it counts as a peer. */
  came(key: PeerKey): boolean {
    if (!this.isMember(key)) return false;
    if (this.#admitted.has(key)) return true;
    this.#admitted.add(key);
    this.#ports.announce(key, true);
    return true;
  }

  /** A key has no connection any more. */
  gone(key: PeerKey): void {
    if (this.#admitted.delete(key)) this.#ports.announce(key, false);
  }
}
