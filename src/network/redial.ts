import type { Clock } from '../base/clock.ts';
import { asFault, hasCode } from '../base/errors.ts';
import { DIAL_TIMEOUT_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Address, ConnectedPeer, DialState, DialTarget, PeerKey } from './network.ts';
import {
  callAnswered,
  type ConnectedView,
  dialFailed,
  dialStarted,
  dialSucceeded,
  dueTargets,
  isDoubtful,
  isReached,
  nextDueMs,
  patienceMs,
  peerLost,
  type RedialState,
  retarget,
} from './redial-state.ts';

/** How addresses are dialled and called, and what is connected. */
export interface RedialerPorts {
  readonly self: PeerKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  dial(target: DialTarget, timeoutMs: number): Promise<ConnectedPeer>;
  /** Resolves when a call to the address is answered, whoever is there; rejects after a while. */
  call(address: Address): Promise<unknown>;
  connected(): ConnectedView;
}

/** The shell: dials what is due, for as long as it is not closed. */
export class Redialer {
  #state: RedialState = new Map();
  #knowsTargets = false;
  #cancel: (() => void) | undefined;
  #closed = false;
  readonly #ports: RedialerPorts;

  constructor(ports: RedialerPorts) {
    this.#ports = ports;
  }

  /** Whether it was told whom to dial. */
  get knowsTargets(): boolean {
    return this.#knowsTargets;
  }

  keepDialled(targets: readonly DialTarget[]): void {
    this.#knowsTargets = true;
    this.#state = retarget(this.#state, targets, this.#ports.self, this.#ports.clock.monotonicMs());
    this.#run();
  }

  states(): readonly DialState[] {
    const connected = this.#ports.connected();
    return [...this.#state.values()].map((entry) => ({
      ...entry.target,
      connected: isReached(entry, connected),
      own: entry.own,
      twin: entry.twin,
      attempts: entry.attempts,
      lastError: entry.lastError,
      lost: entry.lost,
    }));
  }

  onPeerUp(): void {
    this.#run();
  }

  onPeerDown(key: PeerKey): void {
    const { clock, random } = this.#ports;
    this.#state = peerLost(this.#state, key, clock.monotonicMs(), () => random.fraction());
    this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #run(): void {
    if (this.#closed) return;
    this.#cancel?.();
    const { clock } = this.#ports;
    const connected = this.#ports.connected();
    for (const target of dueTargets(this.#state, connected, clock.monotonicMs())) void this.#dial(target);
    const nextMs = nextDueMs(this.#state, connected);
    this.#cancel =
      nextMs === undefined ? undefined : clock.after(Math.max(1, nextMs - clock.monotonicMs()), () => this.#run());
  }

  /** Only a call that was not answered at all leaves it open whether the path is cut or slow. */
  #doubt(address: Address, waitedMs: number): void {
    const entry = this.#state.get(address);
    if (entry === undefined || !isDoubtful(entry)) return;
    if (this.#ports.clock.monotonicMs() - entry.startedMs < waitedMs) return;
    this.#ports.call(address).then(
      () => (this.#state = callAnswered(this.#state, address)),
      () => {},
    );
  }

  async #dial(target: DialTarget): Promise<void> {
    const { clock, random, log } = this.#ports;
    const entry = this.#state.get(target.address);
    const timeoutMs = entry === undefined ? DIAL_TIMEOUT_MS : patienceMs(entry);
    this.#state = dialStarted(this.#state, target.address, clock.monotonicMs());
    try {
      const peer = await this.#ports.dial(target, timeoutMs);
      const failures = this.#state.get(target.address)?.failures ?? 0;
      if (failures > 0) log.info(`reached ${target.address} after ${failures} failed dial(s)`);
      this.#state = dialSucceeded(this.#state, target.address, peer.key, clock.monotonicMs(), random.fraction());
    } catch (caught) {
      const error = asFault(caught);
      const twin = hasCode(caught, 'NETWORK_TWIN');
      const own = twin || hasCode(caught, 'NETWORK_SELF');
      if (this.#closed) return;
      if (!own && this.#state.get(target.address)?.failures === 0)
        log.warn(`${target.address} cannot be reached, dialling on: ${error.message}`, { code: error.code });
      this.#state = dialFailed(
        this.#state,
        target.address,
        { text: error.message, own, twin },
        clock.monotonicMs(),
        random.fraction(),
      );
      this.#doubt(target.address, timeoutMs);
    }
    this.#run();
  }
}
