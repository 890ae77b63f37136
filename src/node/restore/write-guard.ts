import type { Clock } from '../../base/clock.ts';
import { fault, hasCode, type HoldfastError, textOf } from '../../base/errors.ts';
import { WRITE_WAIT_MS_MAX } from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { LedgerSync } from '../../ledger/sync/sync.ts';
import type { TwinWatch } from '../../ledger/twins/watch.ts';
import type { Address, Network, PeerKey } from '../../network/network.ts';
import type { RestoredMark } from './mark.ts';
import { whyNotYet } from './unasked.ts';

/** The ledger that may have to wait before it writes, and what tells whether it must. */
export interface WriteGuardPorts {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly ledgerSync: LedgerSync;
  readonly clock: Clock;
  readonly log: Logger;
  /** The mark of a directory that was restored from a backup. */
  readonly restored: RestoredMark | undefined;
  /** A node as people know it. */
  readonly nameOf: (peer: PeerKey) => string;
}

const LOOK_MS = 500;

/**
 * Keeps a node from giving a number twice: one that was restored from a backup appends nothing before its peers have
 * been asked for what it wrote since, and none goes on beside another that runs with its key.
 */
export class WriteGuard implements Resource {
  readonly #ports: WriteGuardPorts;
  readonly #log: Logger;
  #twins: TwinWatch | undefined;
  #restored: RestoredMark | undefined;
  #reason: HoldfastError | undefined;
  #allow: () => void = () => {};
  readonly #waiters = new Set<() => void>();
  #cancel: () => void = () => {};
  #warned = '';
  #closed = false;
  readonly #asked = Promise.withResolvers<undefined>();
  /** The original was found where a policy says this node is. */
  #originalAt: string | undefined;

  constructor(ports: WriteGuardPorts) {
    this.#ports = ports;
    this.#log = ports.log;
    this.#restored = ports.restored;
    if (ports.restored === undefined) this.#asked.resolve(undefined);
    else this.#forbid(notYet('its peers have not been asked yet'));
  }

  /**
   * Resolves when the peers have been asked what this node wrote, and with it for all that they know: at once where it
   * was not restored.
   */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  /** Begins to look, once it is known whom the policies name. `ownAddresses`: where they say that this node is. */
  begin(twins: TwinWatch, ownAddresses: readonly Address[]): void {
    this.#twins = twins;
    if (this.#restored === undefined) return;
    this.#log.warn(
      'this directory was restored (from a backup, or with its key alone): nothing is appended before the peers have been asked',
    );
    for (const address of ownAddresses) void this.#lookForOriginal(address);
    this.#repeat();
  }

  /** Something was heard of twins. */
  readonly look = (): void => {
    if (this.#closed || this.#twins === undefined) return;
    const { twin } = this.#twins;
    if (this.#restored !== undefined) {
      this.#lookRestored();
      return;
    }
    if (twin === undefined || this.#reason !== undefined) return;
    if (twin.writes) {
      this.#forbid(keyInUse());
      this.#log.error(keyInUse().message, { hint: keyInUse().hint });
    } else if (this.#warned !== twin.instance) {
      this.#warned = twin.instance;
      this.#log.warn('another node was started with the key of this one; it waits, and this one goes on');
    }
  };

  /** Resolves when appending is allowed; rejects with the reason where it is not after a while. */
  async allowed(): Promise<void> {
    const { clock } = this.#ports;
    const endMs = clock.monotonicMs() + WRITE_WAIT_MS_MAX;
    while (this.#reason !== undefined) {
      if (this.#restored === undefined || clock.monotonicMs() >= endMs) throw this.#reason;
      await this.#changed(endMs - clock.monotonicMs());
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    for (const done of this.#waiters) done();
  }

  #changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        cancel();
        resolve();
      };
      const cancel = this.#ports.clock.after(ms, done);
      this.#waiters.add(done);
    });
  }

  #repeat(): void {
    this.#cancel = this.#ports.clock.after(LOOK_MS, () => {
      this.look();
      if (!this.#closed && this.#restored !== undefined) this.#repeat();
    });
  }

  async #lookForOriginal(address: Address): Promise<void> {
    await this.#ports.network.dial({ address }).catch((caught: unknown) => {
      if (hasCode(caught, 'NETWORK_TWIN')) this.#originalAt = address;
    });
    this.look();
  }

  #lookRestored(): void {
    const { ledger, network, ledgerSync, nameOf } = this.#ports;
    this.#originalAt ??= network.dialStates().find(({ twin }) => twin)?.address;
    if (this.#originalAt !== undefined || this.#twins?.twin !== undefined) {
      this.#forbid(originalRuns(this.#originalAt));
      return;
    }
    const exchanged = new Set(
      ledgerSync.peers().flatMap(({ peer, lastExchangeMs }) => (lastExchangeMs === undefined ? [] : [peer])),
    );
    const next = (ledger.clock().get(ledger.author) ?? 0) + 1;
    const why = whyNotYet({
      dialled: network.dialStates(),
      connected: network.peers().map(({ key }) => key),
      exchanged: (peer) => exchanged.has(peer),
      isClear: (peer) => this.#twins?.isClear(peer) === true,
      behind: ledgerSync.holders(ledger.author, next).size > 0,
      nameOf,
    });
    if (why !== undefined) this.#forbid(notYet(why));
    else void this.#lift(this.#restored);
  }

  async #lift(mark: RestoredMark | undefined): Promise<void> {
    this.#restored = undefined;
    try {
      await mark?.clear();
      this.#log.info('the peers have been asked: this node appends again');
    } catch (caught) {
      this.#log.warn(`the mark of the restored directory cannot be removed: ${textOf(caught)}`);
    }
    this.#allow();
    this.#reason = undefined;
    this.#asked.resolve(undefined);
    for (const done of [...this.#waiters]) done();
  }

  #forbid(reason: HoldfastError): void {
    if (this.#reason?.message === reason.message) return;
    const before = this.#allow;
    this.#allow = this.#ports.ledger.forbidAppend(reason);
    before();
    if (this.#reason !== undefined || this.#restored === undefined) this.#log.warn(reason.message);
    this.#reason = reason;
  }
}

const notYet = (why: string): HoldfastError =>
  fault('LEDGER_RESTORED', `this node was restored from a backup and does not write yet: ${why}`, {
    hint: 'start the peers that are away; where they are gone for good, or this node is alone in its network: start it with --restored alone',
  });

const keyInUse = (): HoldfastError =>
  fault('LEDGER_KEY_IN_USE', 'another running node writes with the key of this one: this node writes nothing more', {
    hint: 'stop one of the two, then start the other again; a second node needs a key of its own',
  });

const originalRuns = (address: string | undefined): HoldfastError =>
  fault(
    'LEDGER_KEY_IN_USE',
    `this node was restored from a backup while the original still runs${address === undefined ? '' : ` at ${address}`}: it writes nothing`,
    { hint: 'stop the original, then start this node again; a second node needs a key of its own' },
  );
