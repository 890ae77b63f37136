import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { waitFor } from '../../test/support/wait.ts';
import { DBMS, TABLE, type FaultCluster, type Name } from './cluster.ts';

/** Rows of one request or file. Row `i` of group `g` has the reading `10 g + i`, which no other row has. */
export const GROUP_ROWS = 10;
const PAUSE_MS_MAX = 40;
const FLUSH_MS = 400;
const RETRY_MS_MAX = 60_000;
/** A client gives up a request after so long; what it asked for may still be done. */
export const ANSWER_MS_MAX = 5_000;

/** What a data source knows of a group that it sent. */
interface Group {
  /** It was told that the rows are durable. */
  acknowledged: boolean;
  /** How many rows of it the operators held when it was last looked at. */
  held: number | undefined;
}

const rowsOf = (group: number): string =>
  Array.from({ length: GROUP_ROWS }, (_, at) => {
    const reading = group * GROUP_ROWS + at;
    const timestamp = new Date(Date.UTC(2026, 0, 1) + reading * 1_000).toISOString();
    return JSON.stringify({ timestamp, device: `device-${reading % 4}`, reading, value: (reading % 100) / 4 });
  }).join('\n');

const inTime = <T>(answer: Promise<T>): Promise<T> => {
  const late = new AbortController();
  const limit = delay(ANSWER_MS_MAX, undefined, { signal: late.signal }).then(() => {
    throw new Error('no answer in time');
  });
  return Promise.race([answer, limit]).finally(() => late.abort());
};

/** Data sources and users that write all the time, and write down what they were told. */
export class Load {
  readonly groups = new Map<number, Group>();
  /** Names of policies → whether the node said that it has them. */
  readonly policies = new Map<string, boolean>();
  readonly #cluster: FaultCluster;
  readonly #random: SeededRandom;
  readonly #pauseMsMax: number;
  readonly #policyMsMax: number;
  /** Groups whose file got no answer: a client sends the same again, to whichever operator. */
  #unanswered: number[] = [];
  #running: Promise<unknown> | undefined;
  #stop = new AbortController();
  /** The only node on which policies are written just now. */
  policiesOn: Name | undefined;

  /** Each client waits up to `pauseMsMax` between two requests, the one that writes policies `policyMsMax`. */
  constructor(
    cluster: FaultCluster,
    random: SeededRandom,
    { pauseMsMax = PAUSE_MS_MAX, policyMsMax = 3 * PAUSE_MS_MAX } = {},
  ) {
    this.#cluster = cluster;
    this.#random = random;
    this.#pauseMsMax = pauseMsMax;
    this.#policyMsMax = policyMsMax;
  }

  start(): void {
    this.#stop = new AbortController();
    const clients = [this.#put(), this.#put(), this.#stream(), this.#drop(), this.#insert(), this.#flush()];
    this.#running = Promise.all(clients);
    // Told by `stop`.
    this.#running.catch(() => {});
  }

  /** Ends all clients. With every node up, files without an answer are sent until there is one. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#running = undefined;
  }

  /** One more request for a node; whether it was answered in time. */
  async putOn(name: Name): Promise<boolean> {
    const group = this.#new();
    const isAnswered = await this.#putGroup(group, [this.#cluster.node(name)]);
    if (!isAnswered) this.#unanswered.push(group);
    return isAnswered;
  }

  async settle(): Promise<void> {
    for (const group of this.#unanswered.splice(0))
      await waitFor(() => this.#putGroup(group), {
        timeoutMs: RETRY_MS_MAX,
        everyMs: 100,
        what: `an answer to ${group}`,
      });
  }

  #new(): number {
    const group = this.groups.size;
    this.groups.set(group, { acknowledged: false, held: undefined });
    return group;
  }

  #acknowledge(group: number): void {
    const found = this.groups.get(group);
    if (found !== undefined) found.acknowledged = true;
  }

  async #loop(work: () => Promise<unknown>, pauseMs = this.#pauseMsMax): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await work();
      await delay(this.#random.integer(1, pauseMs));
    }
  }

  #put(): Promise<void> {
    return this.#loop(async () => {
      const group = this.#unanswered.shift() ?? this.#new();
      if (!(await this.#putGroup(group))) this.#unanswered.push(group);
    });
  }

  async #putGroup(group: number, up = this.#cluster.up()): Promise<boolean> {
    if (up.length === 0) return false;
    try {
      await inTime(this.#random.pick(up).put(DBMS, TABLE, rowsOf(group)));
    } catch {
      return false;
    }
    this.#acknowledge(group);
    return true;
  }

  /** Without an answer these rows may be in or not; sent again they could be in twice, so they are not. */
  #stream(): Promise<void> {
    return this.#loop(async () => {
      const up = this.#cluster.up();
      if (up.length === 0) return;
      const group = this.#new();
      await inTime(this.#random.pick(up).put(DBMS, TABLE, rowsOf(group), 'streaming')).then(
        () => this.#acknowledge(group),
        () => {},
      );
    });
  }

  /** Also while the node is down: what lies in the directory waits there. */
  #drop(): Promise<void> {
    return this.#loop(async () => {
      const group = this.#new();
      const dir = this.#cluster.dirOf(this.#random.pick(this.#cluster.names));
      const whole = join(dir, 'data', 'prep', `${group}`);
      await writeFile(whole, rowsOf(group));
      await rename(whole, join(dir, 'data', 'watch', `${DBMS}.${TABLE}.${group}.json`));
      this.#acknowledge(group);
    }, 3 * this.#pauseMsMax);
  }

  #insert(): Promise<void> {
    return this.#loop(async () => {
      const up = this.#cluster
        .up()
        .filter(({ facts }) => this.policiesOn === undefined || facts.name === this.policiesOn);
      if (up.length === 0) return;
      const name = `site-${this.policies.size}`;
      this.policies.set(name, false);
      const command = `blockchain insert where policy = {"site": {"name": "${name}"}}`;
      await inTime(this.#random.pick(up).run(command)).then(
        () => this.policies.set(name, true),
        () => {},
      );
    }, this.#policyMsMax);
  }

  #flush(): Promise<void> {
    return this.#loop(
      () => Promise.all(this.#cluster.up().map((node) => inTime(node.run('flush buffers')).catch(() => ''))),
      FLUSH_MS,
    );
  }
}
