import type { Clock } from '../base/clock.ts';
import type { HoldfastError } from '../base/errors.ts';
import type { FileRanges, Holdings } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import { Announced, type Shortfall, uniteHoldings } from './announced.ts';
import { Lags } from './lags.ts';
import type { PeerLinks, PeerTally } from './links.ts';
import type { ClusterPeer, PeerReplication } from './replication.ts';
import { countFiles, intersectRanges, lackingOf, NO_FILES } from './transfer/holdings.ts';
import type { FilesByOrigin } from './transfer/messages.ts';
import type { PullPlanner } from './transfer/state.ts';
import type { TooLarge } from './transfer/too-large.ts';

/** Where it is known who holds what and what is under way. */
export interface StandingPorts {
  readonly store: Pick<FileStore, 'holdings' | 'origin'>;
  readonly clock: Clock;
  readonly clusterPeers: () => readonly ClusterPeer[];
  readonly planner: Pick<PullPlanner, 'holdingsOf' | 'skippedBy' | 'asked'>;
  readonly links: Pick<PeerLinks, 'isUp' | 'tally'>;
  readonly tooLarge: TooLarge;
  /** Own files that were pushed to a peer and that it has not acknowledged. */
  inFlightTo(operator: string): FileRanges;
  /** Files that come as a push. */
  arriving(): Holdings;
  /** Whether files of an origin are of this cluster. */
  belongsHere(origin: string): boolean;
}

/** How this operator and its peers stand: who lacks what of whom, since when and why. */
export class PeerStandings {
  readonly #ports: StandingPorts;
  readonly #lags = new Lags();
  readonly #announced = new Announced();

  constructor(ports: StandingPorts) {
    this.#ports = ports;
  }

  /** A peer told of files: notes what, and since when it or this operator lacks some. */
  noteNews(operator: string): void {
    const { store, planner, clock } = this.#ports;
    const own = store.holdings();
    const theirs = planner.holdingsOf(operator) ?? new Map<string, FileRanges>();
    this.#announced.note(operator, theirs, clock.monotonicMs());
    const differs = this.#lackingOf(own, theirs).length > 0 || this.#lackingOf(theirs, own).length > 0;
    this.#lags.note(operator, differs, clock.monotonicMs());
  }

  /** The policies have changed: since when those who are no peers any more lack something is of no account. */
  refresh(): void {
    this.#lags.keepOnly(this.#ports.clusterPeers().map(({ operator }) => operator));
  }

  /** What a peer holds; of one that is away, when it was last heard of. */
  toldBy(operator: string): Holdings | undefined {
    return this.#ports.planner.holdingsOf(operator) ?? this.#announced.lastOf(operator);
  }

  /** What is not held here of all that was told and all that is needed. */
  shortfall(told: readonly Holdings[], needed: Holdings): Shortfall {
    const { store, clock } = this.#ports;
    return this.#announced.shortfall({ own: store.holdings(), told, needed, nowMs: clock.monotonicMs() });
  }

  /** `filled`: whether this operator has had all that its peers hold. */
  of({ operator, name, member }: ClusterPeer, filled: boolean): PeerReplication {
    const { store, planner, links, tooLarge, clock } = this.#ports;
    const own = store.holdings();
    const tally = links.tally(operator);
    const { sent, received, lastExchangeMs } = tally;
    const wanted = this.#lackingOf(planner.holdingsOf(operator) ?? new Map(), own);
    const skipped = wanted.map(
      ([origin, ranges]) => [origin, intersectRanges(ranges, planner.skippedBy(operator, origin))] as const,
    );
    const outside = countFiles(skipped);
    // Of one that is away: it cannot have got what this operator has taken in since from here.
    const told = this.toldBy(operator);
    const lacking = told === undefined ? [] : this.#lackingOf(own, told);
    const filesBehind = countFiles(lacking);
    const filesAhead = countFiles(wanted) - outside;
    const connected = links.isUp(operator);
    return {
      ...{ operator, name, member, connected, sent, received },
      ...{ filesBehind, filesAhead, filesAway: connected ? 0 : this.#awayWith(operator, own) },
      filesLeaving: countFiles(sharedBy(lacking, new Map([[store.origin, this.#ports.inFlightTo(operator)]]))),
      filesArriving: countFiles(sharedBy(wanted, uniteHoldings([this.#ports.arriving(), planner.asked(operator)]))),
      lacking: new Map(lacking),
      lagMs: this.#lags.note(operator, filesBehind + filesAhead > 0, clock.monotonicMs()),
      lastExchange: lastExchangeMs === undefined ? undefined : new Date(lastExchangeMs).toISOString(),
      lastError:
        errorOf(tally, filesBehind > 0, wanted.length > 0)?.message ??
        tooLarge.reason(lacking) ??
        (filled ? undefined : outsideWindow(outside)),
    };
  }

  /** Of what a peer that is away held when it was last heard of, how many files nobody in reach holds. */
  #awayWith(operator: string, own: Holdings): number {
    const { clusterPeers, planner } = this.#ports;
    const inReach = clusterPeers().flatMap((peer) => planner.holdingsOf(peer.operator) ?? []);
    return countFiles(this.#lackingOf(this.#announced.lastOf(operator) ?? new Map(), uniteHoldings([own, ...inReach])));
  }

  /**
   * Of the files of this cluster, what `a` holds and `b` does not. What an operator that was moved has taken from its
   * former peers is of another cluster: its new peers neither get nor lack it.
   */
  #lackingOf(a: Holdings, b: Holdings): FilesByOrigin {
    return lackingOf(a, b).filter(([origin]) => this.#ports.belongsHere(origin));
  }
}

/** The files that are in both. */
const sharedBy = (files: FilesByOrigin, among: Holdings): FilesByOrigin =>
  files.map(([origin, ranges]) => [origin, intersectRanges(ranges, among.get(origin) ?? NO_FILES)] as const);

/** What failed for want of room, a database or a path is over when the files are there, by whatever way they came. */
const PASSING = /^(DISK|SQLITE|NETWORK|OPERATOR)_/;

/** The last error with a peer that still matters: `behind`, it lacks something; `ahead`, this operator does. Pure. */
const errorOf = (
  { linkError, pushError, fileError }: PeerTally,
  behind: boolean,
  ahead: boolean,
): HoldfastError | undefined => {
  const ofFile = fileError !== undefined && (ahead || !PASSING.test(fileError.code)) ? fileError : undefined;
  return linkError ?? (behind ? pushError : undefined) ?? ofFile;
};

/** Why an operator whose window leaves out files of its peers does not answer queries. */
const outsideWindow = (files: number): string | undefined =>
  files === 0
    ? undefined
    : `not filled, so no answers to queries: ${files} files of this peer are outside the consumer's window; an earlier start_date takes them`;
