import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { PUSH_FILES_IN_FLIGHT, PUSH_STORED_BYTES_PER_S_MIN, TRANSFER_IDLE_MS } from '../base/limits.ts';
import type { ByteBudget } from '../operator/contents.ts';
import type { FileRanges, FileRecord } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import type { Arrivals } from './arrivals.ts';
import type { Intake } from './intake.ts';
import type { PeerTally } from './links.ts';
import type { Outgoing } from './transfer/outgoing.ts';
import type { TooLarge } from './transfer/too-large.ts';
import type { ClusterPeer } from './replication.ts';
import type { ReceivedBundle } from './transfer/bundle.ts';
import type { FilesByOrigin, TransferFrame, TransferJob } from './transfer/messages.ts';
import type { TransferCaller, TransferChannel, TransferEndpoint } from './transfer/protocol.ts';
import { servePull, serveWatch } from './transfer/serve.ts';

/** What peers are served from, what takes in what they push, and whom to tell of it. */
export interface ReplicationServerPorts {
  readonly endpoint: TransferEndpoint;
  readonly clock: Clock;
  readonly store: FileStore;
  readonly intake: Intake;
  readonly arrivals: Arrivals;
  readonly room: ByteBudget;
  readonly clusterPeers: () => readonly ClusterPeer[];
  readonly accepts: (origin: string) => boolean;
  readonly tally: (operator: string) => PeerTally;
  readonly tooLarge: TooLarge;
  readonly outgoing: Outgoing;
  /** A peer asks for files. */
  readonly onWant: (operator: string, files: FilesByOrigin) => void;
  /** Own files that are being pushed to a peer and that it has not acknowledged. */
  readonly inFlightTo: (operator: string) => FileRanges;
}

/** Why this side ends a channel that nothing is wrong with: it has a new one, or its caller was moved to another cluster. */
const ENDED_HERE: ReadonlySet<string> = new Set(['TRANSFER_REPLACED', 'REPLICATION_NOT_A_PEER']);

/**
 * Serves the peers of the cluster, each with at most one channel for each job: a new one takes the place of the old.
 */
export class ReplicationServer {
  readonly #ports: ReplicationServerPorts;
  readonly #channels = new Map<string, TransferChannel>();
  readonly #watchers = new Set<(lost: boolean) => void>();
  readonly #serving = new Set<Promise<void>>();
  readonly #detach: () => void;
  readonly #onStored = (): void => {
    for (const tell of this.#watchers) tell(false);
  };
  readonly #onLost = (): void => {
    for (const tell of this.#watchers) tell(true);
  };

  constructor(ports: ReplicationServerPorts) {
    this.#ports = ports;
    ports.store.notices.on('file:stored', this.#onStored);
    ports.store.notices.on('file:lost', this.#onLost);
    this.#detach = ports.endpoint.attach((caller) => {
      const serving = this.#serve(caller);
      const settled = serving.catch(() => {});
      this.#serving.add(settled);
      void settled.then(() => this.#serving.delete(settled));
      return serving;
    });
  }

  /** Drops the channels of those who are no peers any more. */
  refresh(): void {
    const keys = new Set(this.#ports.clusterPeers().map(({ peer }) => peer));
    for (const channel of this.#channels.values())
      if (!keys.has(channel.peer)) channel.abort(fault('REPLICATION_NOT_A_PEER', 'the operator left the cluster'));
  }

  /** Resolves when no peer is served any more, so that the store may be closed. */
  async close(): Promise<void> {
    this.#detach();
    this.#ports.store.notices.off('file:stored', this.#onStored);
    this.#ports.store.notices.off('file:lost', this.#onLost);
    for (const channel of this.#channels.values()) channel.abort(fault('REPLICATION_STOPPED', 'the operator stops'));
    await Promise.all(this.#serving);
  }

  async #serve({ channel, job, operator }: TransferCaller): Promise<void> {
    const peer = this.#ports.clusterPeers().find(({ peer: key }) => key === channel.peer);
    if (peer?.operator !== operator)
      throw fault('REPLICATION_NOT_A_PEER', 'the policies here know no operator of this cluster with that id and key', {
        data: { peer: channel.peer, operator },
      });
    const name = `${job} ${operator}`;
    this.#channels.get(name)?.abort(fault('TRANSFER_REPLACED', `another ${job} channel took the place of this one`));
    this.#channels.set(name, channel);
    const tally = this.#ports.tally(operator);
    try {
      await this.#do(job, channel, operator, tally);
    } catch (caught) {
      const error = asFault(caught);
      // A channel that breaks is no news here: the link says so. What the peer did wrong is, not what this side ended.
      if (!ENDED_HERE.has(error.code) && !error.code.startsWith('NETWORK_')) tally.fileError = error;
      throw error;
    } finally {
      if (this.#channels.get(name) === channel) this.#channels.delete(name);
    }
  }

  async #do(job: TransferJob, channel: TransferChannel, operator: string, tally: PeerTally): Promise<void> {
    const { store, clock, onWant, inFlightTo, tooLarge, outgoing } = this.#ports;
    switch (job) {
      case 'watch':
        return serveWatch(channel, store, clock, (task) => {
          this.#watchers.add(task);
          return () => this.#watchers.delete(task);
        });
      case 'pull':
        return servePull(channel, store, {
          peer: operator,
          wants: (files) => onWant(operator, files),
          sent: (files) => {
            tally.sent += files;
            tally.lastExchangeMs = clock.wallMs();
          },
          underWay: () => inFlightTo(operator),
          tooLarge,
          outgoing,
        });
      case 'push':
        return this.#servePush(channel, operator, tally);
    }
  }

  /** Takes what a peer pushes, bundle by bundle: one is stored while the next arrives. */
  async #servePush(channel: TransferChannel, operator: string, tally: PeerTally): Promise<void> {
    let storing: Promise<void> = Promise.resolve();
    let fail = (_: unknown): void => {};
    // A store that fails ends the reading, so that the answer to the caller says why; breaking the channel off would
    // not.
    const next = (): ReturnType<TransferChannel['read']> =>
      new Promise((resolve, reject) => {
        fail = reject;
        channel.read().then(resolve, reject);
      });
    for (let frame = await next(); frame !== undefined; frame = await next()) {
      const { bundle, leave } = await this.#readPushed(channel, operator, frame);
      try {
        await storing;
      } catch (caught) {
        leave();
        throw caught;
      }
      storing = this.#store(channel, tally, bundle).finally(leave);
      storing.catch((caught: unknown) => fail(caught));
    }
    await storing;
  }

  /**
   * From its first frame until `leave` the puller knows that these files come. Only the origin's own, and no longer
   * than an honest pusher waits for the answer: anybody else could hold back a file, and the origin one that others
   * hold, by pushing it slowly.
   */
  async #readPushed(
    channel: TransferChannel,
    operator: string,
    first: TransferFrame,
  ): ReturnType<TransferChannel['readBundle']> {
    const { arrivals, room } = this.#ports;
    const expect = (records: readonly FileRecord[], bytes: number): (() => void) =>
      arrivals.expect(
        records.filter(({ origin }) => origin === operator),
        TRANSFER_IDLE_MS + (bytes / PUSH_STORED_BYTES_PER_S_MIN) * 1_000,
      );
    let arrived = (): void => {};
    try {
      const { bundle, leave } = await channel.readBundle(first, room, (record, bytes) => {
        arrived = expect([record], bytes);
      });
      const stored = expect(
        bundle.files.map(({ record }) => record),
        bundle.bytes,
      );
      return {
        bundle,
        leave: () => {
          leave();
          stored();
        },
      };
    } finally {
      arrived();
    }
  }

  async #store(channel: TransferChannel, tally: PeerTally, bundle: ReceivedBundle): Promise<void> {
    const { intake, accepts, clock } = this.#ports;
    if (bundle.files.length > PUSH_FILES_IN_FLIGHT)
      throw fault('TRANSFER_MALFORMED', `${bundle.files.length} files pushed in one bundle`);
    const outcomes = await intake.take(bundle.files, accepts);
    const refused = outcomes.find(({ outcome }) => outcome === 'refused')?.fault;
    tally.received += outcomes.filter(({ outcome }) => outcome !== 'refused' && outcome !== 'orphan').length;
    tally.lastExchangeMs = clock.wallMs();
    if (refused !== undefined) tally.fileError = refused;
    await channel.send({
      type: 'stored',
      id: bundle.id,
      outcomes: outcomes.map(({ outcome }) => outcome),
      ...(refused === undefined ? {} : { text: refused.message.slice(0, 2_000) }),
    });
  }
}
