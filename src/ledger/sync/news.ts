import type { Clock } from '../../base/clock.ts';
import { SYNC_CLOCK_PAGE_MAX } from '../../base/limits.ts';
import type { HaveMessage } from './messages.ts';
import { headsOf } from './protocol.ts';
import type { Holdings } from './state.ts';

/** SPEC §4 `have`: all peers are told what was added since the last time, so that they know who holds what. */
export class News {
  readonly #clock: Clock;
  readonly #holdings: () => Holdings;
  readonly #tell: (news: HaveMessage) => void;
  #told: Holdings;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, holdings: () => Holdings, tell: (news: HaveMessage) => void) {
    this.#clock = clock;
    this.#holdings = holdings;
    this.#tell = tell;
    this.#told = holdings();
  }

  /** Something was added. What is to be told already comes with it; 0 does not wait for that. */
  tellIn(ms: number): void {
    if (ms === 0) this.#cancel?.();
    else if (this.#cancel !== undefined) return;
    this.#cancel = this.#clock.after(ms, () => {
      this.#cancel = undefined;
      const now = this.#holdings();
      const news = newsSince(this.#told, now);
      this.#told = now;
      this.#tell(news);
    });
  }

  close(): void {
    this.#cancel?.();
  }
}

/** Empty lists where it is more than one message holds: too much to tell, ask me. */
const newsSince = (before: Holdings, now: Holdings): HaveMessage => {
  const changed = [...now.heads].filter(([author, { hash }]) => before.heads.get(author)?.hash !== hash);
  const heads = headsOf({ heads: new Map(changed) });
  const forks = [...now.forks].filter(([author, seq]) => before.forks.get(author) !== seq);
  const fits = heads.length <= SYNC_CLOCK_PAGE_MAX && forks.length <= SYNC_CLOCK_PAGE_MAX;
  return {
    kind: 'have',
    net: now.network ?? null,
    version: now.version ?? '',
    heads: fits ? heads : [],
    forks: fits ? forks : [],
  };
};
