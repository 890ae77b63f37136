import type { Clock } from '../base/clock.ts';
import { fault } from '../base/errors.ts';
import { NUMBERING_LEAP, PEERS_WAIT_EMPTY_MS, PEERS_WAIT_MS, TRANSFER_RECEIVING_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Network } from '../network/network.ts';
import { ByteBudget } from '../operator/contents.ts';
import { believedRanges, newestOf } from '../operator/file-numbers.ts';
import type { FileRanges, Holdings } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import { uniteRanges } from '../operator/ranges.ts';
import type { Shortfall } from './announced.ts';
import { Arrivals } from './arrivals.ts';
import { PullingConsumer } from './consumer.ts';
import { PushingDistributor } from './distributor.ts';
import { FillState } from './fill.ts';
import { FilledKeeper, type Kept, keptOf } from './filled-flag.ts';
import { Intake } from './intake.ts';
import { PeerLinks } from './links.ts';
import { Membership } from './membership.ts';
import { PeerStandings } from './peer-standings.ts';
import { Puller } from './puller.ts';
import type {
  ClusterPeer,
  Consumer,
  ConsumerOptions,
  Distributor,
  FilledFlag,
  PeerReplication,
  Replication,
} from './replication.ts';
import type { ScrubEndpoint } from './scrub/protocol.ts';
import { Scrubber } from './scrub/scrubber.ts';
import { ReplicationServer } from './server.ts';
import { heldByAll, NO_FILES } from './transfer/holdings.ts';
import type { TransferEndpoint } from './transfer/protocol.ts';
import { PullPlanner } from './transfer/state.ts';
import { Outgoing } from './transfer/outgoing.ts';
import { TooLarge } from './transfer/too-large.ts';

/** What keeping the files of a cluster the same needs: the own store, the network, and who belongs to the cluster. */
export interface ReplicationPorts {
  readonly network: Network;
  /** The node's one registration of the transfer protocol. */
  readonly endpoint: TransferEndpoint;
  /** Its registration of the scrub protocol. */
  readonly scrubEndpoint: ScrubEndpoint;
  readonly store: FileStore;
  /** The other operators of the own cluster whose key is known, as the policies are now. Asked often: remembered by who makes it. */
  readonly clusterPeers: () => readonly ClusterPeer[];
  /** Whether an id is that of an operator of another cluster, as the policies are now. Default: none is known to be. */
  readonly isForeign?: (operator: string) => boolean;
  /** The own cluster, as the policies are now: one that is moved has to be filled again. */
  readonly cluster?: () => string | undefined;
  readonly filledFlag: FilledFlag;
  /**
   * The store is that of a backup, older than what this operator once held and numbered: it answers and numbers only when every
   * peer was compared. Resolves when the policies are as new as those of the peers, so that these are all known; rejects when it
   * stops before.
   */
  readonly older?: Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Starts what an operator shares with its peers. Closing it ends distributor and consumer too. */
export const createReplication = async (ports: ReplicationPorts): Promise<Replication> =>
  new ClusterReplication(ports, await keptOf(ports));

class ClusterReplication implements Replication {
  readonly #ports: ReplicationPorts;
  readonly #planner: PullPlanner;
  #fill: FillState;
  readonly #membership: Membership;
  readonly #keeper: FilledKeeper;
  readonly #intake: Intake;
  readonly #links: PeerLinks;
  readonly #standings: PeerStandings;
  readonly #puller: Puller;
  readonly #server: ReplicationServer;
  readonly scrubber: Scrubber;
  readonly #onStored = (): void => this.#look();
  readonly #onLost = (): void => this.#fillAgain();
  #distributor: PushingDistributor | undefined;
  #consumer: PullingConsumer | undefined;
  readonly #ownFiles = Promise.withResolvers<undefined>();
  readonly #compared = new Set<string>();
  readonly #tooLarge: TooLarge;
  readonly #outgoing: Outgoing;
  /** Files that were held here before the start; a peer that was not heard of since may hold them. */
  readonly #lost: Holdings;
  readonly #ownLost: boolean;
  #peersKnown: boolean;
  readonly #startedMs: number;
  #ownKnown = false;
  #waited = false;
  #cancelWait: () => void;
  #closed = false;

  constructor(ports: ReplicationPorts, { filled, remembered, lost, ownLost, cluster }: Kept) {
    this.#ports = ports;
    this.#lost = lost;
    this.#ownLost = ownLost;
    this.#peersKnown = ports.older === undefined;
    this.#startedMs = ports.clock.monotonicMs();
    const { network, clock, random, store, clusterPeers, endpoint, log } = ports;
    this.#membership = new Membership({ ...ports, self: store.origin }, cluster);
    this.#keeper = new FilledKeeper(ports.filledFlag, { filled, files: remembered, cluster }, clock, this.#membership);
    this.#fill = new FillState(filled, ports.older !== undefined);
    this.#planner = new PullPlanner(store.origin);
    const isMember = (origin: string): boolean => clusterPeers().some(({ operator }) => operator === origin);
    this.#intake = new Intake(store, isMember);
    this.#tooLarge = new TooLarge(clock);
    this.#outgoing = new Outgoing(clock);
    const room = new ByteBudget(TRANSFER_RECEIVING_BYTES_MAX);
    const tally = (operator: string): ReturnType<PeerLinks['tally']> => this.#links.tally(operator);
    const accepts = this.#membership.belongsHere;
    const arrivals = new Arrivals(clock, () => this.#puller.soon());
    this.#puller = new Puller({
      ...{ network, clock, store, room, accepts, tally, arrivals },
      log: log.child('replication'),
      intake: this.#intake,
      planner: this.#planner,
      cluster: () => clusterPeers().map(({ operator }) => operator),
      onProgress: () => this.#look(),
    });
    const inFlightTo = (operator: string): FileRanges => this.#distributor?.inFlightTo(operator) ?? NO_FILES;
    this.#server = new ReplicationServer({
      ...{
        clock,
        store,
        room,
        tally,
        clusterPeers,
        endpoint,
        arrivals,
        tooLarge: this.#tooLarge,
        outgoing: this.#outgoing,
      },
      accepts: isMember,
      intake: this.#intake,
      onWant: (operator, files) => {
        for (const [origin, ranges] of files) if (origin === store.origin) this.#distributor?.drop(operator, ranges);
      },
      inFlightTo,
    });
    this.#links = new PeerLinks({ network, clock, random, self: store.origin, clusterPeers }, this.#linkListener());
    this.#standings = new PeerStandings({
      ...{ store, clock, clusterPeers, planner: this.#planner, links: this.#links, tooLarge: this.#tooLarge },
      ...{ belongsHere: accepts, inFlightTo, arriving: () => arrivals.files },
    });
    // Where nobody waits for them.
    this.#ownFiles.promise.catch(() => {});
    this.scrubber = new Scrubber({
      ...{ network, clock, store, room, clusterPeers },
      endpoint: ports.scrubEndpoint,
      self: store.origin,
      isUp: (operator) => this.#links.isUp(operator),
      log: log.child('scrub'),
    });
    store.notices.on('file:stored', this.#onStored);
    store.notices.on('file:lost', this.#onLost);
    this.#cancelWait = this.#waitForPeers(store.holdings().has(store.origin) ? PEERS_WAIT_MS : PEERS_WAIT_EMPTY_MS);
    this.refresh();
    ports.older?.then(
      () => this.#knowPeers(),
      () => {},
    );
  }

  get filled(): boolean {
    return this.#mayAnswer && !this.#ports.store.losing();
  }

  answersFrom(dbms: string): boolean {
    return this.#mayAnswer && !this.#ports.store.losing(dbms);
  }

  get #mayAnswer(): boolean {
    return this.#answers() && !this.#membership.isMoving && !this.scrubber.holdsBack;
  }

  get heard(): boolean {
    return this.#comparedAll || this.#ports.clock.monotonicMs() >= this.#startedMs + PEERS_WAIT_MS;
  }

  get awaited(): readonly ClusterPeer[] {
    const { clusterPeers } = this.#ports;
    return this.#fill.older ? clusterPeers().filter(({ operator }) => !this.#compared.has(operator)) : [];
  }

  peers(): readonly PeerReplication[] {
    return this.#ports.clusterPeers().map((peer) => this.#standings.of(peer, this.#fill.filled));
  }

  startDistributor(): Distributor {
    if (this.#distributor !== undefined) throw alreadyRunning('distributor');
    const { network, clock, store } = this.#ports;
    const distributor = new PushingDistributor({
      ...{ network, clock, store, tooLarge: this.#tooLarge, outgoing: this.#outgoing },
      targets: () => this.#ports.clusterPeers().filter(({ operator }) => this.#links.isUp(operator)),
      holdingsOf: (operator) => this.#planner.holdingsOf(operator),
      onDelivered: (operator, files) => {
        this.#planner.announced(operator, [[store.origin, files]], clock.monotonicMs());
        this.#standings.noteNews(operator);
      },
      isReturning: (file) => this.#intake.isReturning(file),
      tally: (operator) => this.#links.tally(operator),
      peers: () => this.peers(),
      onClose: () => {
        if (this.#distributor === distributor) this.#distributor = undefined;
      },
    });
    this.#distributor = distributor;
    return distributor;
  }

  startConsumer(options: ConsumerOptions): Consumer {
    if (this.#consumer !== undefined) throw alreadyRunning('consumer');
    const { clock, random } = this.#ports;
    this.#planner.forgetSkipped();
    const consumer = new PullingConsumer(
      {
        ...{ clock, random },
        peers: () => this.peers(),
        filled: () => this.#answers(),
        setWindow: (window) => this.#puller.setWindow(window),
        compare: () => this.#links.compareAll(),
        pullNow: () => {
          this.#planner.hurry();
          return this.#puller.idle();
        },
        onClose: () => {
          if (this.#consumer === consumer) this.#consumer = undefined;
        },
      },
      options,
    );
    this.#consumer = consumer;
    return consumer;
  }

  ownFilesKnown(): Promise<void> {
    this.#look();
    return this.#ownFiles.promise.then(() => this.#keeper.saved());
  }

  known(): Holdings {
    const known = new Map(this.#ports.store.holdings());
    for (const { operator } of this.#ports.clusterPeers())
      for (const [origin, told] of this.#planner.holdingsOf(operator) ?? []) {
        // A drop is made of it, and the origin numbers behind that.
        const ranges = believedRanges(told, newestOf(this.#ports.store.holdings(), origin));
        if (this.#membership.belongsHere(origin)) known.set(origin, uniteRanges(known.get(origin) ?? NO_FILES, ranges));
      }
    return known;
  }

  shortfall(needed: Holdings): Shortfall {
    const told = this.#ports.clusterPeers().flatMap(({ operator }) => {
      const holdings = this.#standings.toldBy(operator);
      return holdings === undefined ? [] : [this.#membership.ofCluster(holdings)];
    });
    if (!this.#comparedAll) told.push(this.#membership.ofCluster(this.#lost));
    return this.#standings.shortfall(told, needed);
  }

  committedRanges(): Holdings | undefined {
    const told: Holdings[] = [];
    for (const operator of this.#links.active()) {
      const holdings = this.#standings.toldBy(operator);
      if (holdings === undefined) return undefined;
      told.push(holdings);
    }
    return heldByAll(this.#ports.store.holdings(), told);
  }

  refresh(): void {
    if (this.#closed) return;
    if (this.#membership.look()) this.#fillAgain();
    this.#links.refresh();
    this.#planner.keepOnly(this.#ports.clusterPeers().map(({ operator }) => operator));
    this.#standings.refresh();
    this.#server.refresh();
    this.#puller.soon();
    this.#look();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelWait();
    this.#ports.store.notices.off('file:stored', this.#onStored);
    this.#ports.store.notices.off('file:lost', this.#onLost);
    await this.#consumer?.close();
    await this.#distributor?.close();
    this.#puller.close();
    this.#links.close();
    await this.#server.close();
    await this.scrubber.close();
    if (this.#fill.filled) await this.#keeper.close(this.#ports.store.holdings());
    this.#ownFiles.reject(fault('REPLICATION_STOPPED', 'the operator stops'));
  }

  #linkListener(): ConstructorParameters<typeof PeerLinks>[1] {
    return {
      up: (peer) => this.#puller.up(peer),
      down: (peer) => {
        this.#puller.down(peer.operator);
        this.#distributor?.down(peer.operator);
      },
      compared: (peer, holdings) => {
        const believed = this.#believed(holdings);
        this.#planner.compared(peer.operator, believed, this.#ports.clock.monotonicMs());
        this.#standings.noteNews(peer.operator);
        this.#compared.add(peer.operator);
        this.#fill.compared(peer.operator, this.#membership.ofCluster(believed));
        this.#puller.soon();
        this.#look();
        if (!this.#fill.filled) this.#keeper.want(this.#fill.wanted);
      },
      announced: (peer, files) => {
        this.#planner.announced(peer.operator, [...this.#believed(files)], this.#ports.clock.monotonicMs());
        this.#standings.noteNews(peer.operator);
        this.#puller.soon();
      },
    };
  }

  #knowPeers(): void {
    this.#peersKnown = true;
    this.#look();
  }

  #waitForPeers(ms: number): () => void {
    this.#waited = false;
    return this.#ports.clock.after(ms, () => {
      this.#waited = true;
      this.#look();
    });
  }

  /**
   * Files were lost with their database, or the operator was moved to another cluster: queries are answered when the peers have given what
   * they hold, as after a start.
   */
  #fillAgain(): void {
    if (this.#closed) return;
    this.#fill = new FillState(false, this.#fill.older);
    this.#compared.clear();
    for (const { operator } of this.#ports.clusterPeers()) {
      const holdings = this.#planner.holdingsOf(operator);
      if (holdings === undefined) continue;
      this.#compared.add(operator);
      this.#fill.compared(operator, this.#membership.ofCluster(holdings));
    }
    this.#cancelWait();
    this.#cancelWait = this.#waitForPeers(PEERS_WAIT_EMPTY_MS);
    this.#puller.soon();
  }

  /** Of own files: a number far beyond those that were given would keep new ones waiting, and end the numbering. */
  #believed(told: Iterable<readonly [string, FileRanges]>): Map<string, FileRanges> {
    const newest = Math.max(newestOf(this.#lost, this.#self), newestOf(this.#ports.store.holdings(), this.#self));
    const ofOrigin = (origin: string, ranges: FileRanges): FileRanges =>
      origin === this.#self ? believedRanges(ranges, newest) : ranges;
    return new Map([...told].map(([origin, ranges]) => [origin, ofOrigin(origin, ranges)]));
  }

  get #self(): string {
    return this.#ports.store.origin;
  }

  #answers(): boolean {
    return this.#fill.answers({
      own: this.#ports.store.holdings(),
      peers: this.#ports.clusterPeers().map(({ operator }) => operator),
      waited: this.#waited,
      peersKnown: this.#peersKnown,
      belongsHere: this.#membership.belongsHere,
    });
  }

  /** Looks whether what is waited for has come: the own files, everything of the peers. */
  #look(): void {
    if (this.#closed) return;
    this.#answers();
    if (this.#fill.filled) this.#keeper.note(this.#ports.store.holdings());
    if (this.#ownKnown || this.#fill.older) return;
    if (this.#planner.ownLacking(this.#ports.store.holdings()).length > 0) return;
    if (!this.#comparedAll) {
      if (!this.#waited) return;
      if (this.#ownLost) this.#leapOverLost();
    }
    this.#ownKnown = true;
    this.#ownFiles.resolve(undefined);
  }

  get #comparedAll(): boolean {
    return this.#ports.clusterPeers().every(({ operator }) => this.#compared.has(operator));
  }

  /**
   * Files were lost here, and a peer that may hold own ones does not answer: numbers go on far beyond those that were given,
   * as far as is known, since a number that a peer holds with another content would never get there.
   */
  #leapOverLost(): void {
    const { store } = this.#ports;
    const newest = [this.#lost, store.holdings()].map((files) => newestOf(files, this.#self));
    store.numberFrom(Math.max(...newest) + NUMBERING_LEAP);
  }
}

const alreadyRunning = (what: string): Error =>
  fault('REPLICATION_ALREADY_RUNNING', `the ${what} is running already`, { hint: `end it first: exit ${what}` });
