import type { Clock } from '../../base/clock.ts';
import { fault } from '../../base/errors.ts';
import { FewAtATime } from '../../base/few-at-a-time.ts';
import {
  PASSWORD_CHECKS_AT_ONCE,
  PASSWORD_CHECKS_WAITING_MAX,
  PASSWORD_PAUSE_MS,
  PASSWORD_TRIES_MAX,
} from '../../base/limits.ts';
import { Tries } from '../../base/tries.ts';

/** After so many wrong passwords in a row an address waits with all names. */
export const PASSWORD_TRIES_OF_ADDRESS_MAX = 5 * PASSWORD_TRIES_MAX;
/** Passwords of one address that are checked or wait for it: a few addresses do not take all places. */
export const PASSWORD_CHECKS_OF_ADDRESS_MAX = PASSWORD_CHECKS_WAITING_MAX / 4;

/** Addresses whose wrong passwords are remembered. */
const PASSWORD_ADDRESSES_MAX = 4_096;

/**
 * Who may try a password, and when: not after many wrong ones, and few at a time, since each check takes memory and a
 * core.
 */
export class PasswordTries {
  /** By address and name, and by address alone. */
  readonly #tries: Tries;
  readonly #triesOfAddress: Tries;
  readonly #checks = new FewAtATime(PASSWORD_CHECKS_AT_ONCE);
  /** How many are being made or wait, by address. */
  readonly #checksOf = new Map<string, number>();

  constructor(clock: Clock) {
    const bounds = { pauseMs: PASSWORD_PAUSE_MS, keysMax: PASSWORD_ADDRESSES_MAX };
    this.#tries = new Tries(clock, { most: PASSWORD_TRIES_MAX, ...bounds });
    this.#triesOfAddress = new Tries(clock, { most: PASSWORD_TRIES_OF_ADDRESS_MAX, ...bounds });
  }

  /** What `holds` says, when the turn of the address has come. `ACCESS_TRIES`, `ACCESS_BUSY`. */
  async check(name: string, from: string, holds: () => Promise<boolean>): Promise<boolean> {
    const here = `${from} ${name}`;
    this.#assertMayTry(here, from);
    // Nobody has guessed where nothing is looked at.
    this.#assertHasPlace(from);
    // Counted before it is looked at: tries side by side are tries too.
    this.#tries.wrong(here);
    this.#triesOfAddress.wrong(from);
    if (!(await this.#inTurn(from, holds))) return false;
    this.#tries.right(here);
    this.#triesOfAddress.right(from);
    return true;
  }

  /** Many users may share an address: wrong passwords of one name are no matter of the others, until there are many. */
  #assertMayTry(here: string, from: string): void {
    const [ofNameMs, ofAddressMs] = [this.#tries.waitMs(here), this.#triesOfAddress.waitMs(from)];
    const waitMs = Math.max(ofNameMs, ofAddressMs);
    if (waitMs === 0) return;
    const whose = ofAddressMs > 0 ? '' : ' for this name';
    throw fault('ACCESS_TRIES', `too many wrong passwords${whose} came from this address`, {
      hint: `try again in ${Math.ceil(waitMs / 1_000)} s`,
    });
  }

  #assertHasPlace(from: string): void {
    const ofAddress = this.#checksOf.get(from) ?? 0;
    if (this.#checks.waiting < PASSWORD_CHECKS_WAITING_MAX && ofAddress < PASSWORD_CHECKS_OF_ADDRESS_MAX) return;
    throw fault('ACCESS_BUSY', 'too many passwords are being checked', { hint: 'try again in a moment' });
  }

  async #inTurn<T>(from: string, check: () => Promise<T>): Promise<T> {
    this.#checksOf.set(from, (this.#checksOf.get(from) ?? 0) + 1);
    try {
      return await this.#checks.run(check);
    } finally {
      const left = (this.#checksOf.get(from) ?? 0) - 1;
      if (left > 0) this.#checksOf.set(from, left);
      else this.#checksOf.delete(from);
    }
  }
}
