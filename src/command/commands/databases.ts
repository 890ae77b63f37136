import { fault } from '../../base/errors.ts';
import type { Touch } from '../../policy/permissions/judge.ts';
import { writing } from '../../operator/store/write-procedures.ts';
import { inspectReads, inspectWrites, SYSTEM_COLUMNS } from '../inspect.ts';
import { databaseNames, howToConnect, localTables, seeTables } from '../local-tables.ts';
import { noteOnTable } from '../near-tables.ts';
import { namedTable } from './common.ts';
import { anyText, bool, nameOrAll, nameText, oneOf, optional, required, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { dropTableCommand } from './drop-table.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { readableColumns } from '../../topology/topology.ts';
import type { CommandContext } from '../context.ts';

const nameArgument = (call: Call<OptionTable>, name: string): string =>
  nameText.read(call.args.tokens(name), call.dictionary);

/** The database that stands between the words. */
const wholeDatabase = (call: Call<OptionTable>): readonly Touch[] => [{ dbms: nameArgument(call, 'name'), table: '*' }];

const tableInDatabase = (call: Call<typeof inDatabase>): readonly Touch[] => [
  { dbms: call.options.dbms, table: nameArgument(call, 'table') },
];

const databases = async ({ context }: Call<OptionTable>): Promise<Reply> => {
  const names = await databaseNames(context);
  const { directories } = context.facts;
  return givesTable({
    titles: ['Logical DBMS', 'Database Type', 'Owner', 'IP:Port', 'Configuration', 'Storage'],
    rows: names.map((name): readonly Cell[] => [
      name,
      'sqlite',
      'user',
      'Local',
      'WAL, synchronous full',
      directories.databases,
    ]),
    json: Object.fromEntries(
      names.map((name) => [name, { dbms_type: 'sqlite', ip_port: 'Local', storage: directories.databases }]),
    ),
  });
};

const connectOptions = {
  type: optional(oneOf('sqlite', 'psql', 'mongo'), 'sqlite'),
  user: optional(anyText, 'accepted: not used'),
  password: optional(anyText, 'accepted: not used'),
  ip: optional(anyText, 'accepted: not used'),
  port: optional(anyText, 'accepted: not used'),
  memory: optional(bool, 'accepted: databases are files'),
  connection: optional(anyText, 'accepted: not used'),
  autocommit: optional(bool, 'accepted: not used'),
  unlog: optional(bool, 'accepted: not used'),
};

const connect = async (call: Call<typeof connectOptions>): Promise<Reply> => {
  const { type } = call.options;
  if (type !== undefined && type !== 'sqlite')
    throw fault('COMMAND_DBMS_TYPE', `databases of type ${type} are not supported`, { hint: 'use: type = sqlite' });
  await call.context.sqlite.write(inspectWrites, 'createDatabase', nameArgument(call, 'name'));
  return SILENT;
};

const noDatabase = (name: string): Error =>
  fault('COMMAND_DBMS_UNKNOWN', `there is no logical database ${name}`, {
    hint: `see: get databases, get tables where dbms = *; ${howToConnect(name)}`,
  });

const disconnect = async (call: Call<OptionTable>): Promise<Reply> => {
  const name = nameArgument(call, 'name');
  if (!(await databaseNames(call.context)).includes(name)) throw noDatabase(name);
  return says(`${name} is a file of this node: it stays, and needs no connection`);
};

interface TableFlags {
  local: boolean;
  blockchain: boolean;
}

const tablesOptions = { dbms: required(nameOrAll, 'database, * for all') };

/** database → table in reach → where it is known. */
const knownTables = async (
  { context, mayReach }: Pick<Call<OptionTable>, 'context' | 'mayReach'>,
  dbms: string,
): Promise<ReadonlyMap<string, ReadonlyMap<string, TableFlags>>> => {
  const known = new Map<string, Map<string, TableFlags>>();
  const flags = (database: string, table: string): TableFlags => {
    const inDatabase = known.get(database) ?? new Map<string, TableFlags>();
    known.set(database, inDatabase);
    const held = inDatabase.get(table) ?? { local: false, blockchain: false };
    inDatabase.set(table, held);
    return held;
  };
  for (const name of dbms === '*' ? await databaseNames(context) : [dbms])
    for (const table of await localTables(context, name)) if (mayReach(name, table)) flags(name, table).local = true;
  for (const table of context.topology().tables())
    if ((dbms === '*' || table.dbms === dbms) && mayReach(table.dbms, table.name))
      flags(table.dbms, table.name).blockchain = true;
  return known;
};

const tables = async ({ context, options, mayReach }: Call<typeof tablesOptions>): Promise<Reply> => {
  const { dbms: wanted } = options;
  const known = await knownTables({ context, mayReach }, wanted);
  if (known.size === 0 && wanted !== '*' && !(await databaseNames(context)).includes(wanted)) throw noDatabase(wanted);
  return givesTable({
    titles: ['Database', 'Table name', 'Local DBMS', 'Blockchain'],
    rows: [...known].flatMap(([dbms, byName]) =>
      [...byName].map(([table, { local, blockchain }], index): readonly Cell[] => [
        index === 0 ? dbms : '',
        table,
        local ? '    V' : '    -',
        blockchain ? '    V' : '    -',
      ]),
    ),
    json: Object.fromEntries([...known].map(([dbms, byName]) => [dbms, Object.fromEntries(byName)])),
  });
};

const columnsOptions = {
  dbms: required(nameText, 'database', ['dbms_name']),
  table: required(nameText, 'table', ['table_name']),
  sys_col: optional(bool, 'false leaves out the columns that the network adds'),
  type: optional(anyText, 'only columns of this type'),
};

interface NamedColumn {
  readonly name: string;
  readonly type: string;
}

/** From the local database or, where the table is not here, from its policy. `COMMAND_TABLE_UNKNOWN` (132). */
const columnsOf = async (context: CommandContext, dbms: string, table: string): Promise<readonly NamedColumn[]> => {
  if ((await localTables(context, dbms)).includes(table))
    return context.sqlite.read(inspectReads, 'columns', dbms, table);
  const declared = context.topology().table(dbms, table);
  if (declared === undefined)
    throw fault('COMMAND_TABLE_UNKNOWN', `there is no table ${dbms}.${table}, neither here nor in the ledger`, {
      data: { dbms, table },
      hint: await seeTables(context, dbms),
    });
  return [
    { name: 'row_id', type: 'integer' },
    { name: 'insert_timestamp', type: 'timestamp without time zone' },
    { name: 'tsd_name', type: 'char(3)' },
    { name: 'tsd_id', type: 'int' },
    ...declared.columns,
  ];
};

const columns = async ({ context, options, format }: Call<typeof columnsOptions>): Promise<Reply> => {
  const { dbms, table, sys_col: system, type } = options;
  const found = (await columnsOf(context, dbms, table))
    .filter(({ name }) => system !== false || !SYSTEM_COLUMNS.includes(name))
    .filter((column) => type === undefined || column.type === type.toLowerCase());
  if (format === 'list') return { text: undefined, json: found.map(({ name }) => name) };
  return givesTable({
    above: `Schema for DBMS: '${dbms}' and Table: '${table}'`,
    titles: ['Column Name', 'Column Type'],
    rows: found.map(({ name, type: declared }) => [name, declared]),
    json: Object.fromEntries(found.map(({ name, type: declared }) => [name, declared])),
  });
};

const countOptions = {
  dbms: optional(nameText, 'database'),
  table: optional(nameText, 'table'),
  group: optional(oneOf('table', 'partition'), 'accepted'),
};

const rowsCount = async ({ context, options, mayReach }: Call<typeof countOptions>): Promise<Reply> => {
  const rows: (readonly Cell[])[] = [];
  for (const dbms of options.dbms === undefined ? await databaseNames(context) : [options.dbms])
    for (const table of await localTables(context, dbms))
      if ((options.table === undefined || options.table === table) && mayReach(dbms, table))
        rows.push([dbms, table, await context.sqlite.read(inspectReads, 'rowCount', dbms, table)]);
  const reply = givesTable({ titles: ['DBMS Name', 'Table Name', 'Rows Count'], rows });
  return rows.length > 0 ? reply : { ...reply, note: noteOnTable({ context, mayReach }, options) };
};

const infoTable = async (call: Call<OptionTable>): Promise<Reply> => {
  const [dbms, table] = [nameArgument(call, 'dbms'), nameArgument(call, 'table')];
  const what = oneOf('exists', 'columns', 'partitions').read(call.args.tokens('what'), call.dictionary);
  if (what === 'partitions') return says('', []);
  if (what === 'columns') {
    const found = await columnsOf(call.context, dbms, table);
    return givesTable({ titles: ['Column Name', 'Column Type'], rows: found.map(({ name, type }) => [name, type]) });
  }
  const exists = (await localTables(call.context, dbms)).includes(table);
  return says(String(exists), exists);
};

/** Tables that the node makes by itself. */
const BUILT_IN: readonly string[] = ['almgm.tsd_info', 'blockchain.ledger'];

const createTable = async (call: Call<typeof inDatabase>): Promise<Reply> => {
  const table = nameArgument(call, 'table');
  const { dbms } = call.options;
  if (BUILT_IN.includes(`${dbms}.${table}`)) return SILENT;
  const declared = call.context.topology().table(dbms, table);
  if (declared === undefined)
    throw fault('COMMAND_TABLE_NO_POLICY', `no table policy says what ${dbms}.${table} looks like`, {
      data: { dbms, table },
      hint: 'the operator makes tables from the data by itself; or insert a table policy with its create statement',
    });
  await call.context.sqlite.write(writing, 'createTable', dbms, table, readableColumns(declared));
  return SILENT;
};

const inDatabase = { dbms: required(nameText, 'database') };

const wholeDatabases = (): readonly Command[] => [
  define({
    patterns: ['get databases'],
    method: 'GET',
    explanation: 'lists the logical databases of this node',
    examples: ['get databases', 'get databases where format = json'],
    run: databases,
  }),
  define({
    patterns: ['connect dbms <name>'],
    method: 'POST',
    explanation: 'makes a logical database on this node where it does not exist',
    examples: ['connect dbms lsl_demo where type = sqlite'],
    options: connectOptions,
    touches: wholeDatabase,
    run: connect,
  }),
  define({
    patterns: ['disconnect dbms <name>'],
    method: 'POST',
    explanation: 'accepted: a logical database is a file and stays',
    examples: ['disconnect dbms lsl_demo'],
    touches: wholeDatabase,
    run: disconnect,
  }),
];

const inDatabases = (): readonly Command[] => [
  define({
    patterns: ['get tables'],
    method: 'GET',
    explanation: 'lists tables, with whether they are in the local database and in the ledger',
    examples: ['get tables where dbms = *'],
    options: tablesOptions,
    touches: () => [],
    run: tables,
  }),
  define({
    patterns: ['get columns'],
    method: 'GET',
    explanation: 'lists the columns of a table with their types',
    examples: ['get columns where dbms = lsl_demo and table = ping_sensor and format = json'],
    options: columnsOptions,
    formats: ['list'],
    run: columns,
  }),
  define({
    patterns: ['get rows count'],
    method: 'GET',
    explanation: 'counts the rows of the local tables',
    examples: ['get rows count where dbms = lsl_demo'],
    options: countOptions,
    touches: namedTable,
    run: rowsCount,
  }),
  define({
    patterns: ['info table <dbms> <table> <what>'],
    method: 'GET',
    explanation: 'exists, columns or partitions of a local table',
    examples: ['info table almgm tsd_info exists'],
    touches: (call) => [{ dbms: nameArgument(call, 'dbms'), table: nameArgument(call, 'table') }],
    run: infoTable,
  }),
  define({
    patterns: ['create table <table>'],
    method: 'POST',
    explanation: 'makes a table on this node as its policy declares it',
    examples: ['create table ping_sensor where dbms = lsl_demo'],
    options: inDatabase,
    touches: tableInDatabase,
    run: createTable,
  }),
  dropTableCommand(),
  define({
    patterns: ['get partitions'],
    method: 'GET',
    explanation: 'lists partition definitions: tables are not partitioned',
    examples: ['get partitions where format = json'],
    options: { dbms: optional(nameOrAll, 'database'), table: optional(nameOrAll, 'table') },
    run: () => says('No partitions declared', {}),
  }),
];

/** Logical databases and their tables on this node. */
export const databaseCommands = (): readonly Command[] => [...wholeDatabases(), ...inDatabases()];
