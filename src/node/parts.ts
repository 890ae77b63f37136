import { join } from 'node:path';
import { type Clock, sleep } from '../base/clock.ts';
import { DISK_LOOK_MS } from '../base/limits.ts';
import type { DiskHealth } from '../base/disk.ts';
import { asFault, fault, hasCode, textOf } from '../base/errors.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { StateFile } from '../base/state-file.ts';
import type { NodeControl } from '../command/context.ts';
import type { Network } from '../network/network.ts';
import { createOperator } from '../operator/create-operator.ts';
import type { Operator, OperatorOptions } from '../operator/operator.ts';
import { createTableRegistry } from '../operator/table-registry.ts';
import type { Policies } from '../policy/policies.ts';
import { createReplication } from '../replication/create-replication.ts';
import { createFilledFlag } from '../replication/filled-flag.ts';
import type { ClusterPeer, Consumer, Distributor, Replication } from '../replication/replication.ts';
import { ScrubEndpoint } from '../replication/scrub/protocol.ts';
import { TransferEndpoint } from '../replication/transfer/protocol.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import { foreignTo, homeOf } from '../topology/home.ts';
import type { Topology } from '../topology/topology.ts';
import type { NodePaths } from './paths.ts';
import { filesMarkOf } from './restore/mark.ts';

/** What operator, distributor and consumer are made from. */
export interface PartsPorts {
  readonly network: Network;
  readonly policies: Policies;
  readonly sqlite: Sqlite;
  readonly topology: () => Topology;
  readonly paths: NodePaths;
  /** Rejects where this node must write nothing, with the reason. */
  readonly mayWrite: () => Promise<void>;
  /** Resolves when a node that was restored has asked its peers for what it lacks of the ledger. */
  readonly asked: Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly disk: DiskHealth;
}

/** An operator with what it shares with its peers; they live and end together. */
interface Operating {
  readonly operator: Operator;
  readonly replication: Replication;
  /** Says that the operator is filled. */
  readonly filledFile: StateFile;
  /** Aborted when it stops. */
  readonly stopped: AbortController;
  distributor: Distributor | undefined;
  consumer: Consumer | undefined;
}

/** The other operators of an operator's cluster whose key is known; derived again only when the topology has changed. */
const followPeers = (topology: () => Topology, self: string): (() => readonly ClusterPeer[]) => {
  let seen: Topology | undefined;
  let peers: readonly ClusterPeer[] = [];
  return () => {
    const now = topology();
    if (now === seen) return peers;
    seen = now;
    const cluster = now.operators.get(self)?.cluster;
    const operators = cluster === undefined ? [] : (now.clusters.get(cluster)?.operators ?? []);
    peers = operators.flatMap(({ id, name, member, peer }) =>
      id === self || peer === undefined ? [] : [{ operator: id, name, member, peer }],
    );
    return peers;
  };
};

/** What is in force is known all the same, but for what is being fetched. */
export const unlessArchived = (caught: unknown): void => {
  if (!hasCode(caught, 'ENTRY_ARCHIVED')) throw caught;
};

/** A ledger that cannot be read now is read again. Rejects when the operator stops. */
const policiesKnown = async ({ policies, clock }: PartsPorts, stopped: AbortSignal): Promise<void> => {
  for (;;) {
    try {
      await policies.caughtUp().catch(unlessArchived);
      return;
    } catch {
      await sleep(clock, DISK_LOOK_MS, stopped);
    }
  }
};

/** The parts of a node that commands start and stop: operator, distributor, consumer. */
export class Parts implements Resource {
  readonly #ports: PartsPorts;
  readonly #endpoint: TransferEndpoint;
  readonly #scrubEndpoint: ScrubEndpoint;
  readonly #refresh = (): void => {
    this.#running?.operator.refresh();
    this.#running?.replication.refresh();
  };
  #running: Operating | undefined;
  /** Starts and stops of the operator go one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(ports: PartsPorts) {
    this.#ports = ports;
    this.#endpoint = new TransferEndpoint(ports.network, ports.clock);
    this.#scrubEndpoint = new ScrubEndpoint(ports.network, ports.clock);
    ports.policies.notices.on('policy:changed', this.#refresh);
  }

  get operator(): Operator | undefined {
    return this.#running?.operator;
  }

  get distributor(): Distributor | undefined {
    return this.#running?.distributor;
  }

  get consumer(): Consumer | undefined {
    return this.#running?.consumer;
  }

  get replication(): Replication | undefined {
    return this.#running?.replication;
  }

  /** The running operator's policy id and what it shares with its peers. */
  get sharing(): { readonly operator: string; readonly replication: Replication } | undefined {
    const running = this.#running;
    return running && { operator: running.operator.store.origin, replication: running.replication };
  }

  /** What `run …` and `exit …` do. */
  readonly control: Omit<NodeControl, 'seedFrom' | 'rotateKey' | 'exitNode' | 'startBackup' | 'stopBackup'> = {
    startOperator: (options) => this.#inTurn(() => this.#startOperator(options)),
    stopOperator: () => this.#inTurn(() => this.#stopOperator()),
    startDistributor: async () => {
      const running = this.#needOperator('the distributor');
      running.distributor = running.replication.startDistributor();
    },
    stopDistributor: async () => {
      await this.#running?.distributor?.close();
      if (this.#running !== undefined) this.#running.distributor = undefined;
    },
    startConsumer: async (options) => {
      const running = this.#needOperator('the consumer');
      running.consumer = running.replication.startConsumer(options);
    },
    stopConsumer: async () => {
      await this.#running?.consumer?.close();
      if (this.#running !== undefined) this.#running.consumer = undefined;
    },
  };

  /** Somebody met damage in a database file: the operator that runs sets it aside; one that starts looks for itself. */
  databaseDamaged(dbms: string): void {
    this.#running?.operator.store.setDatabaseAside(dbms).catch((caught: unknown) => {
      this.#ports.log.error(`the damaged database ${dbms} cannot be set aside`, { error: asFault(caught).message });
    });
  }

  async close(): Promise<void> {
    this.#ports.policies.notices.off('policy:changed', this.#refresh);
    await this.#inTurn(() => this.#stopOperator());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(work);
    this.#changing = done.catch(() => {});
    return done;
  }

  async #startOperator(options: OperatorOptions): Promise<void> {
    if (this.#running !== undefined)
      throw fault('COMMAND_RUNNING', 'the operator runs already', {
        hint: 'to start it with other options: exit operator, then run it again',
      });
    const { topology, policies, paths, log } = this.#ports;
    const origin = options.policy;
    const ownFilesKnown = Promise.withResolvers<undefined>();
    const older = filesMarkOf(paths);
    const stopped = new AbortController();
    const operator = await createOperator(
      {
        ...this.#ports,
        log: log.child('operator'),
        registry: createTableRegistry({ policies, topology, operator: origin, log: log.child('operator') }),
        members: () => new Map([...topology().operators.values()].map(({ id, member }) => [id, member])),
        drops: () => topology().dropsOf(topology().operators.get(origin)?.cluster ?? ''),
        heard: () => policies.caughtUp().catch(unlessArchived),
        numberingAllowed: ownFilesKnown.promise,
        mayWrite: async () => {
          await this.#ports.mayWrite();
          this.#checkOwner(origin);
        },
      },
      options,
    );
    const filledFile = new StateFile(join(paths.state, `filled-${origin}`), this.#ports);
    let replication: Replication;
    try {
      replication = await createReplication({
        ...this.#ports,
        endpoint: this.#endpoint,
        scrubEndpoint: this.#scrubEndpoint,
        store: operator.store,
        clusterPeers: followPeers(topology, origin),
        cluster: () => homeOf(topology(), origin),
        isForeign: (other) => foreignTo(topology(), origin, [other]).length > 0,
        filledFlag: createFilledFlag(filledFile),
        ...(older && { older: this.#ports.asked.then(() => policiesKnown(this.#ports, stopped.signal)) }),
        log,
      });
    } catch (caught) {
      stopped.abort();
      // It is known to nobody yet, so nobody else could stop it.
      await operator.close().catch((closing: unknown) => {
        log.error('the operator that cannot start does not stop cleanly', { error: asFault(closing).message });
      });
      throw caught;
    }
    ownFilesKnown.resolve(
      replication.ownFilesKnown().then(async () => {
        await older?.clear().catch((caught: unknown) => {
          log.warn(
            `the mark of the restored files stays: every peer is asked again at the next start: ${textOf(caught)}`,
          );
        });
        return undefined;
      }),
    );
    this.#running = { operator, replication, filledFile, stopped, distributor: undefined, consumer: undefined };
  }

  /** A node that was taken for lost may come back after another took over its policy: both would give the same numbers. */
  #checkOwner(origin: string): void {
    const { topology, network } = this.#ports;
    const peer = topology().operators.get(origin)?.peer;
    if (peer === undefined || peer === network.self) return;
    throw fault(
      'OPERATOR_REPLACED',
      `the operator policy ${origin} was taken over by another node: data is not taken here`,
      {
        data: { origin, peer },
        hint: 'send the data to that node; for this one insert an operator policy of its own',
      },
    );
  }

  async #stopOperator(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.stopped.abort();
    try {
      await running?.replication.close();
      await running?.filledFile.close();
    } finally {
      await running?.operator.close();
    }
  }

  #needOperator(what: string): Operating {
    if (this.#running === undefined)
      throw fault('NODE_NO_OPERATOR', `${what} needs a running operator`, {
        hint: 'first: run operator where policy = ID',
      });
    return this.#running;
  }
}
