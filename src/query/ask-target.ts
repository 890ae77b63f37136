import { asFault, fault, hasCode, type HoldfastError } from '../base/errors.ts';
import { QUERY_HEDGE_MS, QUERY_HEDGE_SLOW_MS } from '../base/limits.ts';
import { AnswerCollector, type Budget, type Keep } from './collector.ts';
import { inTurn, REPLACED } from './in-turn.ts';
import type { JobRecord, PartRecord } from './jobs.ts';
import type { QueryPorts, QueryServiceOptions } from './ports.ts';
import { queryStreams } from './procedures.ts';
import { type AnswerListener, askQuery } from './remote/protocol.ts';
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
}

/** Failures that any other operator would repeat. */
const FINAL = new Set([
  'QUERY_RESULT_OVERSIZE',
  'QUERY_ROW_OVERSIZE',
  'SQLITE_DEADLINE',
  'SQLITE_STATEMENT',
  'SQLITE_TOO_LARGE',
]);

/**
 * Has a target answered by one of its candidates, each in turn. `QUERY_CLUSTER_UNAVAILABLE` names the cluster and what
 * each operator said; an error in the SQL itself goes on as it is.
 */
export const askTarget = async (
  ports: QueryPorts,
  target: Target,
  question: Question,
  options: QueryServiceOptions,
): Promise<AnswerCollector> =>
  inTurn(target.candidates, (candidate, signal, alive) => attempt(ports, target, candidate, question, signal, alive), {
    clock: ports.clock,
    signal: question.signal,
    hedgeMs: options.hedgeMs ?? QUERY_HEDGE_MS,
    hedgeSlowMs: options.hedgeSlowMs ?? QUERY_HEDGE_SLOW_MS,
    isFinal: (error) => target.cluster === undefined || error.code.startsWith('SQL_') || FINAL.has(error.code),
    exhausted: (failures) => unavailable(target, failures),
  });

const unavailable = (
  { cluster, dbms, table }: Target,
  failures: readonly { readonly candidate: Candidate; readonly error: HoldfastError }[],
): HoldfastError => {
  const said = failures.map(({ candidate, error }) => `${candidate.operator?.name ?? 'this node'}: ${error.message}`);
  const name = cluster === undefined ? 'the local databases' : `the cluster ${cluster.name} (${cluster.id})`;
  const why = said.length === 0 ? 'it has no operator' : said.join('; ');
  return fault('QUERY_CLUSTER_UNAVAILABLE', `no operator of ${name} answered for ${dbms}.${table}: ${why}`, {
    data: { cluster: cluster?.id ?? '', dbms, table },
    hint: 'start an operator of the cluster, or ask for what there is with `partial = true`',
  });
};

const attempt = async (
  ports: QueryPorts,
  target: Target,
  candidate: Candidate,
  question: Question,
  signal: AbortSignal,
  alive: () => void,
): Promise<AnswerCollector> => {
  const { operator } = candidate;
  const address = operator === undefined ? '' : `${operator.ip}:${operator.port}`;
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
  const replaced = signal.reason === REPLACED;
  part.end(replaced ? 'Replaced' : 'Error', replaced ? undefined : asFault(caught).message);
};

const answer = async (
  ports: QueryPorts,
  { dbms, cluster }: Target,
  { operator, local }: Candidate,
  { sql, deadlineMs }: Question,
  listener: AnswerListener,
  signal: AbortSignal,
): Promise<void> => {
  const timeoutMs = Math.max(1, Math.ceil(deadlineMs - ports.clock.monotonicMs()));
  if (!local) {
    const peer = operator?.peer;
    if (peer === undefined) throw fault('QUERY_OPERATOR_UNKNOWN', 'its key is not known: it has not been seen yet');
    await askQuery(ports.network, peer, { dbms, sql, timeoutMs }, listener, signal);
    return;
  }
  if (cluster !== undefined) checkServing(ports);
  listener.accepted();
  const nowMicros = Math.floor(ports.clock.wallMs() * 1_000);
  for await (const { bytes } of ports.sqlite.stream(queryStreams, 'select', { dbms, sql, nowMicros, timeoutMs })) {
    signal.throwIfAborted();
    listener.chunk(bytes);
  }
};

/** `QUERY_NOT_AN_OPERATOR`, `QUERY_OPERATOR_NOT_FILLED`: another operator of the cluster is to be asked. */
export const checkServing = (ports: Pick<QueryPorts, 'operating'>): void => {
  const own = ports.operating();
  if (own === undefined) throw fault('QUERY_NOT_AN_OPERATOR', 'this node runs no operator');
  if (!own.filled)
    throw fault('QUERY_OPERATOR_NOT_FILLED', 'this operator does not hold yet what its peers held when it joined');
};

/** The time-out of the query, whoever noticed it. */
export const asTimeout = (error: HoldfastError, timeoutMs: number): HoldfastError =>
  hasCode(error, 'SQLITE_DEADLINE') || hasCode(error, 'QUERY_TIMEOUT')
    ? fault('QUERY_TIMEOUT', `the query did not end within ${timeoutMs} ms`, {
        hint: 'narrow the time range, or raise the time-out',
        cause: error,
      })
    : error;
