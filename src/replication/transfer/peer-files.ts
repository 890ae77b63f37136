import { HOLDINGS_RANGES_MAX, PULL_FILES_MAX, PULL_GRACE_MS, PUSH_FILES_IN_FLIGHT } from '../../base/limits.ts';
import type { FileRanges, Holdings } from '../../operator/file-record.ts';
import { idsOf, subtractRanges, uniteRanges } from '../../operator/ranges.ts';
import { backoffMs } from './backoff.ts';
import { Failures } from './failures.ts';
import { countFiles, firstFiles, NO_FILES } from './holdings.ts';
import type { FilesByOrigin } from './messages.ts';
import { Orphans } from './orphans.ts';

/** Announcements closer together than this wait out one grace period. */
const FRESH_STEP_MS = 50;

/** What one connected peer says that it holds, and what of it is not asked for now. Pure. */
export class PeerFiles {
  /** Duplicates that it gave without their original. */
  readonly orphans = new Orphans();
  /** What it failed to deliver. */
  readonly failures = new Failures();
  readonly #skipped = new Map<string, FileRanges>();
  #holdings: ReadonlyMap<string, FileRanges> = new Map();
  #compared = false;
  #inDoubt = false;
  /** New announcements: a push of these is probably on its way. */
  #fresh: { readonly untilMs: number; readonly origin: string; ranges: FileRanges }[] = [];
  #restUntilMs = 0;
  #rests = 0;

  get holdings(): ReadonlyMap<string, FileRanges> {
    return this.#holdings;
  }

  /** Whether it has said all that it holds. */
  get compared(): boolean {
    return this.#compared;
  }

  /** Something that it had said it holds was not there: what it does hold, its next comparison says. */
  get inDoubt(): boolean {
    return this.#inDoubt;
  }

  /** It said all that it holds. What it holds beyond the comparison before is new and waits out the grace period. */
  compare(holdings: Holdings, nowMs: number): void {
    if (this.#compared)
      for (const [origin, ranges] of holdings)
        this.#markFresh(origin, subtractRanges(ranges, this.#holdings.get(origin) ?? NO_FILES), nowMs);
    this.#holdings = new Map(holdings);
    this.#compared = true;
    this.#inDoubt = false;
  }

  /** It announced files that it holds since. */
  announce(files: FilesByOrigin, nowMs: number): void {
    const holdings = new Map(this.#holdings);
    let size = 0;
    for (const ranges of holdings.values()) size += ranges.length;
    for (const [origin, ranges] of files) {
      size += ranges.length;
      // A peer that scatters its announcements is believed again at its next comparison, which is bounded as a whole.
      if (size > HOLDINGS_RANGES_MAX) break;
      const held = holdings.get(origin) ?? NO_FILES;
      this.#markFresh(origin, subtractRanges(ranges, held), nowMs);
      holdings.set(origin, uniteRanges(held, ranges));
    }
    this.#holdings = holdings;
  }

  /** It does not have what it said: it is not asked for these until it says so again, and each time later. */
  takeBack(gone: FilesByOrigin, nowMs: number): void {
    const holdings = new Map(this.#holdings);
    this.#inDoubt = true;
    for (const [origin, ranges] of gone) {
      holdings.set(origin, subtractRanges(holdings.get(origin) ?? NO_FILES, ranges));
      for (const file of idsOf(ranges, PULL_FILES_MAX)) this.failures.note(origin, file, nowMs);
    }
    this.#holdings = holdings;
  }

  /** The announcements of an origin that a push is probably on its way for. */
  freshOf(origin: string): readonly FileRanges[] {
    return this.#fresh.flatMap((fresh) => (fresh.origin === origin ? [fresh.ranges] : []));
  }

  /** From now on nothing waits for a push. */
  hurry(): void {
    this.#fresh = [];
  }

  /** What it said is outside the window, or is given up at it. */
  skippedOf(origin: string): FileRanges {
    return this.#skipped.get(origin) ?? NO_FILES;
  }

  skip(origin: string, ranges: FileRanges): void {
    this.#skipped.set(origin, uniteRanges(this.skippedOf(origin), ranges));
  }

  forgetSkipped(): void {
    this.#skipped.clear();
  }

  /**
   * Files that it left out of an answer that brought nothing: they come as a push, or are too large for it to send them
   * now. Each waits for its own time, and what else it has is asked for meanwhile. False where these are more than can
   * be on their way.
   */
  leaveAlone(unspoken: FilesByOrigin, nowMs: number): boolean {
    for (const [origin, ranges] of firstFiles(unspoken, PUSH_FILES_IN_FLIGHT))
      for (const file of idsOf(ranges, PUSH_FILES_IN_FLIGHT)) this.failures.note(origin, file, nowMs);
    return countFiles(unspoken) <= PUSH_FILES_IN_FLIGHT;
  }

  rests(nowMs: number): boolean {
    return this.#restUntilMs > nowMs;
  }

  /** It delivered nothing: it is left alone, longer each time. */
  rest(nowMs: number): void {
    this.#rests += 1;
    this.#restUntilMs = nowMs + backoffMs(this.#rests);
  }

  /** It delivered: its next rest is a short one. */
  wasOfUse(): void {
    this.#rests = 0;
  }

  /** Forgets what no longer matters: grace that is over, failures of files that are held by now. */
  look(nowMs: number, own: Holdings): void {
    this.orphans.look(nowMs, own);
    if (this.#fresh.length > 0) this.#fresh = this.#fresh.filter(({ untilMs }) => untilMs > nowMs);
    this.failures.forgetHeld(own);
  }

  /** The moments at which more of it may be asked for than now. */
  *untilMs(): Iterable<number> {
    yield this.#restUntilMs;
    if (this.orphans.untilMs !== undefined) yield this.orphans.untilMs;
    for (const { untilMs } of this.#fresh) yield untilMs;
    yield* this.failures.untilMs();
  }

  #markFresh(origin: string, ranges: FileRanges, nowMs: number): void {
    if (ranges.length === 0) return;
    const untilMs = nowMs + PULL_GRACE_MS;
    const last = this.#fresh.findLast((fresh) => fresh.origin === origin);
    if (last !== undefined && untilMs - last.untilMs < FRESH_STEP_MS) last.ranges = uniteRanges(last.ranges, ranges);
    else this.#fresh.push({ untilMs, origin, ranges });
  }
}
