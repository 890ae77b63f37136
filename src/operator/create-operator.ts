import type { Clock } from '../base/clock.ts';
import { type DiskHealth, unwatchedDisk } from '../base/disk.ts';
import { asFault, fault } from '../base/errors.ts';
import { makeDirectory } from '../base/files.ts';
import { FILE_BYTES_MAX, INGEST_BYTES_IN_FLIGHT_MAX } from '../base/limits.ts';
import { acquire, type ResourceStack } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import { Trouble } from '../base/trouble.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import { createArchive, noArchive } from './archive.ts';
import { AsideWatch } from './aside-watch.ts';
import { ByteBudget, shared } from './contents.ts';
import { ErrorDirectory } from './error-directory.ts';
import { type DataFileName, noInstructions, segment, type TableName, tableName } from './names.ts';
import type {
  BufferStatus,
  BufferThreshold,
  Failing,
  IngestFailure,
  Operator,
  OperatorOptions,
  OperatorStatus,
  PutOutcome,
  PutRequest,
  TableRegistry,
} from './operator.ts';
import type { TableDrop } from '../topology/topology.ts';
import { SqliteFileStore, type Success } from './sqlite-file-store.ts';
import { reading } from './store/read-procedures.ts';
import { refuseLoneSurrogates } from './surrogates.ts';
import { StreamBuffers } from './streaming.ts';
import { TableColumns } from './table-columns.ts';
import { bufferedRows, TableDrops } from './table-drops.ts';
import { microsAfter, recordTime } from './timestamps.ts';
import { TsdKeeper } from './tsd-keeper.ts';
import { WatchDirectory } from './watch.ts';
import { WriteQueue } from './write-queue.ts';

/**
 * What an operator needs of its node: databases, the tables that policies declare, and what they say of its cluster.
 */
export interface OperatorPorts {
  readonly sqlite: Sqlite;
  readonly registry: TableRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asked for room before data is taken. */
  readonly disk?: DiskHealth;
  /** Member numbers of the cluster's operators by their operator policy id, as the policies have them now. */
  members(): ReadonlyMap<string, number>;
  /** What was dropped in the cluster, as the policies have it now. Default: nothing. */
  drops?(): readonly TableDrop[];
  /** Resolves when `drops` says all that others may know this node has heard of. Default: at once. */
  readonly heard?: () => Promise<void>;
  /** Resolves when own files may be numbered: after a lost disk, when they were taken back. Default: at once. */
  readonly numberingAllowed?: Promise<void>;
  /** Asked before each numbering: rejects where this node must write nothing, with the reason. Default: it may. */
  readonly mayWrite?: () => Promise<void>;
}

/** Starts what `run operator` starts. Fails where a directory or database cannot be used. */
export const createOperator = (ports: OperatorPorts, options: OperatorOptions): Promise<Operator> =>
  acquire((stack) => SqliteOperator.start(stack, ports, options));

/** How long data waits for own files to be numbered, before its sender is told to come again. */
const NUMBERING_WAIT_MS = 30_000;

interface Parts {
  readonly queue: WriteQueue;
  readonly budget: ByteBudget;
  /**
   * Own data from its arrival on. Not the store's: what waits for numbering must leave room for what the peers return.
   */
  readonly arrivals: ByteBudget;
  readonly store: SqliteFileStore;
  readonly errors: ErrorDirectory;
  readonly columns: TableColumns;
  readonly drops: TableDrops;
}

const openParts = async (stack: ResourceStack, ports: OperatorPorts, options: OperatorOptions): Promise<Parts> => {
  const { sqlite, registry, log, clock, disk = unwatchedDisk } = ports;
  const origin = options.policy;
  for (const dir of [options.watchDir, options.prepDir]) await makeDirectory(dir);
  if (options.archive) await makeDirectory(options.archiveDir);
  let store: SqliteFileStore | undefined = undefined;
  // What the queue ends with goes into the archive.
  stack.defer(() => store?.archived());
  const queue = stack.use(new WriteQueue({ sqlite, clock, log, origin, members: () => ports.members() }));
  const budget = new ByteBudget(INGEST_BYTES_IN_FLIGHT_MAX);
  const memberOf = (of: string): number => ports.members().get(of) ?? 0;
  const memberNumbers = (): ReadonlySet<number> => new Set(ports.members().values());
  const archive = options.archive
    ? createArchive(options.archiveDir, { sqlite, log, clock, memberOf, memberNumbers })
    : noArchive;
  store = await SqliteFileStore.open({
    ...{ sqlite, queue, archive, origin, budget, log, clock },
    assertRoom: (bytes) => disk.assertRoom(bytes),
  });
  const errors = await ErrorDirectory.open(options.errDir, log);
  const arrivals = new ByteBudget(INGEST_BYTES_IN_FLIGHT_MAX);
  const columns = new TableColumns({ sqlite, registry }, options);
  const drops = await TableDrops.open({ sqlite, clock, log, registry, drops: () => ports.drops?.() ?? [] }, store);
  queue.beginsWith(() => drops.unbegun());
  return { queue, budget, arrivals, store, errors, columns, drops };
};

class SqliteOperator implements Operator {
  readonly store: SqliteFileStore;
  readonly drops: TableDrops;
  readonly #ports: OperatorPorts;
  readonly #options: OperatorOptions;
  readonly #parts: Parts;
  readonly #buffers: StreamBuffers;
  #watch: WatchDirectory | undefined;
  #resources: ResourceStack | undefined;
  /** Resolves when own files may be numbered; rejects when the operator stops before. */
  readonly #numbering: Promise<void>;
  #stop: () => void = () => {};
  readonly #unkept: Trouble;
  #lastMicros = 0;

  private constructor(
    ports: OperatorPorts,
    options: OperatorOptions,
    parts: Parts,
    buffers: (own: SqliteOperator) => StreamBuffers,
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#parts = parts;
    this.store = parts.store;
    this.drops = parts.drops;
    const stopped = new Promise<never>((_, reject) => {
      this.#stop = () => reject(fault('OPERATOR_CLOSED', 'the operator is stopped'));
    });
    this.#numbering = Promise.race([ports.numberingAllowed ?? Promise.resolve(), stopped]);
    this.#numbering.catch(() => {});
    this.#unkept = new Trouble(ports.log, 'failed data is kept again');
    this.#buffers = buffers(this);
  }

  static async start(stack: ResourceStack, ports: OperatorPorts, options: OperatorOptions): Promise<Operator> {
    const parts = await openParts(stack, ports, options);
    const { clock, log } = ports;
    const operator = new SqliteOperator(ports, options, parts, (own) => own.#createBuffers(parts.store.buffered));
    parts.queue.whenUnsure(async () => operator.#buffers.recount(await ports.sqlite.read(reading, 'buffers')));
    stack.use(new TsdKeeper({ ...ports, tables: options.updateTsdInfo }, parts.store));
    stack.use(parts.drops);
    stack.defer(() => operator.#buffers.close());
    stack.use(new AsideWatch(clock, [() => parts.errors.look(), () => parts.store.damagedDatabases.look()]));
    operator.#watch = stack.use(
      await WatchDirectory.start(options.watchDir, options.threads, {
        clock,
        log,
        errors: parts.errors,
        ingest: (name, content) => operator.#ingestFile(name, content),
      }),
    );
    operator.#resources = stack;
    return operator;
  }

  async put(request: PutRequest): Promise<PutOutcome> {
    const name = tableName(request.dbms, request.table);
    return this.#keepingFailed(name, request.content, () => this.#put(name, request, undefined));
  }

  async stream(request: PutRequest): Promise<{ readonly rows: number }> {
    const name = tableName(request.dbms, request.table);
    // Numbering may be waited for in the buffer; what this node must not write must not get there: it would never leave
    // it.
    await this.#ports.mayWrite?.();
    const { source, instructions, content } = await this.#accepted(request);
    const columns = await this.#parts.columns.of(name, content);
    const about = { ...name, columns, source, instructions, content };
    return this.#buffers.append({ kind: 'append', ...about, time: this.#time() });
  }

  flush(dbms?: string, table?: string): Promise<void> {
    return this.#buffers.flush(dbms?.toLowerCase(), table?.toLowerCase());
  }

  setThreshold(threshold: Partial<BufferThreshold>, dbms?: string, table?: string): void {
    const both = dbms !== undefined && table !== undefined;
    if (!both && (dbms ?? table) !== undefined)
      throw fault('INGEST_THRESHOLD', 'a threshold is for one table or for all', {
        hint: 'name dbms and table, or neither',
      });
    this.#buffers.setThreshold(threshold, both ? tableName(dbms, table) : undefined);
  }

  buffers(): readonly BufferStatus[] {
    return this.#buffers.status();
  }

  status(): OperatorStatus {
    const { store, errors, queue, budget, arrivals } = this.#parts;
    return {
      options: this.#options,
      ...store.totals,
      setAside: store.damagedDatabases.paths,
      failed: errors.count,
      leftInWatch: this.#watch?.left ?? [],
      watchFailure: this.#watch?.failure,
      lastFailure: errors.last,
      queued: queue.length + budget.waiting + arrivals.waiting + (this.#watch?.pending ?? 0),
    };
  }

  refresh(): void {
    this.drops.refresh();
  }

  failures(limit: number): readonly IngestFailure[] {
    return this.#parts.errors.failures(limit);
  }

  failing(): Failing {
    return { ...this.#parts.errors.held, newest: this.#parts.errors.lying() };
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#resources?.close();
  }

  #createBuffers(stored: ConstructorParameters<typeof StreamBuffers>[1]): StreamBuffers {
    const { clock, log } = this.#ports;
    return new StreamBuffers(
      {
        clock,
        log,
        apply: (job, onResult) => this.store.apply(job, onResult),
        columns: (name) => this.#columnsOfBuffer(name),
        time: () => this.#time(),
        numberingAllowed: () => this.#numberingAllowed(clock.monotonicMs()),
        onPoison: async (name, content, caught) => {
          await this.#fail(name, content, caught, false);
        },
      },
      stored,
    );
  }

  /** Where the table was dropped since its rows were acknowledged, they say what it is. */
  async #columnsOfBuffer(name: TableName): ReturnType<TableColumns['of']> {
    const { sqlite, registry } = this.#ports;
    const isKnown = registry.columns(name.dbms, name.table) !== undefined;
    return this.#parts.columns.of(name, isKnown ? undefined : await bufferedRows(sqlite, name.dbms, name.table));
  }

  async #ingestFile(name: DataFileName, content: Uint8Array): Promise<{ readonly duplicate: boolean }> {
    const { member, hash } = name;
    if (member !== undefined && ![...this.#ports.members().values()].includes(member))
      throw fault(
        'INGEST_MEMBER',
        `no operator of this cluster has the member number ${member}, which the name gives`,
        {
          data: { member },
          hint: 'to take its rows as data of this operator, drop it again with 0 for member, row and date',
        },
      );
    return this.#put(name, { ...name, content }, hash);
  }

  async #put(name: TableName, request: PutRequest, knownHash: string | undefined): Promise<PutOutcome> {
    const arrivedMs = this.#ports.clock.monotonicMs();
    const giveBack = await this.#parts.arrivals.take(Math.min(request.content.byteLength, FILE_BYTES_MAX));
    try {
      const { source, instructions, content } = await this.#accepted(request);
      const columns = await this.#parts.columns.of(name, content);
      await this.#numberingAllowed(arrivedMs);
      await this.#ports.heard?.();
      const about = { dbms: name.dbms, table: name.table, source, instructions, columns, content, knownHash };
      const result = await this.store.submit({ kind: 'new', ...about, time: this.#time() });
      const outcome = outcomeOf(result);
      if (!outcome.duplicate) this.#buffers.countFile(name, outcome.record.rows);
      return outcome;
    } finally {
      giveBack();
    }
  }

  /**
   * Resolves when own files may be numbered. Throws `OPERATOR_NUMBERING_WAITS` when that takes too long, from `sinceMs`
   * on.
   */
  async #numberingAllowed(sinceMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const { clock } = this.#ports;
    const cancel = clock.after(sinceMs + NUMBERING_WAIT_MS - clock.monotonicMs(), () => {
      late.reject(
        fault('OPERATOR_NUMBERING_WAITS', 'this operator still waits for its own files from its peers', {
          hint: 'send it again later; how far it is: get operator',
        }),
      );
    });
    const allowed = Promise.all([this.#numbering, this.#ports.mayWrite?.()]);
    await Promise.race([allowed, late.promise]).finally(cancel);
  }

  async #accepted(request: PutRequest): Promise<Pick<PutRequest, 'source' | 'instructions' | 'content'>> {
    if (request.content.byteLength > FILE_BYTES_MAX)
      throw fault('INGEST_FILE_BYTES', `the data has ${request.content.byteLength} bytes; at most ${FILE_BYTES_MAX}`, {
        hint: 'send it in several parts',
      });
    const instructions = noInstructions(request.instructions);
    refuseLoneSurrogates(request.content);
    return { source: segment(request.source), instructions, content: await shared(request.content) };
  }

  /** A file that failed is kept with the reason, also where the caller hears of it. */
  async #keepingFailed<T>(name: TableName, content: Uint8Array, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (caught) {
      if (/^INGEST_(?!FILE_BYTES)/.test(asFault(caught).code)) await this.#keepFailed(name, content, caught);
      throw caught;
    }
  }

  /**
   * Where there is room for it: what was refused, and its sender still has, must take neither the reserve of the ledger
   * nor the disk.
   */
  async #keepFailed(name: TableName, content: Uint8Array, caught: unknown): Promise<void> {
    try {
      this.#ports.disk?.assertRoom(content.byteLength);
      this.#parts.errors.assertRoomForCopy();
      await this.#fail(name, content, caught, true);
      this.#unkept.ends();
    } catch (failure) {
      this.#unkept.meets(failure, `failed data is not kept: ${asFault(failure).message}`);
    }
  }

  #fail(name: TableName, content: Uint8Array, caught: unknown, refused: boolean): Promise<IngestFailure> {
    const failed = { name: `${name.dbms}.${name.table}.json`, content, refused };
    return this.#parts.errors.take(failed, name, caught, this.#ports.clock.wallMs());
  }

  #time(): string {
    this.#lastMicros = microsAfter(this.#lastMicros, Math.floor(this.#ports.clock.wallMs() * 1_000));
    return recordTime(this.#lastMicros / 1_000);
  }
}

const outcomeOf = (result: Success): PutOutcome => {
  if (result.kind === 'stored' || result.kind === 'duplicate')
    return { record: result.record, duplicate: result.kind === 'duplicate' };
  throw fault('INTERNAL', `a file cannot be ${result.kind}`);
};
