import type { Clock } from '../base/clock.ts';
import { asFault } from '../base/errors.ts';
import { FILE_BYTES_MAX } from '../base/limits.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import { giveWay } from '../base/slices.ts';
import { Trouble } from '../base/trouble.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { TableDrop } from '../topology/topology.ts';
import type { FileRecord } from './file-record.ts';
import type { DropsView, TableRegistry } from './operator.ts';
import type { SqliteFileStore } from './sqlite-file-store.ts';
import type { DropStep, Dropped } from './store/drops.ts';
import { reading } from './store/read-procedures.ts';

/** A drop that failed because of the machine (a full disk) is tried again. */
const RETRY_MS = 5_000;
/** Files that get their rows back are looked for so many at a time. */
const HANDOVERS_AT_ONCE = 32;

/** What drops are found and applied with. */
export interface TableDropsPorts {
  readonly sqlite: Sqlite;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: TableRegistry;
  /** What was dropped in the own cluster, as the policies have it now. */
  drops(): readonly TableDrop[];
}

const keyOf = ({ dbms, id }: TableDrop): string => `${dbms} ${id}`;
const notGone = ({ dbms, table }: TableDrop): string => `${dbms}.${table} was dropped and is not gone yet`;

/**
 * Applies the drops of the cluster's tables, each once to each database file: the mark is in the file with the rows, so
 * an older copy of it has the drop applied again. All begin before any goes on, and one that fails holds no other up.
 * In short steps; what breaks off begins again.
 */
export class TableDrops implements DropsView, Resource {
  readonly #ports: TableDropsPorts;
  readonly #store: SqliteFileStore;
  readonly #trouble: Trouble;
  /** By database and policy. */
  #applied: Set<string>;
  /** Those whose mark is in the database since this start. */
  readonly #begun = new Set<string>();
  /** Those whose database is not there: whatever comes to it begins with them, and nothing is there to go. */
  readonly #absent = new Set<string>();
  /** Their databases, until the first data came: it began with them, and nothing need begin with them again. */
  readonly #unmade = new Set<string>();
  /** Tables of which data stayed, and no policy says it yet. */
  readonly #undeclared = new Set<TableDrop>();
  #running: Promise<void> | undefined;
  /** Something failed in this run. */
  #failed = false;
  #again = false;
  #cancelRetry: () => void = () => {};
  #closed = false;
  /** A database was set aside, with its marks. */
  #lost = false;
  readonly #onLost = (): void => {
    this.#lost = true;
    this.refresh();
  };

  readonly #onStored = (records: readonly Pick<FileRecord, 'dbms'>[]): void => {
    if (this.#unmade.size === 0) return;
    const made = new Set(records.map(({ dbms }) => dbms).filter((dbms) => this.#unmade.delete(dbms)));
    if (made.size === 0) return;
    for (const drop of this.#ports.drops())
      if (made.has(drop.dbms) && this.#absent.has(keyOf(drop))) this.#begun.add(keyOf(drop));
  };

  private constructor(ports: TableDropsPorts, store: SqliteFileStore, applied: readonly string[]) {
    this.#ports = ports;
    this.#store = store;
    this.#applied = new Set(applied);
    this.#trouble = new Trouble(ports.log, 'the tables that were dropped are gone');
    store.notices.on('file:lost', this.#onLost);
    store.notices.on('file:stored', this.#onStored);
    for (const drop of ports.drops()) this.#numberBehind(drop);
    this.refresh();
  }

  static async open(ports: TableDropsPorts, store: SqliteFileStore): Promise<TableDrops> {
    return new TableDrops(ports, store, await ports.sqlite.read(reading, 'appliedDrops'));
  }

  get failure(): string | undefined {
    return this.#trouble.text;
  }

  isApplied(policy: string): boolean {
    const drop = this.#ports.drops().find(({ id }) => id === policy);
    return drop !== undefined && this.#isDone(drop);
  }

  isDropping(dbms: string, table: () => string): boolean {
    const pending = this.#pending().filter((drop) => drop.dbms === dbms);
    return pending.length > 0 && pending.some((drop) => drop.table === table());
  }

  /** Those that the policies say and that may not have begun. */
  unbegun(): readonly TableDrop[] {
    return this.#ports.drops().filter((drop) => !this.#applied.has(keyOf(drop)) && !this.#begun.has(keyOf(drop)));
  }

  /** The policies may have changed. */
  refresh(): void {
    if (this.#closed || (!this.#lost && this.#pending().length === 0 && this.#undeclared.size === 0)) return;
    this.#again = true;
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#store.notices.off('file:lost', this.#onLost);
    this.#store.notices.off('file:stored', this.#onStored);
    this.#cancelRetry();
    await this.#running;
  }

  #pending(): readonly TableDrop[] {
    return this.#ports.drops().filter((drop) => !this.#isDone(drop));
  }

  #isDone(drop: TableDrop): boolean {
    return this.#applied.has(keyOf(drop)) || this.#absent.has(keyOf(drop));
  }

  async #run(): Promise<void> {
    // Policies that change in this turn of the event loop are looked at once, and `#running` is set before it is unset.
    await giveWay();
    this.#cancelRetry();
    this.#failed = false;
    while (this.#again && !this.#closed) {
      this.#again = false;
      if (this.#lost) await this.#tried('what was dropped cannot be read', () => this.#readApplied());
      await this.#beginHeard();
      for (const drop of this.#pending())
        if (this.#begun.has(keyOf(drop))) await this.#tried(notGone(drop), () => this.#apply(drop));
      for (const drop of this.#undeclared) await this.#declareAgain(drop);
    }
    if (!this.#hasFailed()) this.#trouble.ends();
    else if (!this.#isClosed()) this.#cancelRetry = this.#ports.clock.after(RETRY_MS, () => this.refresh());
    this.#running = undefined;
  }

  /** What fails holds nothing else up: it is tried again later. */
  async #tried(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    try {
      await work();
    } catch (caught) {
      this.#failed = true;
      this.#trouble.meets(caught, `${what}: ${asFault(caught).message}`);
    }
  }

  /**
   * Before any rows go, also of other drops: what comes from now on is new data. Whether there was any that was not
   * begun.
   */
  async #beginHeard(): Promise<boolean> {
    const before = this.#begun.size;
    // All at once: they share transactions, each of which begins with every one that has not begun.
    await Promise.all(
      this.#pending()
        .filter((drop) => !this.#begun.has(keyOf(drop)))
        .map((drop) => this.#tried(notGone(drop), () => this.#begin(drop))),
    );
    return this.#begun.size > before;
  }

  async #begin(drop: TableDrop): Promise<void> {
    this.#numberBehind(drop);
    const begun = await this.#step(drop, { do: 'begin', files: drop.files });
    if (begun === undefined) this.#isAbsent(drop);
    else this.#begun.add(keyOf(drop));
  }

  #isAbsent(drop: TableDrop): void {
    this.#begun.delete(keyOf(drop));
    this.#absent.add(keyOf(drop));
    this.#unmade.add(drop.dbms);
  }

  async #readApplied(): Promise<void> {
    this.#lost = false;
    this.#begun.clear();
    this.#absent.clear();
    this.#unmade.clear();
    try {
      this.#applied = new Set(await this.#ports.sqlite.read(reading, 'appliedDrops'));
    } catch (caught) {
      this.#lost = true;
      throw caught;
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #hasFailed(): boolean {
    return this.#failed;
  }

  async #apply(drop: TableDrop): Promise<void> {
    const { dbms, table } = drop;
    await this.#handOver(drop);
    const gone = { files: 0, rows: 0 };
    let last: Dropped['last'];
    do {
      // One that is heard of meanwhile may be of this table: then there is more to hand over first, and to go from the
      // start on.
      if (await this.#beginHeard()) {
        await this.#handOver(drop);
        last = undefined;
      }
      if (this.#closed) return;
      const step: Dropped | undefined = await this.#step(drop, { do: 'rows', after: last });
      gone.files += step?.files ?? 0;
      gone.rows += step?.rows ?? 0;
      last = step?.last;
    } while (last !== undefined);
    await this.#declareAgain(drop);
    if (this.#isClosed()) return;
    const ended = await this.#step(drop, { do: 'end', policy: drop.id, files: drop.files });
    await this.#store.recount();
    if (ended === undefined) this.#isAbsent(drop);
    else this.#applied.add(keyOf(drop));
    this.#ports.log.info(`the table ${dbms}.${table} was dropped`, gone);
  }

  /**
   * Numbers that it names are taken, also of own files that nobody has any more: new ones would be dropped with them.
   */
  #numberBehind({ files }: TableDrop): void {
    this.#store.numberFrom((files.get(this.#store.origin) ?? 0) + 1);
  }

  /** undefined: there is no database. */
  async #step({ dbms, table }: TableDrop, step: DropStep): Promise<Dropped | undefined> {
    const result = await this.#store.submit({ kind: 'drop', dbms, table, step });
    return result.kind === 'dropped' ? result : undefined;
  }

  /** What came since with a content that a dropped file has the rows of: they are its own from now on. */
  async #handOver({ dbms, table }: TableDrop): Promise<void> {
    for (;;) {
      const found = await this.#ports.sqlite.read(reading, 'handovers', dbms, table, HANDOVERS_AT_ONCE);
      let handed = 0;
      for (const { to, from } of found) {
        const { content, rebuilt } = await this.#store.read(from.origin, from.file);
        const copy = { record: { ...to, status: 'stored' as const }, content, rebuilt };
        if ((await this.#store.submit({ kind: 'hand', copy })).kind === 'handed') handed += 1;
      }
      if (handed === 0 || this.#closed) return;
    }
  }

  /** Data that was taken while its table was being dropped is to be found by queries. */
  async #declareAgain(drop: TableDrop): Promise<void> {
    const { dbms, table } = drop;
    const { sqlite, registry } = this.#ports;
    this.#undeclared.add(drop);
    await this.#tried(`queries do not find what came to ${dbms}.${table} after it was dropped`, async () => {
      const kept = await sqlite.read(reading, 'kept', dbms, table);
      if (kept !== undefined && !registry.isHeld(dbms, table)) await registry.declare(dbms, table, kept.columns);
      this.#undeclared.delete(drop);
    });
  }
}

/** The rows that wait in a buffer, for a table that no policy says the columns of any more. */
export const bufferedRows = (sqlite: Sqlite, dbms: string, table: string): Promise<Uint8Array> =>
  sqlite.read(reading, 'buffered', dbms, table, FILE_BYTES_MAX);
