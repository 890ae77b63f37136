import { sleep } from '../base/clock.ts';
import { asFault, fault, hasCode, type HoldfastError } from '../base/errors.ts';
import { joinAddress } from '../base/host.ts';
import { QUERY_HEDGE_MS, QUERY_HEDGE_SLOW_MS } from '../base/limits.ts';
import { filesBehind, type Need } from './behind.ts';
import { AnswerCollector, type Budget, type Keep } from './collector.ts';
import type { Holdings } from '../operator/file-record.ts';
import { inTurn, REPLACED } from './in-turn.ts';
import type { JobRecord, PartRecord } from './jobs.ts';
import { answerHere } from './own-answer.ts';
import type { QueryPorts, QueryServiceOptions } from './ports.ts';
import { type AnswerListener, askQuery } from './remote/ask.ts';
import type { Lines } from './remote/lines.ts';
import { filesOf } from './remote/messages.ts';
import type { ClusterInfo } from '../topology/topology.ts';
import type { Candidate, TableName, Target } from './targets.ts';

/** What one target is asked, and what bounds its answer. */
export interface Question {
  readonly sql: string;
  /** Columns of a row. */
  readonly width: number;
  readonly keep: Keep;
  readonly budget: Budget;
  readonly job: JobRecord;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Files that the answer must be made from, if an operator that is up holds them. */
  readonly needs: Holdings;
  /** Origins whose rows count in other clusters. */
  readonly elsewhere: readonly string[];
}

/** What asking needs: the channels to operators beside the ports. */
export type AskPorts = QueryPorts & { readonly lines: Lines };

/** Failures that any other operator would repeat. */
const FINAL = new Set([
  'ACCESS_REFUSED',
  'QUERY_RESULT_OVERSIZE',
  'QUERY_RESULTS_BUSY',
  'QUERY_ROW_OVERSIZE',
  'SQLITE_DEADLINE',
  'SQLITE_STATEMENT',
  'SQLITE_TOO_LARGE',
]);

/**
 * Whom one step asks: a candidate; or, once more, the one that lacks the fewest files of those that refused for that.
 */
type Step = Candidate | 'behind';

/** A step that has nobody to ask again: nobody has refused because it lacks files. */
const NOBODY = 'QUERY_NOBODY_BEHIND';

/**
 * Has a target answered by one of its candidates, each in turn. One that lacks files which are known to exist is asked
 * to answer nevertheless when nobody that is up has them; the answer says so. `QUERY_CLUSTER_UNAVAILABLE` names the
 * cluster and what each operator said; an error in the SQL itself goes on as it is.
 */
export const askTarget = (
  ports: AskPorts,
  target: Target,
  question: Question,
  options: QueryServiceOptions,
): Promise<AnswerCollector> => new Asking(ports, target, question, options).run();

/** How an operator that lacks needed files is to take a question, and who waits for the answer. */
interface Try extends Pick<Need, 'behind'> {
  readonly signal: AbortSignal;
  readonly alive: () => void;
}

class Asking {
  readonly #ports: AskPorts;
  readonly #target: Target;
  readonly #question: Question;
  readonly #hedgeMs: number;
  readonly #hedgeSlowMs: number;
  /** Who said that it lacks files. */
  readonly #behind: { readonly candidate: Candidate; readonly files: number }[] = [];
  /** How many are at work on the question that would refuse it if they lacked files. */
  #asked = 0;

  constructor(ports: AskPorts, target: Target, question: Question, options: QueryServiceOptions) {
    this.#ports = ports;
    this.#target = target;
    this.#question = question;
    this.#hedgeMs = options.hedgeMs ?? QUERY_HEDGE_MS;
    this.#hedgeSlowMs = options.hedgeSlowMs ?? QUERY_HEDGE_SLOW_MS;
  }

  run(): Promise<AnswerCollector> {
    const { cluster, candidates } = this.#target;
    const ask = (step: Step, signal: AbortSignal, alive: () => void): Promise<AnswerCollector> =>
      step === 'behind' ? this.#askBehind(signal, alive) : this.#askFirst(step, signal, alive);
    // Nobody else can answer for the local databases: there is no second step, however slow the first is.
    const steps = cluster === undefined ? candidates : stepsOf(candidates);
    return inTurn<Step, AnswerCollector>(steps, ask, {
      clock: this.#ports.clock,
      signal: this.#question.signal,
      ...{ hedgeMs: this.#hedgeMs, hedgeSlowMs: this.#hedgeSlowMs },
      isFinal: (error) => cluster === undefined || error.code.startsWith('SQL_') || FINAL.has(error.code),
      exhausted: (failures) => unavailable(this.#target, failures),
    });
  }

  async #askFirst(candidate: Candidate, signal: AbortSignal, alive: () => void): Promise<AnswerCollector> {
    this.#asked += 1;
    try {
      return await this.#attempt(candidate, { behind: 'refuse', signal, alive });
    } catch (caught) {
      const files = filesBehind(asFault(caught));
      if (files !== undefined) this.#behind.push({ candidate, files });
      throw caught;
    } finally {
      this.#asked -= 1;
    }
  }

  async #askBehind(signal: AbortSignal, alive: () => void): Promise<AnswerCollector> {
    const best = this.#behind.sort((a, b) => a.files - b.files).shift();
    if (best === undefined) throw fault(NOBODY, 'nobody lacks files');
    // Somebody is still at work who may lack nothing.
    if (this.#asked > 0) await sleep(this.#ports.clock, this.#hedgeSlowMs, signal);
    return this.#attempt(best.candidate, { behind: 'answer', signal, alive });
  }

  async #attempt(candidate: Candidate, one: Try): Promise<AnswerCollector> {
    const { width, keep, budget, job } = this.#question;
    const { operator } = candidate;
    const address = operator === undefined ? '' : joinAddress({ host: operator.ip, port: operator.port });
    const part = job.part({ cluster: this.#target.cluster?.id ?? '', operator: operator?.id ?? '', address });
    const collector = new AnswerCollector(width, keep, budget, part, one.alive);
    try {
      await this.#answer(candidate, one, collector);
      one.signal.throwIfAborted();
      part.end('done');
      return collector;
    } catch (caught) {
      collector.drop();
      endPart(part, caught, one.signal);
      throw caught;
    }
  }

  async #answer({ operator, local }: Candidate, { behind, signal }: Try, listener: AnswerListener): Promise<void> {
    const { dbms, table, cluster } = this.#target;
    const { sql, deadlineMs, needs, elsewhere } = this.#question;
    const { clock, lines } = this.#ports;
    const timeoutMs = Math.max(1, Math.ceil(deadlineMs - clock.monotonicMs()));
    if (!local) {
      const peer = operator?.peer;
      if (peer === undefined) throw fault('QUERY_OPERATOR_UNKNOWN', 'its key is not known: it has not been seen yet');
      const about = { cluster: cluster?.id ?? '', elsewhere: [...elsewhere] };
      await askQuery(lines, peer, { dbms, sql, timeoutMs, needs: filesOf(needs), behind, ...about }, listener, signal);
      return;
    }
    const need = cluster && { needs, behind, cluster: cluster.id };
    const answer = await answerHere(this.#ports, { dbms, table: () => table, sql, timeoutMs, elsewhere }, need);
    listener.accepted(answer.behind);
    for await (const { bytes } of answer.chunks) {
      signal.throwIfAborted();
      listener.chunk(bytes);
    }
    listener.ended(await answer.held(), answer.left);
  }
}

/** Those believed up, then again those of them that lack files, then the others in the same way. */
const stepsOf = (candidates: readonly Candidate[]): readonly Step[] =>
  [true, false].flatMap((up) => {
    const group = candidates.filter((candidate) => candidate.up === up);
    return [...group, ...group.map(() => 'behind' as const)];
  });

const SAID_BY_CODE: ReadonlyMap<string, string> = new Map([
  ['NETWORK_NOT_CONNECTED', 'not connected'],
  ['NETWORK_NO_GRANT', 'its key has no grant any more (revoked, or handed to a new key)'],
]);

/** Why a candidate failed, behind its name: the messages of these would name it again, by its key. */
const whyOf = ({ code, message }: HoldfastError): string => SAID_BY_CODE.get(code) ?? message;

const unavailable = (
  { cluster, dbms, table }: Target,
  failures: readonly { readonly candidate: Step; readonly error: HoldfastError }[],
): HoldfastError => {
  const said = failures.flatMap(({ candidate, error }) =>
    candidate === 'behind' ? [] : [`${candidate.operator?.name ?? 'this node'}: ${whyOf(error)}`],
  );
  const name = cluster === undefined ? 'the local databases' : `the cluster ${cluster.name} (${cluster.id})`;
  const isEmpty = cluster?.operators.length === 0;
  const why = isEmpty ? 'it has no operator: none has joined it, or they were moved or deleted' : said.join('; ');
  return fault('QUERY_CLUSTER_UNAVAILABLE', `no operator of ${name} answered for ${dbms}.${table}: ${why}`, {
    data: { cluster: cluster?.id ?? '', dbms, table },
    hint: isEmpty
      ? withoutOperators(cluster, { dbms, table })
      : 'start an operator of the cluster, or ask for what there is with `partial = true`',
  });
};

/** Nobody knows whether an operator that was deleted left rows behind that nobody else has: people have to say it. */
const withoutOperators = ({ id, tables }: ClusterInfo, { dbms, table }: TableName): string => {
  const policy = tables.find((each) => each.dbms === dbms && each.table === table)?.policy ?? id;
  return (
    'let an operator join it, or ask for what there is with `partial = true`; where all of its operators were moved, ' +
    'their rows count in their new clusters: when one of these has the table (see get data nodes), end it here: ' +
    `blockchain delete policy where id = ${policy}`
  );
};

const endPart = (part: PartRecord, caught: unknown, signal: AbortSignal): void => {
  const error = asFault(caught);
  if (signal.reason === REPLACED) part.end('Replaced');
  else part.end(filesBehind(error) === undefined ? 'Error' : 'Behind', error.message);
};

/** The time-out of the query, whoever noticed it. */
export const asTimeout = (error: HoldfastError, timeoutMs: number): HoldfastError =>
  hasCode(error, 'SQLITE_DEADLINE') || hasCode(error, 'QUERY_TIMEOUT')
    ? fault('QUERY_TIMEOUT', `the query did not end within ${timeoutMs} ms`, {
        hint: 'narrow the time range, or raise the time-out',
        cause: error,
      })
    : error;
