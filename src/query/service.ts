import { asFault, fault } from '../base/errors.ts';
import { QUERY_CLUSTERS_AT_ONCE, QUERY_PLACINGS_MAX, SQL_CHARS_MAX } from '../base/limits.ts';
import { ADDED_COLUMNS } from '../operator/names.ts';
import type { SqlRow } from '../sqlite/sqlite.ts';
import { type Column, type OperatorInfo, readableColumns, type Topology } from '../topology/topology.ts';
import { parseChunk } from './answer.ts';
import { type AskPorts, asTimeout, askTarget } from './ask-target.ts';
import { dropsNeeded, type Need, Shown } from './behind.ts';
import { type AnswerCollector, Budget, type Keep, ResultRoom } from './collector.ts';
import { committedCondition, unnamedFiles } from './committed.ts';
import { mergeSql } from './executable.ts';
import { forEachBounded } from './for-each-bounded.ts';
import { type JobRecord, Jobs } from './jobs.ts';
import { lastMoment, withinPeriod } from './period.ts';
import { foreignHere, LeftOut } from './left-out.ts';
import { answerHere } from './own-answer.ts';
import { type PlacedAnswer, Placing } from './placing.ts';
import { isConcatenation, planQuery, type QueryPlan } from './plan.ts';
import type { QueryPorts, QueryServiceOptions } from './ports.ts';
import { queryReads, queryStreams } from './procedures.ts';
import type { BehindCluster, QueryRequest, QueryResult, QueryService } from './query.ts';
import { Lines } from './remote/lines.ts';
import type { EarlierQueryMessage, QueryMessage } from './remote/messages.ts';
import { serveQueries } from './remote/protocol.ts';
import { concatenated, RowChunks, type RowList } from './row-list.ts';
import { parseSelect } from './sql/parser.ts';
import { printSelect } from './sql/print.ts';
import { resolve, restricted } from './sql/resolve.ts';
import type { Resolved } from './sql/resolved.ts';
import {
  type Candidate,
  includedTables,
  networkTargets,
  orderCandidates,
  tableIn,
  type TableName,
  type Target,
} from './targets.ts';

const ADDED_TYPES = ['int', 'timestamp', 'char(3)', 'int'] as const;
/** They differ between operators that hold the same rows: an answer with them would depend on who gives it. */
const LOCAL_COLUMNS = ['row_id'];
const ADDED: readonly Column[] = ADDED_COLUMNS.map((name, index) => ({ name, type: ADDED_TYPES[index] ?? '' }));

/** Answers queries of this node's users, and of other nodes where it runs an operator. */
export const createQueryService = (ports: QueryPorts, options: QueryServiceOptions = {}): QueryService => {
  serveQueries(ports, async (query, asker) => {
    const { dbms, sql, timeoutMs } = query;
    const table = (): string => tableIn(sql);
    ports.checkAsker?.(asker, dbms, table);
    const { elsewhere, ...need } = wantedOf(ports, query);
    const answer = await answerHere(ports, { dbms, table, sql, timeoutMs, elsewhere }, need);
    // The version before does not know the field.
    return 'elsewhere' in query ? answer : { ...answer, left: [] };
  });
  return new Queries(ports, options);
};

/**
 * What a question wants. An asking node of the version before does not know that rows may count elsewhere: then this
 * node decides what is left out, by the policies as it has them.
 */
const wantedOf = (
  ports: QueryPorts,
  query: QueryMessage | EarlierQueryMessage,
): Need & { readonly elsewhere: readonly string[] } => {
  const { needs, behind } = query;
  if ('cluster' in query) return { needs: new Map(needs), behind, cluster: query.cluster, elsewhere: query.elsewhere };
  const elsewhere = foreignHere(ports.topology(), ports);
  return { needs: new Map(needs.filter(([origin]) => !elsewhere.includes(origin))), behind, elsewhere };
};

/** The failures by which a cluster counts as missing from a partial answer. */
const MISSING = new Set(['QUERY_CLUSTER_UNAVAILABLE', 'REPLICATION_COMMITTED_UNKNOWN']);

const nowMicros = ({ clock }: QueryPorts): number => Math.floor(clock.wallMs() * 1_000);

/** A query on its way. */
interface Running {
  readonly request: QueryRequest;
  readonly job: JobRecord;
  readonly budget: Budget;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** The policies as they were when it began: for all targets alike, so that each row counts once. */
  readonly topology: Topology;
}

interface Outcome {
  readonly rows: RowList;
  readonly behind: QueryResult['behind'];
  readonly missing: QueryResult['missing'];
}

/** What was asked for a target, and what came. */
interface Asked {
  readonly target: Target;
  readonly answer: AnswerCollector;
  /** Files that a committed answer leaves out though all hold them. */
  readonly unnamed: number;
  /** Undefined for the local databases. */
  readonly placed: PlacedAnswer | undefined;
}

/** What an answer lacks that is known to exist. */
const behindOf = ({ target: { cluster }, answer, unnamed }: Asked): readonly BehindCluster[] => {
  const files = answer.behind + unnamed;
  return cluster === undefined || files === 0 ? [] : [{ cluster: cluster.id, operator: answer.operator, files }];
};

const firstOf = ([row]: Iterable<SqlRow>): SqlRow | undefined => row;

/** All that is told, and behind it what `more` tells of other clusters. */
const withOthers = <Told extends { readonly cluster: string }>(
  told: readonly Told[],
  more: readonly Told[],
): readonly Told[] => [...told, ...more.filter(({ cluster }) => !told.some((known) => known.cluster === cluster))];

/** Results that nobody released and nobody holds any more: of a client that left, for example. */
const forgotten = new FinalizationRegistry<Budget>((budget) => budget.close());

class Queries implements QueryService {
  readonly #ports: AskPorts;
  readonly #options: QueryServiceOptions;
  readonly #jobs: Jobs;
  readonly #room = new ResultRoom();
  readonly #shown = new Shown();
  readonly #leftOut = new LeftOut();
  readonly #turns = new Map<string, number>();

  constructor(ports: QueryPorts, options: QueryServiceOptions) {
    this.#ports = { ...ports, lines: new Lines(ports.network, ports.clock) };
    this.#options = options;
    this.#jobs = new Jobs(ports.clock);
  }

  network(request: QueryRequest): Promise<QueryResult> {
    return this.#run(request, async (main) => {
      const policy = this.#ports.topology().table(main.dbms, main.table);
      if (policy === undefined)
        throw fault('QUERY_TABLE_UNKNOWN', `there is no table policy for ${main.dbms}.${main.table}`, {
          data: { ...main },
          hint: 'see `get tables where dbms = *`; a table arises with its first data',
        });
      const targets = (tables: readonly TableName[], topology: Topology) =>
        this.#networkTargets(request, tables, topology);
      return { columns: [...ADDED, ...readableColumns(policy)], hidden: LOCAL_COLUMNS, targets };
    });
  }

  local(request: QueryRequest): Promise<QueryResult> {
    return this.#run(request, async (main) => {
      const stored = await this.#ports.sqlite.read(queryReads, 'columns', main.dbms, main.table);
      if (stored === undefined)
        throw fault('SQL_NO_TABLE', `the database ${main.dbms} has no table ${main.table} on this node`, {
          data: { ...main },
          hint: 'see `get tables where dbms = *`; `run client () sql …` asks the network',
        });
      return { columns: stored, targets: (tables) => this.#localTargets(tables) };
    });
  }

  jobs() {
    return this.#jobs.views();
  }

  /** Frames a query: job, deadline, parsing, and what is done with errors. */
  async #run(
    request: QueryRequest,
    place: (main: TableName) => Promise<{
      readonly columns: readonly Column[];
      readonly hidden?: readonly string[];
      readonly targets: (tables: readonly TableName[], topology: Topology) => readonly Target[];
    }>,
  ): Promise<QueryResult> {
    const { clock } = this.#ports;
    const job = this.#jobs.start(request);
    const timeoutMs = Math.max(1, request.options.timeoutMs);
    const budget = new Budget(this.#room);
    const timer = new AbortController();
    const cancel = clock.after(timeoutMs, () => timer.abort(fault('QUERY_TIMEOUT', 'the time is up')));
    const signal = request.signal === undefined ? timer.signal : AbortSignal.any([timer.signal, request.signal]);
    try {
      const select = parseSelect(request.sql);
      const main = { dbms: request.dbms.toLowerCase(), table: select.table.normalize('NFC').toLowerCase() };
      job.describe({ table: main.table });
      const { columns, hidden = [], targets } = await place(main);
      const query = resolve({ ...select, table: main.table }, request.sql, {
        columns,
        hidden,
        now: nowMicros(this.#ports),
      });
      const topology = this.#ports.topology();
      const asked = targets(includedTables(main, request.options.include), topology);
      const running = { request, job, budget, deadlineMs: clock.monotonicMs() + timeoutMs, signal, topology };
      const outcome = await this.#withPeriod(query, columns, asked, running);
      job.end({ rows: outcome.rows.length });
      const titles = query.items.map(({ title, type }) => ({ name: title, type }));
      budget.seal();
      forgotten.register(outcome.rows, budget);
      const release = (): void => budget.close();
      return { job: job.number, columns: titles, ...outcome, runMs: job.runMs, parts: job.parts, release };
    } catch (caught) {
      budget.close();
      const error = asTimeout(asFault(caught), timeoutMs);
      job.end({ error });
      throw error;
    } finally {
      cancel();
    }
  }

  #networkTargets(request: QueryRequest, tables: readonly TableName[], topology: Topology): readonly Target[] {
    return networkTargets(topology, tables, request.operators, (operators, cluster) =>
      this.#inOrder(request, operators, cluster),
    );
  }

  #inOrder(
    { options: { nodes } }: QueryRequest,
    operators: readonly OperatorInfo[],
    cluster: string,
  ): readonly Candidate[] {
    const own = this.#ports.operating()?.operator;
    const turn = this.#turns.get(cluster) ?? 0;
    this.#turns.set(cluster, turn + 1);
    return orderCandidates(operators, { nodes, own, turn, isUp: (operator) => this.#ports.isUp(operator) });
  }

  #localTargets(tables: readonly TableName[]): readonly Target[] {
    const operator = this.#ports.topology().operators.get(this.#ports.operating()?.operator ?? '');
    return tables.map((table) => ({ ...table, cluster: undefined, candidates: [{ operator, local: true, up: true }] }));
  }

  /**
   * `period(…)` is two queries: where the newest row is, then the rows of the stretch that ends there. What the first
   * one lacked is told of the whole: another stretch might have been the right one.
   */
  async #withPeriod(
    query: Resolved,
    columns: readonly Column[],
    targets: readonly Target[],
    running: Running,
  ): Promise<Outcome> {
    if (query.period === undefined) return this.#execute(query, columns, targets, running);
    const newest = await this.#execute(lastMoment(query, query.period), columns, targets, running);
    const within = withinPeriod(query, query.period, firstOf(newest.rows)?.[0]);
    const outcome = await this.#execute(within, columns, targets, running);
    return {
      rows: outcome.rows,
      behind: withOthers(outcome.behind, newest.behind),
      missing: withOthers(outcome.missing, newest.missing),
    };
  }

  /**
   * Only the answers show which files an operator really holds. Where some of them count elsewhere than was thought,
   * all is asked again. It is known from then on, so that a second try is enough as a rule.
   */
  async #execute(
    query: Resolved,
    columns: readonly Column[],
    targets: readonly Target[],
    running: Running,
  ): Promise<Outcome> {
    for (let tries = 1; tries <= QUERY_PLACINGS_MAX; tries += 1) {
      const outcome = await this.#attempt(query, columns, targets, running);
      if (outcome !== undefined) return outcome;
    }
    throw fault('QUERY_OPERATORS_MOVED', 'in which cluster the rows of some operators count changed again and again', {
      hint: 'ask again',
    });
  }

  /**
   * One target answers the query itself; several answer parts of it, which are merged. Undefined where rows of the
   * answers may be lacking, or would count twice.
   */
  async #attempt(
    query: Resolved,
    columns: readonly Column[],
    asTheyStand: readonly Target[],
    running: Running,
  ): Promise<Outcome | undefined> {
    const placing = this.#placing(running);
    const targets = this.#withOthers(asTheyStand, placing, running);
    const plan = planQuery(query, columns);
    const whole = targets.length === 1;
    const part = whole ? query : plan.partial;
    const keep = whole || isConcatenation(query) ? 'rows' : 'chunks';
    running.job.describe({ remoteSql: printSelect(part), mergeSql: whole ? '' : printSelect(plan.merge) });
    const missing: { cluster: string; reason: string }[] = [];
    const asked: Asked[] = [];
    await forEachBounded(targets, QUERY_CLUSTERS_AT_ONCE, running.signal, async (target, signal) => {
      try {
        const one = await this.#ask(target, part, keep, placing, { ...running, signal });
        asked.push(one);
        if (target.cluster === undefined) return;
        this.#shown.note(target.cluster.id, one.answer.held, this.#ports.clock.monotonicMs());
        this.#leftOut.note(target, one.answer.left);
      } catch (caught) {
        const error = asFault(caught);
        if (!running.request.options.partial || !MISSING.has(error.code)) throw error;
        missing.push({ cluster: target.cluster?.id ?? '', reason: error.message });
      }
    });
    const answers = asked.map(({ answer }) => answer);
    const now = this.#placing(running);
    if (
      asked.some(({ placed }) => placed !== undefined && !now.fits(placed)) ||
      this.#withOthers(targets, now, running).length > targets.length
    ) {
      for (const answer of answers) answer.drop();
      return undefined;
    }
    const behind = asked.flatMap(behindOf);
    const [only] = answers;
    if (whole && only !== undefined) return { rows: only.rows, behind, missing };
    if (isConcatenation(query))
      return {
        rows: concatenated(
          answers.map(({ rows }) => rows),
          query.offset,
          query.limit,
        ),
        behind,
        missing,
      };
    return { rows: await this.#merge(plan, answers, running), behind, missing };
  }

  #placing({ topology }: Running): Placing {
    return new Placing(topology, this.#shown.byCluster());
  }

  /**
   * The targets, and the clusters where rows count that these left out: those of operators that were moved. Such a
   * cluster may hold the table by no policy yet, so that it is not among the targets by itself.
   */
  #withOthers(targets: readonly Target[], placing: Placing, { request, topology }: Running): readonly Target[] {
    if (request.operators !== undefined) return targets;
    const others = [...Map.groupBy(targets, ({ dbms, table }) => `${dbms}.${table}`).values()].flatMap((ofTable) => {
      const asked = new Set(ofTable.map(({ cluster }) => cluster?.id));
      const homes = ofTable.flatMap((target) => this.#leftOut.of(target).flatMap((of) => placing.clusterOf(of) ?? []));
      return [...new Set(homes)].flatMap((id): Target[] => {
        const [first] = ofTable;
        const cluster = topology.clusters.get(id);
        if (asked.has(id) || cluster === undefined || first === undefined) return [];
        const { dbms, table } = first;
        return [{ cluster, dbms, table, candidates: this.#inOrder(request, cluster.operators, id) }];
      });
    });
    return others.length === 0 ? targets : [...targets, ...others];
  }

  async #ask(target: Target, part: Resolved, keep: Keep, placing: Placing, running: Running): Promise<Asked> {
    const { request, job, budget, deadlineMs, signal, topology } = running;
    const { cluster } = target;
    const id = cluster?.id ?? '';
    const committed =
      request.options.committed && cluster !== undefined
        ? placing.ofCluster(id, await this.#ports.committedRanges(id, signal))
        : undefined;
    const condition =
      cluster === undefined || committed === undefined ? undefined : committedCondition(cluster, committed);
    const unnamed = cluster === undefined || committed === undefined ? 0 : unnamedFiles(cluster, committed);
    const shown = placing.needs(id);
    const needs = new Map([...dropsNeeded(topology, id, target), ...(committed ?? shown)]);
    const sql = printSelect({ ...restricted(part, condition), table: target.table });
    if (sql.length > SQL_CHARS_MAX)
      throw fault('SQL_TOO_LONG', `the SQL for the operators has ${sql.length} characters; at most ${SQL_CHARS_MAX}`);
    const elsewhere = placing.elsewhereOf(id);
    const question = {
      sql,
      width: part.items.length,
      keep,
      budget,
      job,
      deadlineMs,
      signal,
      needs,
      elsewhere,
    } as const;
    const answer = await askTarget(this.#ports, target, question, this.#options);
    const placed =
      cluster === undefined
        ? undefined
        : { cluster: id, elsewhere, needs: committed === undefined ? shown : undefined, held: answer.held };
    return { target, answer, unnamed, placed };
  }

  async #merge(plan: QueryPlan, answers: readonly AnswerCollector[], running: Running): Promise<RowList> {
    const chunks = answers.flatMap((answer) => answer.chunks);
    const timeoutMs = Math.max(1, running.deadlineMs - this.#ports.clock.monotonicMs());
    const width = plan.merge.items.length;
    const rows = new RowChunks(width);
    const merged = this.#ports.sqlite.stream(queryStreams, 'merge', { ...mergeSql(plan), chunks, timeoutMs });
    for await (const { bytes } of merged) {
      running.signal.throwIfAborted();
      running.budget.take(bytes.byteLength);
      rows.add(bytes, parseChunk(bytes, width));
    }
    for (const answer of answers) answer.drop();
    return rows;
  }
}
