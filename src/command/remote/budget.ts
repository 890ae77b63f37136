import { sleep, type Clock } from '../../base/clock.ts';
import { fault } from '../../base/errors.ts';
import {
  COMMANDS_FROM_PEER_MAX,
  COMMANDS_FROM_PEERS_MAX,
  COMMANDS_PEER_BURST_MS,
  COMMANDS_PEER_COUNTED_MS_MAX,
  COMMANDS_PEER_MS_PER_SECOND,
} from '../../base/limits.ts';
import type { PeerKey } from '../../network/network.ts';

interface Account {
  running: number;
  /** Milliseconds of work that are left, and when that was. */
  left: number;
  atMs: number;
}

/**
 * How much of this node the commands of others take: so many at once, of all and of one; and of one so much of the
 * time, beyond which its next waits. A command that waits itself counts little.
 */
export class CommandBudget {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #accounts = new Map<PeerKey, Account>();
  #running = 0;

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** Runs a command of a peer, when it is its turn. `COMMAND_REMOTE_BUSY`. */
  async run<T>(peer: PeerKey, command: () => Promise<T>): Promise<T> {
    const account = this.#of(peer);
    if (this.#running >= COMMANDS_FROM_PEERS_MAX || account.running >= COMMANDS_FROM_PEER_MAX)
      throw fault(
        'COMMAND_REMOTE_BUSY',
        `${this.#name} runs ${account.running} commands of this node, ${this.#running} of all`,
        {
          hint: 'try again in a moment',
        },
      );
    account.running += 1;
    this.#running += 1;
    try {
      const restMs = (-account.left / COMMANDS_PEER_MS_PER_SECOND) * 1_000;
      if (restMs > 0) await sleep(this.#clock, restMs);
      const startMs = this.#clock.monotonicMs();
      try {
        return await command();
      } finally {
        account.left -= Math.min(COMMANDS_PEER_COUNTED_MS_MAX, this.#clock.monotonicMs() - startMs);
      }
    } finally {
      this.#running -= 1;
      account.running -= 1;
    }
  }

  /** The account as it is by now. Those that owe nothing are forgotten. */
  #of(peer: PeerKey): Account {
    const atMs = this.#clock.monotonicMs();
    const known = this.#accounts.get(peer) ?? { running: 0, left: COMMANDS_PEER_BURST_MS, atMs };
    for (const [key, account] of [...this.#accounts, [peer, known] as const]) {
      const gained = ((atMs - account.atMs) / 1_000) * COMMANDS_PEER_MS_PER_SECOND;
      account.left = Math.min(COMMANDS_PEER_BURST_MS, account.left + gained);
      account.atMs = atMs;
      if (account.running === 0 && account.left >= COMMANDS_PEER_BURST_MS) this.#accounts.delete(key);
    }
    this.#accounts.set(peer, known);
    return known;
  }
}
