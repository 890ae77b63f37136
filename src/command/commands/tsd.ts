import { fault } from '../../base/errors.ts';
import type { FileRanges, FileRecord } from '../../operator/file-record.ts';
import type { FileStore } from '../../operator/file-store.ts';
import { tsdStatus } from '../../operator/store/tsd-tables.ts';
import { countRanges, watermark } from '../../operator/ranges.ts';
import { anyText, date, integer, optional, withDefault } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, type Reply } from '../reply.ts';
import { renderTable, type Cell } from '../table.ts';
import { askMembers, jsonMember, ownCluster, runningOperator } from './common.ts';
import type { CommandContext } from '../context.ts';
import type { OptionTable } from '../options.ts';

/** One TSD table: the records of one origin. `tsd_info` is the own one, `tsd_N` that of the member N. */
interface TsdTable {
  readonly name: string;
  readonly origin: string;
  readonly member: number | undefined;
  readonly files: FileRanges;
}

const fileStore = (context: CommandContext): FileStore => {
  if (context.operator() === undefined)
    throw fault('COMMAND_NO_TSD', 'there are no TSD tables: the operator does not run', {
      hint: 'start it: run operator where policy = ID',
    });
  return runningOperator(context).store;
};

/** The own table first, then by member; an origin whose policy is gone goes by its id. */
const tsdTables = (context: CommandContext): readonly TsdTable[] => {
  const store = fileStore(context);
  const { operators } = context.topology();
  const member = (origin: string): number | undefined => operators.get(origin)?.member;
  const holdings = new Map(store.holdings());
  if (!holdings.has(store.origin)) holdings.set(store.origin, []);
  return [...holdings]
    .map(([origin, files]): TsdTable => {
      const number = member(origin);
      const name = origin === store.origin ? 'tsd_info' : `tsd_${number ?? origin}`;
      return { name, origin, member: number, files };
    })
    .sort(
      (a, b) => Number(b.name === 'tsd_info') - Number(a.name === 'tsd_info') || (a.member ?? 256) - (b.member ?? 256),
    );
};

const tsdOptions = {
  table: withDefault(anyText, 'tsd_info', 'TSD table, * for all'),
  limit: withDefault(integer(0, 1_000_000), 100, 'newest records of each table; 0 for all'),
  hash: optional(anyText, 'only the file with this hash'),
  start_date: optional(date, 'from this date on'),
  end_date: optional(date, 'before this date'),
};

const wantedTables = (context: CommandContext, name: string): readonly TsdTable[] => {
  const all = tsdTables(context);
  const wanted = all.filter((table) => name === '*' || table.name === name.toLowerCase());
  if (wanted.length > 0) return wanted;
  throw fault('COMMAND_TSD_UNKNOWN', `there is no TSD table ${name}`, {
    hint: `there are: ${all.map((table) => table.name).join(', ')}`,
  });
};

interface Filter {
  readonly mayReach: Call<OptionTable>['mayReach'];
  readonly hash: string | undefined;
  /** Policy dates sort as text. */
  readonly from: string;
  readonly to: string;
}

const filterOf = ({ context, options, mayReach }: Call<typeof tsdOptions>): Filter => {
  const now = context.clock.wallMs();
  const text = (at: ((nowMs: number) => number) | undefined, otherwise: string): string =>
    at === undefined ? otherwise : new Date(at(now)).toISOString().slice(0, -1);
  return {
    mayReach,
    hash: options.hash?.toLowerCase(),
    from: text(options.start_date, ''),
    to: text(options.end_date, '~'),
  };
};

const passes = (record: FileRecord, { mayReach, hash, from, to }: Filter): boolean =>
  mayReach(record.dbms, record.table) &&
  record.time >= from &&
  record.time < to &&
  (hash === undefined || record.hash === hash);

const PAGE = 1_000;

/** Records of a table from the newest to the oldest, a bounded page in memory. */
async function* newestFirst(store: FileStore, table: TsdTable): AsyncGenerator<FileRecord> {
  for (const [low, high] of [...table.files].reverse()) {
    for (let top = high; top >= low; top -= PAGE) {
      const page = await store.records(table.origin, [[Math.max(low, top - PAGE + 1), top]], PAGE);
      yield* [...page].reverse();
    }
  }
}

const seconds = (time: string): string => time.slice(0, 19).replace('T', ' ');

const DETAIL_TITLES = ['ID', 'DBMS', 'Table', 'Source', 'Hash', 'Instructions', 'Date', 'Rows', 'Status 1', 'Status 2'];
const DETAIL_KEYS = [
  'file_id',
  'dbms_name',
  'table_name',
  'source',
  'file_hash',
  'instructions',
  'file_time',
  'rows',
  'status1',
  'status2',
];

const detailCells = (record: FileRecord): readonly Cell[] => [
  record.file,
  record.dbms,
  record.table,
  record.source,
  record.hash,
  record.instructions,
  seconds(record.time),
  record.rows,
  ...tsdStatus(record),
];

const heading = (table: TsdTable): string =>
  `Info on TSD Table: ${table.name}${table.name === 'tsd_info' && table.member !== undefined ? ` (tsd_${table.member})` : ''}`;

const details = async (call: Call<typeof tsdOptions>): Promise<Reply> => {
  const { context, options } = call;
  const store = fileStore(context);
  const filter = filterOf(call);
  const parts: string[] = [];
  const json: Record<string, unknown> = {};
  for (const table of wantedTables(context, options.table)) {
    const rows: (readonly Cell[])[] = [];
    for await (const record of newestFirst(store, table)) {
      if (!passes(record, filter)) continue;
      rows.push(detailCells(record));
      if (options.limit > 0 && rows.length >= options.limit) break;
    }
    parts.push(`${heading(table)}\n${renderTable(DETAIL_TITLES, rows)}`);
    json[table.name] = rows.map((row) =>
      Object.fromEntries(DETAIL_KEYS.map((key, at) => [key, String(row[at] as string | number)])),
    );
  }
  return { text: `\n${parts.join('\n\n')}`, json };
};

interface Sum {
  readonly dbms: string;
  readonly table: string;
  files: number;
  rows: number;
  readonly sources: Set<string>;
  first: FileRecord;
  last: FileRecord;
  duplicates: number;
}

const addTo = (sums: Map<string, Sum>, record: FileRecord): void => {
  const key = `${record.dbms}.${record.table}`;
  const held = sums.get(key);
  const sum = held ?? {
    dbms: record.dbms,
    table: record.table,
    files: 0,
    rows: 0,
    sources: new Set<string>(),
    first: record,
    last: record,
    duplicates: 0,
  };
  if (held === undefined) sums.set(key, sum);
  if (record.status === 'duplicate') {
    sum.duplicates += 1;
    return;
  }
  sum.files += 1;
  sum.rows += record.rows;
  sum.sources.add(record.source);
  if (record.time < sum.first.time) sum.first = record;
  if (record.time > sum.last.time) sum.last = record;
};

const SUMMARY_TITLES = [
  'DBMS',
  'Table',
  'Start Date',
  'From ID',
  'End Date',
  'To ID',
  'Files Count',
  'Source Count',
  'Status 1',
  'Status 2',
  'Total Rows',
];

const summaryCells = ({ dbms, table, first, last, files, sources, duplicates, rows }: Sum): readonly Cell[] => [
  dbms,
  table,
  seconds(first.time),
  first.file,
  seconds(last.time),
  last.file,
  files,
  sources.size,
  1,
  duplicates === 0 ? 1 : 2,
  rows,
];

const bySumName = (a: Sum, b: Sum): number => (`${a.dbms}.${a.table}` < `${b.dbms}.${b.table}` ? -1 : 1);

const summary = async (call: Call<typeof tsdOptions>): Promise<Reply> => {
  const { context, options } = call;
  const store = fileStore(context);
  const filter = filterOf(call);
  const totals = new Map<string, Sum>();
  const parts: string[] = [];
  for (const table of wantedTables(context, options.table)) {
    const sums = new Map<string, Sum>();
    for await (const record of newestFirst(store, table)) {
      if (!passes(record, filter)) continue;
      addTo(sums, record);
      addTo(totals, record);
    }
    parts.push(
      `${heading(table)}\n${renderTable(SUMMARY_TITLES, [...sums.values()].sort(bySumName).map(summaryCells))}`,
    );
  }
  const all = [...totals.values()].sort(bySumName);
  if (parts.length > 1) {
    const rows = all.map(({ dbms, table, files, rows: count }): readonly Cell[] => [dbms, table, files, count]);
    parts.push(`Total all TSD Tables\n${renderTable(['DBMS', 'Table', 'Files Count', 'Total Rows'], rows)}`);
  }
  const json: Record<string, unknown> = {};
  for (const sum of all) json[`${sum.dbms}.${sum.table}`] = { files: sum.files, rows: sum.rows };
  return { text: `\n${parts.join('\n\n')}`, json };
};

const errors = ({ context, options, mayReach }: Call<typeof tsdOptions>): Reply => {
  const failures = runningOperator(context)
    .failures(Number.MAX_SAFE_INTEGER)
    .filter(({ dbms, table }) => mayReach(dbms, table))
    .slice(0, options.limit === 0 ? undefined : options.limit);
  if (failures.length === 0) return says('No file failed', []);
  return givesTable({
    titles: ['File', 'Table', 'Line', 'Error', 'Time'],
    rows: failures.map(({ path, dbms, table, line, text, time }): readonly Cell[] => [
      path,
      `${dbms}.${table}`,
      line,
      text,
      seconds(time),
    ]),
    json: failures,
  });
};

const list = ({ context }: Call<OptionTable>): Reply => {
  const tables = tsdTables(context);
  return {
    text: tables.map(({ name }) => name).join('\n'),
    json: tables.map(({ name, origin, member, files }) => ({
      table: name,
      origin,
      member: member ?? null,
      files: countRanges(files),
      watermark: watermark(files),
    })),
  };
};

const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

const syncStatus = async (call: Call<typeof tableOption>): Promise<Reply> => {
  const { context, options } = call;
  if (context.consumer() === undefined)
    throw fault('COMMAND_NOT_RUNNING', 'Info on TSD not available - enable Consumer process', {
      hint: 'start it: run data consumer',
    });
  const { operator, cluster } = ownCluster(context);
  const replies = await askMembers({ ...call, asked: 'json' }, cluster, 'get tsd list where format = json');
  const held = (json: unknown, origin: string): number => {
    const items: readonly unknown[] = Array.isArray(json) ? json : [];
    return number(
      jsonMember(
        items.find((item) => jsonMember(item, 'origin') === origin),
        'watermark',
      ),
    );
  };
  const rows = cluster.operators
    .filter(({ member }) => options.table === undefined || options.table === `tsd_${member}`)
    .map(({ id, member }) => {
      const marks = replies.map(({ reply }) =>
        reply.failure === undefined ? held(reply.answer?.json, id) : undefined,
      );
      const known = marks.filter((mark) => mark !== undefined);
      return { table: `tsd_${member}`, consensus: known.length === marks.length ? Math.min(...known) : 0, marks };
    });
  return givesTable({
    above: `Status by member ${operator.member}`,
    titles: ['TSD table', 'Consensus', ...replies.map(({ member }) => String(member.member))],
    rows: rows.map(({ table, consensus, marks }) => [table, consensus, ...marks.map((mark) => mark ?? 'no answer')]),
    json: rows.map(({ table, consensus, marks }) => ({
      table,
      consensus,
      members: Object.fromEntries(replies.map(({ member }, index) => [String(member.member), marks[index] ?? null])),
    })),
  });
};

const tableOption = { table: optional(anyText, 'only this TSD table') };

/** The records of the files that this operator holds. */
export const tsdCommands = (): readonly Command[] => [
  define({
    patterns: ['get tsd list', 'time file tables'],
    method: 'GET',
    explanation: 'lists the TSD tables: one for each operator that took up files',
    examples: ['get tsd list'],
    run: list,
  }),
  define({
    patterns: ['get tsd details', 'time file get'],
    method: 'GET',
    explanation: 'lists the files, newest first',
    examples: [
      'get tsd details',
      'get tsd details where table = * and start_date = -3d and end_date = -2d and format = json',
    ],
    options: tsdOptions,
    filtered: true,
    run: details,
  }),
  define({
    patterns: ['get tsd summary', 'time file summary'],
    method: 'GET',
    explanation: 'sums up files and rows by table',
    examples: ['get tsd summary where table = *'],
    options: tsdOptions,
    filtered: true,
    run: summary,
  }),
  define({
    patterns: [
      'get tsd errors',
      'get tsd error',
      'get tsd error details',
      'get tsd errors details',
      'time file errors',
    ],
    method: 'GET',
    explanation: 'lists the files that failed, with line and reason',
    examples: ['get tsd errors'],
    options: tsdOptions,
    filtered: true,
    run: errors,
  }),
  define({
    patterns: ['get tsd sync status', 'get ha cluster status', 'get tsd info'],
    method: 'GET',
    explanation: 'shows up to which file every member holds the files of every other',
    examples: ['get tsd sync status', 'get tsd sync status where table = tsd_84'],
    options: tableOption,
    run: syncStatus,
  }),
];
