import { fault } from '../../base/errors.ts';
import type { BucketSum, SumScope } from '../../operator/file-sums.ts';
import type { MendReport } from '../../replication/scrub/messages.ts';
import type { Scrubbing } from '../../replication/replication.ts';
import type { CommandContext } from '../context.ts';
import { foreignTo } from '../../topology/home.ts';
import { damageFor, peerFor, reachesNamed } from '../health/reach.ts';
import { anyText, date, integer, oneOf, optional, withDefault, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesJson, givesTable, says, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { notRunning, runningOperator } from './common.ts';

/** The scrub where the operator runs, else `COMMAND_NOT_RUNNING`. */
export const runningScrub = (context: CommandContext): Scrubbing => {
  const scrubber = context.scrubber();
  if (scrubber === undefined) throw notRunning('operator', 'run operator where policy = ID');
  return scrubber;
};

/** The name of an operator; its id where its policy is gone. */
export const nameOf = (context: CommandContext, operator: string): string =>
  context.topology().operators.get(operator)?.name ?? operator;

/** The titles of a table of mended files; {@link reportCells} makes a row of it. */
export const REPORT_TITLES = ['Operator', 'Origin', 'File', 'Table', 'Did', 'From', 'Rows Changed', 'Why'];

/** What was done to a file, a cell for each of {@link REPORT_TITLES}. */
export const reportCells = (context: CommandContext, report: MendReport): readonly Cell[] => [
  nameOf(context, report.operator),
  nameOf(context, report.origin),
  report.file,
  report.table,
  report.did,
  report.from,
  report.changed,
  report.why,
];

/** The rows that a report names, one a line. */
export const changedRows = (reports: readonly MendReport[]): string =>
  reports
    .flatMap(({ file, changes }) =>
      changes.map(
        ({ row, change, was, now }) => `\nFile ${file}, row ${row} ${change}: ${was || '-'} -> ${now || '-'}`,
      ),
    )
    .join('')
    .replaceAll('|', ' ');

const getScrub = ({ context, mayReach }: Call<OptionTable>): Reply => {
  const whole = runningScrub(context).status();
  const status = {
    ...peerFor(mayReach)(whole),
    deeds: whole.deeds.filter(reachesNamed(mayReach)),
    strays: whole.strays.filter(({ dbms, table }) => mayReach(dbms, table)),
  };
  const damages = runningOperator(context).store.damages().map(damageFor(mayReach));
  const strays = status.strays.map(({ dbms, table, count }) => `${count} in ${dbms}.${table}`).join(', ');
  const facts: readonly (readonly [string, Cell])[] = [
    ['Files Looked At', `${status.looked} of ${status.files}`],
    ['Passes', status.passes],
    ['Last Pass', status.lastPass ?? ''],
    ['Damage Found', status.found],
    ['Mended', status.mended],
    ['Damaged Now', damages.length],
    ['Rows Of No File', strays],
    ['Last Error', status.lastError ?? ''],
  ];
  const json = { ...status, damaged: damages };
  const table = givesTable({ titles: ['Scrub', 'Details'], rows: facts, json });
  const damaged = damages.map(
    ({ origin, file, text }) =>
      `\nFile ${file} of ${nameOf(context, origin)} is damaged: ${text}. It is tried again by itself; start an operator that holds it, or put its archived file back`,
  );
  const stray = strays === '' ? '' : '\nRows of no file: test cluster data where repair = true keeps them aside';
  const deeds =
    status.deeds.length === 0
      ? ''
      : givesTable({ titles: REPORT_TITLES, rows: status.deeds.slice(0, 20).map((deed) => reportCells(context, deed)) })
          .text;
  return {
    json: table.json,
    text: `${table.text ?? ''}${damaged.join('').replaceAll('|', ' ')}${stray}${deeds === '' ? '' : `\n${deeds ?? ''}`}${changedRows(status.deeds.slice(0, 20))}`,
  };
};

/** What the digits of a record time name. */
export const BUCKET_DIGITS = { year: 4, month: 7, day: 10, hour: 13, minute: 16, second: 19, millisecond: 23 } as const;

const sumOptions = {
  bucket: withDefault(
    oneOf('year', 'month', 'day', 'hour', 'minute', 'second', 'millisecond', 'file', 'row'),
    'day',
    'how finely',
  ),
  table: withDefault(anyText, '*', 'db.table, * for all'),
  start_date: optional(date, 'from this date on'),
  end_date: optional(date, 'before this date'),
  within: optional(anyText, 'only these buckets: what the record times begin with, equally long, with blanks between'),
  origin: optional(anyText, 'for bucket = row: operator policy id'),
  file: optional(integer(1, Number.MAX_SAFE_INTEGER), 'for bucket = row: number of the file'),
};

/** Record times that are wanted, as text. */
const spanOf = ({ context, options }: Call<typeof sumOptions>): Pick<SumScope, 'from' | 'to' | 'within'> => {
  const now = context.clock.wallMs();
  const text = (at: ((nowMs: number) => number) | undefined, otherwise: string): string =>
    at === undefined ? otherwise : new Date(at(now)).toISOString().slice(0, -1);
  const [from, to] = [text(options.start_date, ''), text(options.end_date, '~')];
  if (options.within === undefined) return { from, to };
  const within = options.within.split(' ').filter((beginning) => beginning !== '');
  if (new Set(within.map(({ length }) => length)).size !== 1)
    throw fault('COMMAND_VALUE', 'within names buckets of one length', {
      hint: 'for example: within = "2026-11-26T10:05 2026-11-26T10:07"',
    });
  return { from, to, within };
};

const sums = async (call: Call<typeof sumOptions>): Promise<Reply> => {
  const { options } = call;
  const { store } = runningOperator(call.context);
  const { sums: of } = store;
  if (options.bucket === 'row') {
    if (options.origin === undefined || options.file === undefined)
      throw fault('COMMAND_OPTION_MISSING', 'bucket = row needs origin and file');
    return givesJson(await of.rows(options.origin, options.file));
  }
  const wanted = (await of.tables(options.within === undefined)).filter(
    ({ dbms, table }) =>
      (options.table === '*' || `${dbms}.${table}` === options.table.toLowerCase()) && call.mayReach(dbms, table),
  );
  // An operator that was moved holds files that its peers are not to have, and so do its former peers.
  const without = foreignTo(call.context.topology(), store.origin, store.holdings().keys());
  const span = { ...spanOf(call), without };
  if (options.bucket === 'file') {
    const listed = wanted.map(async ({ dbms, table, strays }) => {
      return [`${dbms}.${table}`, { strays, files: await of.files({ dbms, table, ...span }) }] as const;
    });
    return givesJson(Object.fromEntries(await Promise.all(listed)));
  }
  const found: Record<string, { readonly strays: number; readonly buckets: readonly BucketSum[] }> = {};
  for (const { dbms, table, strays } of wanted) {
    const buckets = await of.buckets({ dbms, table, ...span }, BUCKET_DIGITS[options.bucket]);
    if (buckets.length > 0 || strays > 0) found[`${dbms}.${table}`] = { strays, buckets };
  }
  const rows = Object.entries(found).flatMap(([table, { buckets }]) =>
    buckets.map(({ bucket, files, rows: count, sum }): readonly Cell[] => [table, bucket, files, count, sum]),
  );
  return givesTable({ titles: ['Table', 'Bucket', 'Files', 'Rows', 'Hash'], rows, json: found });
};

/** Finding damage in what this operator holds. */
export const scrubCommands = (): readonly Command[] => [
  define({
    patterns: ['run scrub'],
    method: 'POST',
    explanation:
      'reads all files now instead of once a day, compares rows and archive with their digests and mends damage',
    examples: ['run scrub'],
    run: ({ context }) => {
      runningScrub(context).runNow();
      return says('Scrub started; see: get scrub');
    },
  }),
  define({
    patterns: ['get scrub'],
    method: 'GET',
    explanation: 'shows how far the scrub is, what it found and mended, and what is damaged, with the next step',
    examples: ['get scrub', 'get scrub where format = json'],
    filtered: true,
    run: getScrub,
  }),
  define({
    patterns: ['get tsd sums'],
    method: 'GET',
    explanation: 'hashes records and rows by table and time, as operators compare them',
    examples: ['get tsd sums', 'get tsd sums where bucket = hour and table = plant.readings and start_date = -3d'],
    options: sumOptions,
    // Which table a file belongs to is not said: its rows are for who may reach all.
    touches: ({ options }) => (options.bucket === 'row' ? [{ dbms: '*', table: '*' }] : []),
    run: sums,
  }),
];
