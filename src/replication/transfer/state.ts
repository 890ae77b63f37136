import { PULL_FAILURES_MAX, PULL_FILES_MAX, PULLS_PER_PEER_MAX } from '../../base/limits.ts';
import type { FileRanges, Holdings } from '../../operator/file-record.ts';
import { subtractRanges, uniteRanges } from '../../operator/ranges.ts';
import { countFiles, firstFiles, NO_FILES, rangesOf } from './holdings.ts';
import type { FilesByOrigin } from './messages.ts';
import { PeerFiles } from './peer-files.ts';

/** Files below which a request is not divided further among peers. */
const SHARE_FILES_MIN = 16;
/** A duplicate whose original is out of the window is given up at a peer after so many rounds. */
const ORPHAN_TRIES_MAX = 5;

/** What a plan depends on beside what the planner was told. */
export interface PullView {
  /** Monotonic. */
  readonly nowMs: number;
  readonly own: Holdings;
  /** Being pushed here: not asked for. */
  readonly arriving: Holdings;
  /** Whether files of an origin may come in: others are not asked for. */
  readonly accepts: (origin: string) => boolean;
  /** `own`: only own files are taken back, with the originals of own duplicates. */
  readonly scope: 'all' | 'own';
  /** The other operators of the cluster by the policies. */
  readonly cluster: readonly string[];
}

/**
 * `beyond`: whatever the window and the scope. `orphans`: so too, and duplicates are taken though nobody has the
 * original.
 */
type Mode = 'usual' | 'beyond' | 'orphans';

/** Files to ask one peer for. */
export interface PullRequest {
  readonly id: number;
  readonly peer: string;
  readonly files: FilesByOrigin;
  /** Own files are wanted whatever their time, and others where an own duplicate lacks its original. */
  readonly windowed: boolean;
  /** Duplicates in it are taken without their original, which no operator of the cluster has: its table was dropped. */
  readonly takesOrphans: boolean;
}

type FileName = readonly [origin: string, file: number];

/** What came of a request. What is in none of the lists and not held is asked for again. */
export interface PullAnswer {
  readonly stored: number;
  /** Outside the window: not asked for again from this peer. */
  readonly skipped: FilesByOrigin;
  /** Announced, yet not there. */
  readonly gone: FilesByOrigin;
  /** Broken, refused here or passed over by the peer: asked for from another peer, later again from this one. */
  readonly failed: readonly FileName[];
  /** Duplicates whose original is not here yet. */
  readonly orphans: readonly FileName[];
  /** Neither brought nor spoken of: left to the next request, or on its way as a push. */
  readonly unspoken: FilesByOrigin;
}

interface Outstanding {
  readonly peer: string;
  readonly files: FilesByOrigin;
  readonly windowed: boolean;
}

/**
 * Decides whom to ask for what. Pure but for its memory: no clock, no chance, no socket, no disk. It knows what each
 * connected peer holds and which requests are under way, so that no file is asked of two peers at a time, a file that
 * one peer cannot deliver is asked of another, and a peer that delivers nothing rests, longer each time.
 */
export class PullPlanner {
  readonly #peers = new Map<string, PeerFiles>();
  readonly #requests = new Map<number, Outstanding>();
  /** Own files that each peer has announced, also a peer that is down by now. */
  readonly #ownSeen = new Map<string, FileRanges>();
  /** Own files that came back as duplicates whose original was not here: until it is, no new file can be numbered. */
  #ownOrphans: FileRanges = NO_FILES;
  /** Origin of the own files: asked for first, whatever the window. */
  readonly #self: string;
  #nextId = 1;

  constructor(self: string) {
    this.#self = self;
  }

  /** Requests under way. */
  get outstanding(): number {
    return this.#requests.size;
  }

  /** A peer is there; what it holds is not known yet. */
  peerUp(peer: string): void {
    this.#peers.set(peer, new PeerFiles());
  }

  /** A peer is gone: what it was asked for may be asked of another. */
  peerDown(peer: string): void {
    this.#peers.delete(peer);
    for (const [id, request] of this.#requests) if (request.peer === peer) this.#requests.delete(id);
  }

  /** A peer said all that it holds. */
  compared(peer: string, holdings: Holdings, nowMs: number): void {
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    state.compare(holdings, nowMs);
    this.#seeOwn(peer, state);
  }

  /** A peer announced files that it holds since. */
  announced(peer: string, files: FilesByOrigin, nowMs: number): void {
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    state.announce(files, nowMs);
    this.#seeOwn(peer, state);
  }

  /** From now on nothing waits for a push. */
  hurry(): void {
    for (const state of this.#peers.values()) state.hurry();
  }

  /** A peer's holdings; undefined before the first comparison since it came up. */
  holdingsOf(peer: string): Holdings | undefined {
    const state = this.#peers.get(peer);
    return state?.compared === true ? state.holdings : undefined;
  }

  /** What a peer said is outside the window. */
  skippedBy(peer: string, origin: string): FileRanges {
    return this.#peers.get(peer)?.skippedOf(origin) ?? NO_FILES;
  }

  /** The window has changed: everything outside the old one is open again. */
  forgetSkipped(): void {
    for (const state of this.#peers.values()) state.forgetSkipped();
  }

  /** Own files that a peer holds or held and that are lacking here. */
  ownLacking(own: Holdings): FileRanges {
    const held = own.get(this.#self) ?? NO_FILES;
    let lacking = NO_FILES;
    for (const seen of this.#ownSeen.values()) lacking = uniteRanges(lacking, subtractRanges(seen, held));
    return lacking;
  }

  /** Own files that others had announced are waited for no more: who is no operator of the cluster gives none. */
  keepOnly(operators: readonly string[]): void {
    for (const peer of this.#ownSeen.keys()) if (!operators.includes(peer)) this.#ownSeen.delete(peer);
  }

  /** Requests to send now. Each is under way until it is answered, failed or its peer goes down. */
  plan(view: PullView): readonly PullRequest[] {
    this.#ownOrphans = subtractRanges(this.#ownOrphans, view.own.get(this.#self) ?? NO_FILES);
    for (const state of this.#peers.values()) state.look(view.nowMs, view.own);
    let requests = this.#planFor(view, 'usual');
    // Which file is the original, only contents say: where the window has not brought it, everything is asked for.
    if (this.#requests.size === 0 && this.#ownOrphans.length > 0) requests = this.#planFor(view, 'beyond');
    if (this.#requests.size === 0 && this.#lacksOrphansAlone(view)) requests = this.#planFor(view, 'orphans');
    return requests;
  }

  /**
   * Whether all operators of the cluster are there, and all that they hold is here but duplicates: whose originals
   * nobody has then.
   */
  #lacksOrphansAlone(view: PullView): boolean {
    if (view.scope === 'own' && this.#ownOrphans.length === 0) return false;
    const states = view.cluster.map((peer) => this.#peers.get(peer));
    if (!states.some((state) => state?.orphans.untilMs !== undefined)) return false;
    return states.every((state) => state?.compared === true && !state.inDoubt && this.#givesOrphansAlone(state, view));
  }

  /** Files that were announced just now can be no original of what was given several times before. */
  #givesOrphansAlone(state: PeerFiles, view: PullView): boolean {
    const { holdings, orphans, failures } = state;
    if (failures.areAmong(holdings)) return false;
    for (const [origin, ranges] of holdings) {
      if (origin !== this.#self && !view.accepts(origin)) continue;
      let lacking = subtractRanges(ranges, view.own.get(origin) ?? NO_FILES);
      for (const late of state.freshOf(origin)) lacking = subtractRanges(lacking, late);
      if (subtractRanges(lacking, orphans.of(origin)).length > 0) return false;
    }
    return orphans.untilMs === undefined || orphans.settled;
  }

  #planFor(view: PullView, mode: Mode): readonly PullRequest[] {
    const requests: PullRequest[] = [];
    const asked = this.asked();
    for (;;) {
      const before = requests.length;
      for (const [peer, state] of this.#byLoad()) {
        const files = this.#nextFor(state, view, asked, mode);
        if (files === undefined) continue;
        const windowed = mode === 'usual' && files.some(([origin]) => origin !== this.#self);
        const request: PullRequest = { id: this.#nextId++, peer, files, windowed, takesOrphans: mode === 'orphans' };
        this.#requests.set(request.id, request);
        for (const [origin, ranges] of files) asked.set(origin, uniteRanges(asked.get(origin) ?? NO_FILES, ranges));
        requests.push(request);
      }
      if (requests.length === before) return requests;
    }
  }

  /** The moment at which a plan may have something that it has not now; undefined where only news can bring it. */
  wakeMs(nowMs: number): number | undefined {
    let earliest = Number.POSITIVE_INFINITY;
    for (const state of this.#peers.values())
      for (const untilMs of state.untilMs()) if (untilMs > nowMs && untilMs < earliest) earliest = untilMs;
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  /** A request has been answered to its end. */
  answered(id: number, answer: PullAnswer, nowMs: number): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    const state = request === undefined ? undefined : this.#peers.get(request.peer);
    if (request === undefined || state === undefined) return;
    for (const [origin, ranges] of answer.skipped) state.skip(origin, ranges);
    if (answer.gone.length > 0) {
      state.takeBack(answer.gone, nowMs);
      this.#seeOwn(request.peer, state);
    }
    for (const [origin, file] of answer.failed) state.failures.note(origin, file, nowMs);
    this.#noteOrphans(request, state, answer.orphans, nowMs);
    const inVain = !isOfUse(answer) && !(isUnspokenAlone(answer) && state.leaveAlone(answer.unspoken, nowMs));
    const isTooMuch = state.failures.count > PULL_FAILURES_MAX;
    if (isTooMuch) state.failures.clear();
    if (inVain || isTooMuch) state.rest(nowMs);
    else if (isOfUse(answer)) state.wasOfUse();
  }

  #noteOrphans(request: Outstanding, state: PeerFiles, given: readonly FileName[], nowMs: number): void {
    if (given.length === 0) return;
    const orphans = [...Map.groupBy(given, ([origin]) => origin)].map(
      ([origin, files]) => [origin, rangesOf(files.map(([, file]) => file))] as const,
    );
    const round = state.orphans.note(orphans, nowMs);
    // An original may be among what it failed to deliver, and comes later.
    const areSettled = round >= ORPHAN_TRIES_MAX && !state.failures.areAmong(state.holdings);
    for (const [origin, ranges] of orphans) {
      if (origin === this.#self) this.#ownOrphans = uniteRanges(this.#ownOrphans, ranges);
      else if (areSettled && request.windowed) state.skip(origin, ranges);
    }
  }

  /** A request came to nothing: the peer rests, others are asked. */
  failed(id: number, nowMs: number): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    const state = request === undefined ? undefined : this.#peers.get(request.peer);
    if (state?.rests(nowMs) === false) state.rest(nowMs);
  }

  /** Own files are asked for alone, before all others, so that they can be asked for without the window. */
  #nextFor(
    state: PeerFiles,
    view: PullView,
    asked: ReadonlyMap<string, FileRanges>,
    mode: Mode,
  ): FilesByOrigin | undefined {
    if (!state.compared || state.rests(view.nowMs)) return undefined;
    let underWay = 0;
    for (const { peer } of this.#requests.values()) if (this.#peers.get(peer) === state) underWay += 1;
    if (underWay >= PULLS_PER_PEER_MAX) return undefined;
    const ofOrigin = (origin: string): FileRanges => this.#lacking(state, origin, view, asked, mode);
    const mine = ofOrigin(this.#self);
    if (mine.length > 0) return firstFiles(state.failures.inTurn([[this.#self, mine]]), PULL_FILES_MAX);
    if (view.scope === 'own' && mode === 'usual') return undefined;
    const lacking: (readonly [string, FileRanges])[] = [];
    for (const origin of state.holdings.keys()) {
      if (origin === this.#self || !view.accepts(origin)) continue;
      const ranges = ofOrigin(origin);
      if (ranges.length > 0) lacking.push([origin, ranges]);
    }
    if (lacking.length === 0) return undefined;
    lacking.sort(([a], [b]) => (a < b ? -1 : 1));
    return firstFiles(state.failures.inTurn(lacking), this.#share(countFiles(lacking)));
  }

  /** Requests shrink as less is lacking, so that no peer is left alone with the last large one. */
  #share(lacking: number): number {
    const peers = [...this.#peers.values()].filter(({ compared }) => compared).length;
    return Math.min(PULL_FILES_MAX, Math.max(SHARE_FILES_MIN, Math.ceil(lacking / (PULLS_PER_PEER_MAX * peers))));
  }

  #lacking(
    state: PeerFiles,
    origin: string,
    view: PullView,
    asked: ReadonlyMap<string, FileRanges>,
    mode: Mode,
  ): FileRanges {
    let ranges = subtractRanges(state.holdings.get(origin) ?? NO_FILES, view.own.get(origin) ?? NO_FILES);
    const without = (some: FileRanges | undefined): void => {
      if (some !== undefined && ranges.length > 0) ranges = subtractRanges(ranges, some);
    };
    without(asked.get(origin));
    without(view.arriving.get(origin));
    if (mode !== 'orphans') without(state.orphans.of(origin));
    if (origin !== this.#self) {
      if (mode === 'usual') without(state.skippedOf(origin));
      for (const fresh of state.freshOf(origin)) without(fresh);
    }
    without(state.failures.waiting(origin, view.nowMs));
    return ranges;
  }

  /** What requests under way ask for: of one peer, or of all. */
  asked(of?: string): Map<string, FileRanges> {
    const asked = new Map<string, FileRanges>();
    for (const { peer, files } of this.#requests.values())
      for (const [origin, ranges] of of === undefined || peer === of ? files : [])
        asked.set(origin, uniteRanges(asked.get(origin) ?? NO_FILES, ranges));
    return asked;
  }

  /** Peers with the fewest requests first. */
  #byLoad(): Iterable<readonly [string, PeerFiles]> {
    if (this.#requests.size === 0) return this.#peers;
    const load = new Map<string, number>();
    for (const { peer } of this.#requests.values()) load.set(peer, (load.get(peer) ?? 0) + 1);
    return [...this.#peers].sort(([a], [b]) => (load.get(a) ?? 0) - (load.get(b) ?? 0));
  }

  #seeOwn(peer: string, { holdings }: PeerFiles): void {
    this.#ownSeen.set(peer, holdings.get(this.#self) ?? NO_FILES);
  }
}

/**
 * Whether an answer brought something on. An orphan, and what the peer says it cannot give, wait each for its own time
 * to be asked for again.
 */
const isOfUse = ({ stored, skipped, orphans, gone, unspoken, failed }: PullAnswer): boolean => {
  const toldAll = gone.length > 0 && unspoken.length === 0 && failed.length === 0;
  return stored > 0 || skipped.length > 0 || orphans.length > 0 || toldAll;
};

/**
 * Whether an answer brought nothing only because all of it comes as a push, or is too large for the peer to send it
 * now.
 */
const isUnspokenAlone = ({ unspoken, failed, gone }: PullAnswer): boolean =>
  unspoken.length > 0 && failed.length === 0 && gone.length === 0;
