import { sleep } from '../base/clock.ts';
import { asFault, fault, hasCode, type HoldfastError } from '../base/errors.ts';
import { joinAddress } from '../base/host.ts';
import { QUERY_HEDGE_MS, QUERY_HEDGE_SLOW_MS } from '../base/limits.ts';
import { filesBehind, heldNow, type Need, readyToAnswer } from './behind.ts';
import { AnswerCollector, type Budget, type Keep } from './collector.ts';
import type { Holdings } from '../operator/file-record.ts';
import { inTurn, REPLACED } from './in-turn.ts';
import type { JobRecord, PartRecord } from './jobs.ts';
import { memberNumbers } from './numbered.ts';
import type { QueryPorts, QueryServiceOptions } from './ports.ts';
import { queryStreams } from './procedures.ts';
import { type AnswerListener, askQuery } from './remote/ask.ts';
import type { Lines } from './remote/lines.ts';
import { filesOf } from './remote/messages.ts';
import type { Candidate, Target } from './targets.ts';

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

/** One step of asking: a candidate, or whoever said that it lacks the fewest files. */
type Step = Candidate | 'behind';

/** Nobody has said that it lacks files: there is nobody to ask again. */
const NOBODY = 'QUERY_NOBODY_BEHIND';

/**
 * Has a target answered by one of its candidates, each in turn. One that lacks files which are known to exist is asked
 * to answer nevertheless when nobody that is up has them; the answer says so. `QUERY_CLUSTER_UNAVAILABLE` names the
 * cluster and what each operator said; an error in the SQL itself goes on as it is.
 */
export const askTarget = async (
  ports: AskPorts,
  target: Target,
  question: Question,
  options: QueryServiceOptions,
): Promise<AnswerCollector> => {
  const hedgeSlowMs = options.hedgeSlowMs ?? QUERY_HEDGE_SLOW_MS;
  const behind: { readonly candidate: Candidate; readonly files: number }[] = [];
  let asked = 0;
  const askFirst = async (candidate: Candidate, ...rest: [AbortSignal, () => void]): Promise<AnswerCollector> => {
    asked += 1;
    try {
      return await attempt(ports, target, candidate, { ...question, behind: 'refuse' }, ...rest);
    } catch (caught) {
      const files = filesBehind(asFault(caught));
      if (files !== undefined) behind.push({ candidate, files });
      throw caught;
    } finally {
      asked -= 1;
    }
  };
  const askBehind = async (signal: AbortSignal, alive: () => void): Promise<AnswerCollector> => {
    const best = behind.sort((a, b) => a.files - b.files).shift();
    if (best === undefined) throw fault(NOBODY, 'nobody lacks files');
    // Somebody is still at work who may lack nothing.
    if (asked > 0) await sleep(ports.clock, hedgeSlowMs, signal);
    return attempt(ports, target, best.candidate, { ...question, behind: 'answer' }, signal, alive);
  };
  const ask = (step: Step, signal: AbortSignal, alive: () => void): Promise<AnswerCollector> =>
    step === 'behind' ? askBehind(signal, alive) : askFirst(step, signal, alive);
  // The local databases are the only ones asked: who is slow is waited for.
  const steps = target.cluster === undefined ? target.candidates : stepsOf(target.candidates);
  return inTurn<Step, AnswerCollector>(steps, ask, {
    clock: ports.clock,
    signal: question.signal,
    hedgeMs: options.hedgeMs ?? QUERY_HEDGE_MS,
    hedgeSlowMs,
    isFinal: (error) => target.cluster === undefined || error.code.startsWith('SQL_') || FINAL.has(error.code),
    exhausted: (failures) => unavailable(target, failures),
  });
};

/** Those believed up, then again those of them that lack files, then the others in the same way. */
const stepsOf = (candidates: readonly Candidate[]): readonly Step[] =>
  [true, false].flatMap((up) => {
    const group = candidates.filter((candidate) => candidate.up === up);
    return [...group, ...group.map(() => 'behind' as const)];
  });

const unavailable = (
  { cluster, dbms, table }: Target,
  failures: readonly { readonly candidate: Step; readonly error: HoldfastError }[],
): HoldfastError => {
  const said = failures.flatMap(({ candidate, error }) =>
    candidate === 'behind' ? [] : [`${candidate.operator?.name ?? 'this node'}: ${error.message}`],
  );
  const name = cluster === undefined ? 'the local databases' : `the cluster ${cluster.name} (${cluster.id})`;
  const why = said.length === 0 ? 'it has no operator' : said.join('; ');
  return fault('QUERY_CLUSTER_UNAVAILABLE', `no operator of ${name} answered for ${dbms}.${table}: ${why}`, {
    data: { cluster: cluster?.id ?? '', dbms, table },
    hint: 'start an operator of the cluster, or ask for what there is with `partial = true`',
  });
};

const attempt = async (
  ports: AskPorts,
  target: Target,
  candidate: Candidate,
  question: Question & Need,
  signal: AbortSignal,
  alive: () => void,
): Promise<AnswerCollector> => {
  const { operator } = candidate;
  const address = operator === undefined ? '' : joinAddress({ host: operator.ip, port: operator.port });
  const part = question.job.part({ cluster: target.cluster?.id ?? '', operator: operator?.id ?? '', address });
  const collector = new AnswerCollector(question.width, question.keep, question.budget, part, alive);
  try {
    await answer(ports, target, candidate, question, collector, signal);
    signal.throwIfAborted();
    part.end('done');
    return collector;
  } catch (caught) {
    collector.drop();
    endPart(part, caught, signal);
    throw caught;
  }
};

const endPart = (part: PartRecord, caught: unknown, signal: AbortSignal): void => {
  const error = asFault(caught);
  if (signal.reason === REPLACED) part.end('Replaced');
  else part.end(filesBehind(error) === undefined ? 'Error' : 'Behind', error.message);
};

const answer = async (
  ports: AskPorts,
  { dbms, table, cluster }: Target,
  { operator, local }: Candidate,
  { sql, deadlineMs, needs, behind }: Question & Need,
  listener: AnswerListener,
  signal: AbortSignal,
): Promise<void> => {
  const timeoutMs = Math.max(1, Math.ceil(deadlineMs - ports.clock.monotonicMs()));
  if (!local) {
    const peer = operator?.peer;
    if (peer === undefined) throw fault('QUERY_OPERATOR_UNKNOWN', 'its key is not known: it has not been seen yet');
    const query = { dbms, sql, timeoutMs, needs: filesOf(needs), behind };
    await askQuery(ports.lines, peer, query, listener, signal);
    return;
  }
  listener.accepted(cluster === undefined ? 0 : await readyToAnswer(ports, { needs, behind }, dbms, () => table));
  const nowMicros = Math.floor(ports.clock.wallMs() * 1_000);
  const members = cluster === undefined ? undefined : memberNumbers(ports.topology(), sql);
  const select = { dbms, sql, nowMicros, timeoutMs, members };
  for await (const { bytes } of ports.sqlite.stream(queryStreams, 'select', select)) {
    signal.throwIfAborted();
    listener.chunk(bytes);
  }
  listener.ended(await heldNow(ports));
};

/** The time-out of the query, whoever noticed it. */
export const asTimeout = (error: HoldfastError, timeoutMs: number): HoldfastError =>
  hasCode(error, 'SQLITE_DEADLINE') || hasCode(error, 'QUERY_TIMEOUT')
    ? fault('QUERY_TIMEOUT', `the query did not end within ${timeoutMs} ms`, {
        hint: 'narrow the time range, or raise the time-out',
        cause: error,
      })
    : error;
