import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { createOperator, type OperatorPorts } from '../../src/operator/create-operator.ts';
import type { Operator, OperatorOptions, TableRegistry } from '../../src/operator/operator.ts';
import { openInlineSqlite } from '../../src/sqlite/inline.ts';
import type { Sqlite } from '../../src/sqlite/sqlite.ts';
import type { Column } from '../../src/topology/topology.ts';

/** Tables as the network's policies would have them. */
export const createMemoryRegistry = (): TableRegistry & { readonly tables: Map<string, readonly Column[]> } => {
  const tables = new Map<string, readonly Column[]>();
  return {
    tables,
    columns: (dbms, table) => tables.get(`${dbms}.${table}`),
    isHeld: (dbms, table) => tables.has(`${dbms}.${table}`),
    async declare(dbms, table, columns) {
      const known = tables.get(`${dbms}.${table}`) ?? columns;
      tables.set(`${dbms}.${table}`, known);
      return known;
    },
  };
};

export interface OperatorFixture {
  readonly dir: string;
  readonly sqlite: Sqlite;
  readonly registry: ReturnType<typeof createMemoryRegistry>;
  readonly options: OperatorOptions;
  readonly operator: Operator;
  put(content: string | Uint8Array, table?: string): ReturnType<Operator['put']>;
  stream(content: string, table?: string): ReturnType<Operator['stream']>;
  /** Moves a whole file into the watch directory, as a careful writer does. */
  drop(name: string, content: string | Uint8Array): Promise<void>;
  close(): Promise<void>;
  /** Closes everything and opens it again in the same directory. */
  restarted(change?: Partial<OperatorOptions>): Promise<OperatorFixture>;
}

export const openOperator = async (
  change: Partial<OperatorOptions> & { readonly dir?: string; readonly ports?: Partial<OperatorPorts> } = {},
): Promise<OperatorFixture> => {
  const { dir: given, ports: otherPorts, ...otherOptions } = change;
  const dir = given ?? (await mkdtemp(join(tmpdir(), 'holdfast-operator-')));
  const sqlite = otherPorts?.sqlite ?? openInlineSqlite({ dir: join(dir, 'dbms') });
  const registry = createMemoryRegistry();
  const options: OperatorOptions = {
    policy: 'own',
    createTable: true,
    updateTsdInfo: true,
    archive: true,
    distributor: true,
    threads: 4,
    limitTables: [],
    watchDir: join(dir, 'watch'),
    errDir: join(dir, 'error'),
    archiveDir: join(dir, 'archive'),
    prepDir: join(dir, 'prep'),
    ...otherOptions,
  };
  const members = (): ReadonlyMap<string, number> =>
    new Map([
      ['own', 7],
      ['peer', 8],
    ]);
  const ports = { sqlite, registry, members, clock: systemClock, log: silentLogger, ...otherPorts };
  const operator = await createOperator(ports, options);
  const close = async (): Promise<void> => {
    await operator.close();
    await sqlite.close();
  };
  const request = (content: string | Uint8Array, table: string): Parameters<Operator['put']>[0] => ({
    dbms: 'plant',
    table,
    source: 'test',
    instructions: '0',
    content: typeof content === 'string' ? Buffer.from(content) : content,
  });
  return {
    dir,
    sqlite,
    registry,
    options,
    operator,
    put: (content, table = 'readings') => operator.put(request(content, table)),
    stream: (content, table = 'readings') => operator.stream(request(content, table)),
    async drop(name, content) {
      await mkdir(join(dir, 'outside'), { recursive: true });
      await writeFile(join(dir, 'outside', name), content);
      await rename(join(dir, 'outside', name), join(options.watchDir, name));
    },
    async close() {
      await close();
      if (given === undefined) await rm(dir, { recursive: true, force: true });
    },
    async restarted(next = {}) {
      await close();
      const opened = await openOperator({ ...change, ...next, dir });
      for (const [name, columns] of registry.tables) opened.registry.tables.set(name, columns);
      return opened;
    },
  };
};
