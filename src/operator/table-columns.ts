import { fault } from '../base/errors.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { Column } from '../topology/topology.ts';
import { checkColumns, type TableName } from './names.ts';
import type { OperatorOptions, TableRegistry } from './operator.ts';
import { reading } from './store/read-procedures.ts';

/** Where the columns of a table are found: in its database, and in its policy. */
export interface TableColumnsPorts {
  readonly sqlite: Sqlite;
  readonly registry: TableRegistry;
}

/**
 * Which columns a table has for data that arrives now; makes the table known to the network at its first data. Policies
 * are asked each time: data of a table that the cluster no longer holds would be missing in every answer.
 */
export class TableColumns {
  readonly #ports: TableColumnsPorts;
  readonly #options: OperatorOptions;
  readonly #declaring = new Map<string, Promise<readonly Column[]>>();

  constructor(ports: TableColumnsPorts, options: OperatorOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /**
   * `content` is what a new table is made from; where it is refused nothing is declared. Throws
   * `INGEST_TABLE_EXCLUDED`, `INGEST_TABLE_UNDECLARED`, what reading the content throws, and what publishing the
   * policies throws.
   */
  async of({ dbms, table }: TableName, content: Uint8Array | undefined): Promise<readonly Column[]> {
    const key = `${dbms}.${table}`;
    const { limitTables } = this.#options;
    if (limitTables.length > 0 && !limitTables.includes(key))
      throw fault('INGEST_TABLE_EXCLUDED', `this operator does not take ${key}`, {
        hint: 'see limit_tables of `run operator`',
      });
    for (let other = this.#declaring.get(key); other !== undefined; other = this.#declaring.get(key)) {
      try {
        return await other;
      } catch {
        // What another's content was refused for says nothing of this one.
      }
    }
    const declaring = this.#declare({ dbms, table }, this.#ports.registry.columns(dbms, table), content);
    this.#declaring.set(key, declaring);
    try {
      return await declaring;
    } finally {
      this.#declaring.delete(key);
    }
  }

  async #declare(
    { dbms, table }: TableName,
    known: readonly Column[] | undefined,
    content: Uint8Array | undefined,
  ): Promise<readonly Column[]> {
    if (known === undefined && (!this.#options.createTable || content === undefined))
      throw fault('INGEST_TABLE_UNDECLARED', `there is no table ${dbms}.${table}`, {
        hint: 'declare it by a table policy, or: run operator where create_table = true',
      });
    const isHeld = this.#ports.registry.isHeld(dbms, table);
    // Policies stay: none is written for data that is refused.
    const wanted = isHeld || content === undefined ? known : await this.#fitting(content, known);
    const columns = await this.#ports.registry.declare(dbms, table, wanted ?? []);
    if (columns.length === 0)
      throw fault('INGEST_TABLE_UNDECLARED', `the policy of the table ${dbms}.${table} names no columns`, {
        hint: 'see its `create` statement: blockchain get table',
      });
    checkColumns(columns);
    return columns;
  }

  /** A view of a pool would take the whole pool to the thread. */
  #fitting(content: Uint8Array, known: readonly Column[] | undefined): Promise<readonly Column[]> {
    const own = content.buffer instanceof SharedArrayBuffer ? content : Uint8Array.from(content);
    return this.#ports.sqlite.read(reading, 'fitting', own, known);
  }
}
