import { readdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { asFault, fault, hasCode, textOf } from '../base/errors.ts';
import { makePath, syncDirectory } from '../base/files.ts';
import {
  RECEIPT_AHEAD_MAX,
  WITNESS_INTERVAL_MS,
  WITNESS_LOGS_MAX,
  WITNESS_LOGS_OPEN_MAX,
  WITNESS_LOGS_PER_NODE_MAX,
} from '../base/limits.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import type { SigningKey } from '../entry/keys.ts';
import type { PeerKey } from '../network/network.ts';
import type { PastCheckpoint } from './checkpoint-file.ts';
import {
  type Checkpoint,
  cosign,
  readCheckpoint,
  readCosignatureLine,
  withCosignatures,
  withoutOthers,
} from './checkpoint.ts';
import { type FetchEntries, fetchTree } from './memory-tree.ts';
import type { AnswerJson, Question } from './messages.ts';
import { type Origin, originText } from './origin.ts';
import { findSplit, type SplitView } from './split-view.ts';
import type { SplitViews } from './split-views.ts';
import { type Judgement, judge, witnessesOf } from './witness.ts';
import { WitnessedLog } from './witnessed-log.ts';

/** What witnessing the logs of others needs: the key to cosign with, and how their entries are fetched. */
export interface DeskPorts {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the logs of others are kept. */
  readonly dir: string;
  readonly splits: SplitViews;
  /** Network id; undefined before this node belongs to one. */
  readonly network: () => string | undefined;
  /** Entries that this node holds. */
  readonly held: () => number;
  /** Nodes that have a policy. */
  readonly registered: () => Promise<ReadonlySet<PeerKey>>;
  /** Entries of a log, from the node that it is of. */
  readonly fetch: (origin: Origin) => FetchEntries;
  /** A checkpoint was cosigned: others may compare it. */
  readonly onCosigned: (checkpoint: Checkpoint) => void;
  /** Work on a log failed. */
  readonly onFailed: (caught: unknown) => void;
  /** A split view was found: durable, and not known before. */
  readonly onSplit: (split: SplitView) => void;
}

/** A log that is witnessed, for people. */
export interface WitnessedState {
  readonly origin: Origin;
  readonly size: number;
  readonly time: number;
  readonly copied: number;
  /** Why its files cannot be read; undefined where they can. */
  readonly failure: string | undefined;
}

type CosignQuestion = Extract<Question, { readonly ask: 'cosign' }>;
type Refusal = Extract<AnswerJson, { readonly answer: 'refused' }>;

const refused = (code: string, text: string): Refusal => ({ answer: 'refused', code, text });

/**
 * Witnesses the logs of other nodes: cosigns what goes on from what it cosigned before, is on disk with it before it
 * answers, copies the entries, and finds who shows others another history.
 */
export class WitnessDesk implements Resource {
  readonly #ports: DeskPorts;
  /** Open logs by origin, the one used last at the end, and what is being done with each. */
  readonly #logs = new Map<string, Promise<WitnessedLog>>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #cosignedMs = new Map<string, number>();
  #closed = false;

  constructor(ports: DeskPorts) {
    this.#ports = ports;
  }

  /** What a node asks for its own log. */
  async cosign(peer: PeerKey, question: CosignQuestion): Promise<AnswerJson> {
    const checkpoint = readCheckpoint(question.checkpoint);
    const refusal = await this.#refusal(peer, checkpoint);
    if (refusal !== undefined) return refusal;
    const origin = originText(checkpoint.origin);
    const answer = await this.#inTurn(checkpoint.origin, async (log) => {
      const judgement = judge(log.last, { old: question.old, proof: question.proof, head: checkpoint });
      if (judgement !== 'cosign') return this.#refuse(log, checkpoint, judgement);
      const nowMs = this.#ports.clock.monotonicMs();
      if (nowMs - (this.#cosignedMs.get(origin) ?? Number.NEGATIVE_INFINITY) < WITNESS_INTERVAL_MS)
        return refused('RECEIPT_TOO_OFTEN', 'this log was cosigned a moment ago');
      if (log.copied < (log.last?.size ?? 0)) await this.#copy(log, checkpoint.origin);
      if (this.#ports.splits.has(origin)) return splitRefusal;
      return this.#give(log, checkpoint, nowMs);
    });
    if (answer.answer === 'cosigned') this.#copySoon(checkpoint.origin);
    return answer;
  }

  /**
   * Compares checkpoints that others have with what was cosigned here, which is returned: whoever has the larger tree
   * can tell. A split view that is found is kept and said.
   */
  async compare(checkpoints: readonly Checkpoint[]): Promise<readonly Checkpoint[]> {
    const cosigned: Checkpoint[] = [];
    for (const checkpoint of checkpoints) {
      if (checkpoint.origin.network !== this.#ports.network() || !this.#exists(checkpoint.origin)) continue;
      const { last, split } = await this.#inTurn(checkpoint.origin, async (log) => ({
        last: log.last,
        split: await log.compare(checkpoint),
      }));
      if (last !== undefined) cosigned.push(last);
      if (split !== undefined) await this.#found(split);
    }
    return cosigned;
  }

  /**
   * The last checkpoint of a node up to a time that was cosigned here, and whether a later one can still take its
   * place.
   */
  async upToTime(
    node: PeerKey,
    time: number,
  ): Promise<{ readonly past: PastCheckpoint; readonly lastTime: number } | undefined> {
    let best: { readonly past: PastCheckpoint; readonly lastTime: number } | undefined;
    for (const origin of await this.#originsOf(node)) {
      const found = await this.#inTurn(origin, async (log) => {
        const past = await log.upToTime(time);
        return past === undefined ? undefined : { past, lastTime: log.lastTime ?? 0 };
      });
      if (found !== undefined && (best === undefined || found.past.time >= best.past.time)) best = found;
    }
    return best;
  }

  /** Hashes of entries that were copied; fewer than asked for where the copy ends before. */
  async entries(origin: Origin, from: number, to: number): Promise<Buffer> {
    if (!this.#exists(origin)) return Buffer.alloc(0);
    return this.#inTurn(origin, (log) => log.entries(from, to));
  }

  /** The logs that are witnessed, newest log of each node first. */
  async states(): Promise<readonly WitnessedState[]> {
    const states: WitnessedState[] = [];
    for (const node of await listDirectory(this.#ports.dir))
      for (const origin of await this.#originsOf(node)) {
        const state = await this.#inTurn(origin, async ({ last, lastTime, copied }) =>
          last === undefined ? undefined : { origin, size: last.size, time: lastTime ?? 0, copied, failure: undefined },
        ).catch((caught: unknown) => {
          if (!hasCode(caught, 'RECEIPT_FILES_DAMAGED')) throw caught;
          return { origin, size: 0, time: 0, copied: 0, failure: asFault(caught).message };
        });
        if (state !== undefined) states.push(state);
      }
    return states;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#turns.values());
    for (const log of this.#logs.values()) await (await log.catch(() => undefined))?.close();
    this.#logs.clear();
  }

  async #refusal(peer: PeerKey, { origin, size }: Checkpoint): Promise<Refusal | undefined> {
    const { key, splits, held, network } = this.#ports;
    if (origin.node !== peer || origin.network !== network())
      return refused('RECEIPT_NOT_YOURS', 'a node asks for its own log in this network');
    if (splits.has(originText(origin))) return splitRefusal;
    if (size > 2 * held() + RECEIPT_AHEAD_MAX)
      return refused('RECEIPT_TOO_LARGE', `the log names ${size} entries, and here are ${held()}`);
    if (!witnessesOf(origin.network, peer, await this.#ports.registered()).includes(key.author))
      return refused('RECEIPT_NOT_CHOSEN', 'this node does not witness that log');
    if (this.#exists(origin)) return undefined;
    const nodes = await listDirectory(this.#ports.dir);
    if (
      (!nodes.includes(peer) && nodes.length >= WITNESS_LOGS_MAX) ||
      (await this.#originsOf(peer)).length >= WITNESS_LOGS_PER_NODE_MAX
    )
      return refused('RECEIPT_TOO_MANY', 'this node witnesses too many logs');
    return undefined;
  }

  async #refuse(
    log: WitnessedLog,
    checkpoint: Checkpoint,
    judgement: Exclude<Judgement, 'cosign'>,
  ): Promise<AnswerJson> {
    const { last } = log;
    const split = judgement === 'unproven' ? await this.#splitOf(last, checkpoint) : await log.compare(checkpoint);
    if (split !== undefined) {
      await this.#found(split);
      return splitRefusal;
    }
    if (judgement === 'unproven')
      return refused('RECEIPT_NOT_CONSISTENT', 'the proof does not show that this tree begins with the one before');
    return { answer: 'stale', size: last?.size ?? 0, checkpoint: last?.note ?? null };
  }

  /** A tree that its log could not prove: where the log gives its entries, they prove what it is. */
  async #splitOf(last: Checkpoint | undefined, checkpoint: Checkpoint): Promise<SplitView | undefined> {
    const { log, fetch } = this.#ports;
    const origin = originText(checkpoint.origin);
    log.warn('a log of receipts does not go on from what it showed before', { origin, size: checkpoint.size });
    if (last === undefined) return undefined;
    try {
      return await findSplit(await fetchTree(fetch(checkpoint.origin), checkpoint), checkpoint, last);
    } catch (caught) {
      log.warn('nor does it give the entries that would prove it', { origin, text: textOf(caught) });
      return undefined;
    }
  }

  async #give(log: WitnessedLog, checkpoint: Checkpoint, nowMs: number): Promise<AnswerJson> {
    const { key, clock, onCosigned } = this.#ports;
    const line = cosign(key, checkpoint.origin, checkpoint.text, Math.floor(clock.wallMs() / 1_000));
    // Cosignatures of others are not vouched for here, and their times may be anything.
    const cosigned = withCosignatures(withoutOthers(checkpoint), [readCosignatureLine(checkpoint, line)]);
    if (log.last?.size !== checkpoint.size) await log.keep(cosigned);
    this.#cosignedMs.set(originText(checkpoint.origin), nowMs);
    onCosigned(cosigned);
    return { answer: 'cosigned', line };
  }

  #copySoon(origin: Origin): void {
    void this.#inTurn(origin, (log) => this.#copy(log, origin)).catch((caught: unknown) => {
      if (!this.#closed)
        this.#ports.log.warn('the entries of a log that this node witnesses cannot be copied', {
          origin: originText(origin),
          text: textOf(caught),
        });
    });
  }

  async #copy(log: WitnessedLog, origin: Origin): Promise<void> {
    for (const split of await log.copy(this.#ports.fetch(origin))) await this.#found(split);
  }

  async #found(split: SplitView): Promise<void> {
    if (await this.#ports.splits.add(split)) this.#ports.onSplit(split);
  }

  #dirOf({ node, incarnation }: Origin): string {
    return join(this.#ports.dir, node, incarnation);
  }

  #exists(origin: Origin): boolean {
    return this.#logs.has(originText(origin)) || existsSync(this.#dirOf(origin));
  }

  async #originsOf(node: PeerKey): Promise<readonly Origin[]> {
    const network = this.#ports.network();
    if (network === undefined) return [];
    const names = await listDirectory(join(this.#ports.dir, node));
    return names.map((incarnation) => ({ network, node, incarnation }));
  }

  /** One thing at a time for each log. */
  #inTurn<T>(origin: Origin, work: (log: WitnessedLog) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(fault('RECEIPT_NOT_OPEN', 'the receipts of this node are closed'));
    const name = originText(origin);
    const done = (this.#turns.get(name) ?? Promise.resolve()).then(async () => work(await this.#opened(origin)));
    const settled = done
      .catch((caught: unknown) => this.#ports.onFailed(caught))
      .finally(() => {
        if (this.#turns.get(name) === settled) this.#turns.delete(name);
      });
    this.#turns.set(name, settled);
    return done;
  }

  async #opened(origin: Origin): Promise<WitnessedLog> {
    const name = originText(origin);
    const log = this.#logs.get(name) ?? this.#open(origin);
    this.#logs.delete(name);
    this.#logs.set(name, log);
    for (const [other, held] of this.#logs) {
      if (this.#logs.size <= WITNESS_LOGS_OPEN_MAX) break;
      if (this.#turns.has(other)) continue;
      this.#logs.delete(other);
      await (await held.catch(() => undefined))?.close();
    }
    return log.catch((caught: unknown) => {
      this.#logs.delete(name);
      throw caught;
    });
  }

  async #open(origin: Origin): Promise<WitnessedLog> {
    const dir = this.#dirOf(origin);
    await makePath(dir);
    const log = await WitnessedLog.open(dir);
    try {
      // What is cosigned must be found again after a power cut: its files under their names, and those under theirs.
      for (const level of [dir, dirname(dir), this.#ports.dir, dirname(this.#ports.dir)]) await syncDirectory(level);
      return log;
    } catch (caught) {
      await log.close();
      throw caught;
    }
  }
}

const splitRefusal = refused('RECEIPT_SPLIT_VIEW', 'this log showed two histories');

/** Names in a directory; none where it is missing. */
const listDirectory = async (path: string): Promise<readonly string[]> =>
  existsSync(path) ? (await readdir(path)).sort() : [];
