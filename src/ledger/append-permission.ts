import { fault, type HoldfastError } from '../base/errors.ts';
import type { Chains, Fork } from './chain.ts';
import type { DamagedLines } from './damaged-lines.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** What tells how far the own log is back. */
export interface OwnLogPorts {
  readonly author: string;
  readonly chains: Chains;
  readonly waiting: WaitingRoom;
  readonly damaged: Pick<DamagedLines, 'isOwnLogBehind'>;
}

/** Whether this node may append: only once its own log is whole, so that no number is used twice. */
export class AppendPermission {
  readonly #ports: OwnLogPorts;
  readonly #forbidden = new Set<HoldfastError>();
  #peersAsked = false;

  constructor(ports: OwnLogPorts) {
    this.#ports = ports;
  }

  get granted(): boolean {
    return this.#peersAsked && this.#forbidden.size === 0 && !this.#isOwnLogBehind();
  }

  /** The reason of `forbid` that counts; undefined where there is none. */
  get forbidden(): { readonly code: string; readonly text: string } | undefined {
    const [reason] = this.#forbidden;
    return reason && { code: reason.code, text: reason.message };
  }

  /** The peers were asked for what this node wrote before, or there is nothing to ask for. */
  allow(): void {
    this.#peersAsked = true;
  }

  /** Appends fail with `reason` until the returned function is called. */
  forbid(reason: HoldfastError): () => void {
    this.#forbidden.add(reason);
    return () => this.#forbidden.delete(reason);
  }

  /**
   * `LEDGER_AUTHOR_VOID`, `LEDGER_OWN_LOG_BEHIND`, or the reason of `forbid`. `fork` is that of the own log, if it has
   * one.
   */
  assert(fork: Fork | undefined): void {
    if (fork !== undefined)
      throw fault('LEDGER_AUTHOR_VOID', `this node's key signed two different entries ${fork.seq}: it counts no more`, {
        hint: 'the key was used by two nodes, or an old copy of the directory was started: give this node a new key',
      });
    for (const reason of this.#forbidden) throw reason;
    if (!this.#peersAsked)
      throw fault('LEDGER_OWN_LOG_BEHIND', 'the peers have not yet been asked for what this node wrote before', {
        hint: 'wait until a known peer is reached, then try again',
      });
    if (this.#isOwnLogBehind())
      throw fault('LEDGER_OWN_LOG_BEHIND', 'part of what this node wrote before is not back in its log', {
        hint: 'check this clock, and connect a peer that holds all of it; see: get status',
      });
  }

  /** Whether an own entry is known to have existed that is not in the log now: its number must not be used again. */
  #isOwnLogBehind(): boolean {
    const { author, chains, waiting, damaged } = this.#ports;
    const inLog = chains.head(author)?.seq ?? 0;
    return chains.largestSeq(author) > inLog || waiting.hasOf(author) || damaged.isOwnLogBehind;
  }
}
