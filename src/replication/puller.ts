import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { CLOCK_JUMP_MS_MIN, TRANSFER_IDLE_MS, WINDOW_STEP_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Network } from '../network/network.ts';
import type { FileStore } from '../operator/file-store.ts';
import type { Arrivals } from './arrivals.ts';
import type { Intake } from './intake.ts';
import type { PeerTally } from './links.ts';
import { PullLine } from './pull-line.ts';
import type { ClusterPeer } from './replication.ts';
import type { WantWindow } from './transfer/messages.ts';
import type { ByteBudget } from '../operator/contents.ts';
import type { PullPlanner } from './transfer/state.ts';

/** What decides on requests, what takes the answers, and what they are counted against. */
export interface PullerPorts {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: FileStore;
  readonly intake: Intake;
  readonly room: ByteBudget;
  readonly planner: PullPlanner;
  /** What peers push here just now. */
  readonly arrivals: Arrivals;
  /** Whether files of an origin may come in. */
  readonly accepts: (origin: string) => boolean;
  /** The other operators of the cluster by the policies. */
  readonly cluster: () => readonly string[];
  readonly tally: (operator: string) => PeerTally;
  /** Something was answered: what is lacking may have changed. */
  readonly onProgress: () => void;
}

/** Carries out what the planner decides: one line to each peer that is asked, opened when it is needed. */
export class Puller {
  readonly #ports: PullerPorts;
  readonly #peers = new Map<string, ClusterPeer>();
  readonly #lines = new Map<string, PullLine>();
  readonly #idle: (() => void)[] = [];
  /** Files wanted by their time, while a consumer is active; undefined: only own files are taken back. */
  #window: (() => WantWindow) | undefined;
  /** The latest begin of the window since what lies outside was forgotten, milliseconds since 1970. */
  #windowFromMs = Number.NEGATIVE_INFINITY;
  /** Its end at that time; undefined: nothing was asked for with it yet. */
  #windowToMs: number | undefined;
  #planned = false;
  #cancelWake: () => void = () => {};
  #closed = false;

  constructor(ports: PullerPorts) {
    this.#ports = ports;
  }

  /** From now on everything in the window is pulled, or with undefined own files alone. */
  setWindow(window: (() => WantWindow) | undefined): void {
    this.#window = window;
    this.#windowFromMs = Number.NEGATIVE_INFINITY;
    this.#windowToMs = undefined;
    this.soon();
  }

  up(peer: ClusterPeer): void {
    this.#peers.set(peer.operator, peer);
    this.#ports.planner.peerUp(peer.operator);
  }

  down(operator: string): void {
    this.#peers.delete(operator);
    this.#ports.planner.peerDown(operator);
    this.#lines.get(operator)?.close('the peer is gone');
    this.#lines.delete(operator);
    this.soon();
  }

  /** Plans after what is being told now has been told. */
  soon(): void {
    if (this.#planned || this.#closed) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (!this.#closed) this.#plan();
    });
  }

  /** Resolves when nothing is under way and nothing can be asked for, also because it is closed. */
  async idle(): Promise<void> {
    if (this.#closed) return;
    this.soon();
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#cancelWake();
    for (const line of this.#lines.values()) line.close('the operator stops');
    this.#lines.clear();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #plan(): void {
    const { planner, clock, store, accepts, cluster, arrivals } = this.#ports;
    const nowMs = clock.monotonicMs();
    const scope = this.#window === undefined ? 'own' : 'all';
    const window = this.#window?.();
    this.#lookWhetherWindowMoved(window);
    const arriving = arrivals.files;
    const requests = planner.plan({ nowMs, own: store.holdings(), arriving, accepts, scope, cluster: cluster() });
    for (const request of requests) {
      const peer = this.#peers.get(request.peer);
      if (peer === undefined) planner.failed(request.id, nowMs);
      else this.#line(peer).ask(request, request.windowed ? window : undefined);
    }
    if (planner.outstanding === 0 && arriving.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#cancelWake();
    const wakeMs = planner.wakeMs(nowMs);
    this.#cancelWake = wakeMs === undefined ? () => {} : clock.after(wakeMs - nowMs, () => this.soon());
  }

  /**
   * A window moves forward with the wall clock: what came after its end may be inside by now. Where the clock was set
   * back, the same holds for what came before its begin.
   */
  #lookWhetherWindowMoved(window: WantWindow | undefined): void {
    if (window === undefined) return;
    const fromMs = window.from === null ? Number.NEGATIVE_INFINITY : Date.parse(window.from);
    const toMs = window.to === null ? undefined : Date.parse(window.to);
    const wentBack = fromMs < this.#windowFromMs - CLOCK_JUMP_MS_MIN;
    const wentOn = toMs !== undefined && toMs >= (this.#windowToMs ?? toMs) + WINDOW_STEP_MS;
    if (wentBack || wentOn) this.#ports.planner.forgetSkipped();
    if (wentBack || fromMs >= this.#windowFromMs) this.#windowFromMs = fromMs;
    if (wentBack || wentOn || this.#windowToMs === undefined) this.#windowToMs = toMs;
  }

  #line(peer: ClusterPeer): PullLine {
    const open = this.#lines.get(peer.operator);
    if (open !== undefined) return open;
    const { network, clock, store, intake, room, planner, accepts, tally, onProgress, log } = this.#ports;
    const own = tally(peer.operator);
    const line = new PullLine(
      { network, clock, self: store.origin, intake, room, accepts, peer: peer.peer, idleMs: TRANSFER_IDLE_MS },
      {
        took: (files) => {
          own.received += files;
          own.lastExchangeMs = clock.wallMs();
        },
        refused: (error) => {
          own.fileError = error;
          log.warn(`a file of ${peer.name} was not taken: ${error.message}`, { operator: peer.operator });
        },
        answered: (id, answer) => {
          if (answer.failed.length === 0 && answer.gone.length === 0) own.fileError = undefined;
          planner.answered(id, answer, clock.monotonicMs());
          onProgress();
          this.soon();
        },
        broken: (ids, caught) => {
          // That a line was ended here is no failure: its peer is gone, and the link says why.
          if (this.#lines.get(peer.operator) === line) {
            this.#lines.delete(peer.operator);
            if (ids.length > 0)
              own.fileError = asFault(caught ?? fault('NETWORK_CHANNEL_CLOSED', 'the peer ended the channel'));
          }
          for (const id of ids) planner.failed(id, clock.monotonicMs());
          this.soon();
        },
      },
    );
    this.#lines.set(peer.operator, line);
    return line;
  }
}
