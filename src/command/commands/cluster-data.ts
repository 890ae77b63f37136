import { fault, hasCode } from '../../base/errors.ts';
import { DIFFERENCES_MAX } from '../../base/limits.ts';
import { sha256Hex } from '../../codec/hash.ts';
import type { ClusterRepair } from '../../replication/replication.ts';
import type { ClusterInfo } from '../../topology/topology.ts';
import type { CommandContext } from '../context.ts';
import { bool, changing, date, optional, withDefault } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { renderTable, type Cell } from '../table.ts';
import {
  type ByMember,
  type Difference,
  differingBuckets,
  differingFiles,
  differingRows,
  filesIn,
  rowsIn,
  type TableSums,
  tablesIn,
} from './cluster-differences.ts';
import { addressOf } from '../addresses.ts';
import { askMembers, memberTitles, ownCluster, type MemberReply } from './common.ts';
import { type BUCKET_DIGITS, changedRows, nameOf, REPORT_TITLES, reportCells, runningScrub } from './scrub.ts';

const dataOptions = {
  start_date: optional(date, 'from this date on'),
  end_date: optional(date, 'before this date'),
  repair: changing(withDefault(bool, false, 'mends what differs, on every operator of the cluster')),
};

/** Every row is read. */
const SUMS_TIMEOUT_MS = 60_000;
const WINDOW_DIGITS = 19;
/** Buckets of a table that are looked into, all with one question: each reads all that they hold. */
const BUCKETS_LOOKED_INTO = 128;
/** Files that are looked into row by row. */
const FILES_LOOKED_INTO = 64;
type Unit = keyof typeof BUCKET_DIGITS;
const COARSER: readonly Unit[] = ['day', 'month', 'year'];
/** All that the buckets hold is read for each step: of a day the minutes are asked for at once. */
const FINER: Readonly<Record<Unit, Unit | undefined>> = {
  ...{
    year: 'month',
    month: 'day',
    day: 'minute',
    hour: 'minute',
    minute: 'second',
    second: 'millisecond',
    millisecond: undefined,
  },
};

/** The same window for every member, in the form that all read alike. */
const windowText = ({ context, options }: Call<typeof dataOptions>): string => {
  const now = context.clock.wallMs();
  const text = (name: string, at: ((nowMs: number) => number) | undefined): string =>
    at === undefined ? '' : ` and ${name} = ${new Date(at(now)).toISOString().slice(0, WINDOW_DIGITS)}Z`;
  return `${text('start_date', options.start_date)}${text('end_date', options.end_date)}`;
};

/** One look at the data of a cluster: asks its members for sums, ever finer where they differ. */
class Comparison {
  readonly #call: Call<typeof dataOptions>;
  readonly #cluster: ClusterInfo;
  replies: readonly MemberReply[] = [];
  members: ByMember<TableSums> = [];
  tables: readonly string[] = [];
  differences: readonly Difference[] = [];
  /**
   * Tables with buckets that differ and that were not looked into to the end, and why: nobody knows whether they are
   * equal.
   */
  readonly unsure = new Map<string, string>();

  constructor(call: Call<typeof dataOptions>, cluster: ClusterInfo) {
    this.#call = call;
    this.#cluster = cluster;
  }

  async run(): Promise<this> {
    const unit = await this.#overview();
    this.tables = [...new Set(this.members.flatMap((member) => Object.keys(member ?? {})))].sort();
    for (const table of this.tables) {
      const buckets = this.#first(table, differingBuckets(this.members, table));
      if (buckets.length > 0) await this.#lookInto(table, buckets, unit);
    }
    await this.#lookIntoRows();
    return this;
  }

  /** Whether all answered and hold the same of a table. What was still on its way at the first look has arrived. */
  equal(table: string): boolean {
    return (
      this.differences.every((difference) => difference.table !== table) &&
      !this.unsure.has(table) &&
      this.members.every((member) => (member?.[table]?.strays ?? 0) === 0)
    );
  }

  get strays(): boolean {
    return this.members.some((member) => Object.values(member ?? {}).some(({ strays }) => strays > 0));
  }

  /** By day, or coarser where there are too many days. */
  async #overview(): Promise<Unit> {
    for (const unit of COARSER) {
      this.replies = await this.#ask(`bucket = ${unit}`);
      if (unit === 'year' || !this.replies.some(({ reply }) => hasCode(reply.failure, 'TABLE_SUMS_BOUND'))) {
        this.members = this.replies.map(({ reply }) => this.#within(tablesIn(reply.answer?.json)));
        return unit;
      }
    }
    return 'year';
  }

  /** Without the tables that whoever asks may not know of: members tell each other of all. */
  #within(member: TableSums | undefined): TableSums | undefined {
    if (member === undefined) return undefined;
    const mayReach = (name: string): boolean => {
      const [dbms = '', ...table] = name.split('.');
      return this.#call.mayReach(dbms, table.join('.'));
    };
    return Object.fromEntries(Object.entries(member).filter(([name]) => mayReach(name)));
  }

  async #lookInto(table: string, buckets: readonly string[], unit: Unit): Promise<void> {
    if (this.differences.length >= DIFFERENCES_MAX) {
      this.#leaveUnsure(table, `${DIFFERENCES_MAX} files are listed already`);
      return;
    }
    const where = `table = "${table}" and within = "${buckets.join(' ')}"`;
    const replies = await this.#ask(`bucket = file and ${where}`);
    if (isBeyondBound(replies)) return this.#lookCloser(table, buckets, unit);
    const found = differingFiles(
      this.#told(table, replies, (json) => filesIn(json, table)),
      ...([table, buckets] as const),
    );
    this.differences = [...this.differences, ...found].slice(0, DIFFERENCES_MAX);
  }

  /** The buckets hold more files than can be listed: finds out where in them the difference is. */
  async #lookCloser(table: string, buckets: readonly string[], unit: Unit): Promise<void> {
    const finer = FINER[unit];
    const sums =
      finer === undefined
        ? undefined
        : await this.#ask(`bucket = ${finer} and table = "${table}" and within = "${buckets.join(' ')}"`);
    if (finer !== undefined && sums !== undefined && !isBeyondBound(sums)) {
      const inside = this.#first(table, differingBuckets(this.#told(table, sums, tablesIn), table));
      if (inside.length > 0) await this.#lookInto(table, inside, finer);
    } else if (buckets.length > 1) {
      const middle = buckets.length >> 1;
      for (const half of [buckets.slice(0, middle), buckets.slice(middle)]) await this.#lookInto(table, half, unit);
    } else this.#leaveUnsure(table, `${buckets.join(' ')} holds more files than can be listed`);
  }

  #leaveUnsure(table: string, why: string): void {
    if (!this.unsure.has(table)) this.unsure.set(table, why);
  }

  /** As many buckets as are looked into. */
  #first(table: string, buckets: readonly string[]): readonly string[] {
    if (buckets.length > BUCKETS_LOOKED_INTO) this.#leaveUnsure(table, `${buckets.length} times of it differ`);
    return buckets.slice(0, BUCKETS_LOOKED_INTO);
  }

  /** Answers to a closer question. Who was there for the overview and is silent now may hold anything. */
  #told<T>(table: string, replies: readonly MemberReply[], read: (json: unknown) => T | undefined): ByMember<T> {
    return replies.map(({ member, reply: { failure, answer } }, index) => {
      const told = failure === undefined ? read(answer?.json) : undefined;
      if (told === undefined && this.members[index] !== undefined)
        this.#leaveUnsure(table, `${member.name} did not say which files it holds: ${failure?.message ?? OTHER_FORM}`);
      return told;
    });
  }

  async #lookIntoRows(): Promise<void> {
    const looked: Difference[] = [];
    for (const [index, difference] of this.differences.entries()) {
      const { origin, file, inRows } = difference;
      if (!inRows || index >= FILES_LOOKED_INTO) looked.push(difference);
      else {
        const replies = await this.#ask(`bucket = row and origin = "${origin}" and file = ${file}`);
        looked.push({ ...difference, rows: differingRows(replies.map(({ reply }) => rowsIn(reply.answer?.json))) });
      }
    }
    this.differences = looked;
  }

  #ask(what: string): Promise<readonly MemberReply[]> {
    const command = `get tsd sums where ${what}${windowText(this.#call)} and format = json`;
    return askMembers({ ...this.#call, asked: 'json' }, this.#cluster, command, SUMS_TIMEOUT_MS);
  }
}

const OTHER_FORM = 'its answer has another form';

const isBeyondBound = (replies: readonly MemberReply[]): boolean =>
  replies.some(({ reply }) => hasCode(reply.failure, 'TABLE_SUMS_BOUND'));

interface Summary {
  readonly files: number;
  readonly rows: number;
  readonly content: string;
}

const summaryOf = (member: TableSums | undefined, table: string): Summary | undefined => {
  const of = member?.[table];
  if (of === undefined) return undefined;
  return {
    files: of.buckets.reduce((sum, { files }) => sum + files, 0),
    rows: of.buckets.reduce((sum, { rows }) => sum + rows, of.strays),
    content: sha256Hex(JSON.stringify([of.buckets.map(({ bucket, sum }) => [bucket, sum]), of.strays])).slice(0, 32),
  };
};

const cellOf = (isSilent: boolean, summary: Summary | undefined): Cell => {
  if (isSilent) return 'no answer';
  return summary === undefined ? 0 : `${summary.files}/${summary.rows}`;
};

const differencesText = (context: CommandContext, { differences, replies }: Comparison): string => {
  if (differences.length === 0) return '';
  const titles = ['Table', 'Bucket', 'Origin', 'File', ...replies.map(({ member }) => `Node_${member.member}`), 'Rows'];
  const rows = differences.map(({ table, bucket, origin, file, has, rows: places }): readonly Cell[] => [
    ...[table, bucket, nameOf(context, origin), file, ...has],
    places.join(' '),
  ]);
  return `\n\nDifferences\n${renderTable(titles, rows)}`;
};

const straysText = ({ members, replies }: Comparison): string =>
  members
    .flatMap((member, index) =>
      Object.entries(member ?? {})
        .filter(([, { strays }]) => strays > 0)
        .map(
          ([table, { strays }]) => `\n${strays} rows of no file in ${table} at ${replies[index]?.member.name ?? ''}`,
        ),
    )
    .join('');

/** Who did not answer, why, and the next step. */
const silentText = ({ replies, members }: Comparison): string =>
  replies
    .flatMap(({ member, reply: { failure } }, index) => {
      if (members[index] !== undefined) return [];
      const hint = failure?.hint === undefined ? '' : ` (${failure.hint})`;
      return [`\n${member.name} does not answer: ${failure?.message ?? OTHER_FORM}${hint}`];
    })
    .join('')
    .replaceAll('|', ' ');

/** What was not compared to the end. */
const unsureText = ({ unsure }: Comparison): string =>
  [...unsure]
    .map(([table, why]) => `\n${table} is not compared to the end: ${why}`)
    .join('')
    .replaceAll('|', ' ');

const comparisonReply = (context: CommandContext, comparison: Comparison, repair: ClusterRepair | undefined): Reply => {
  const { replies, tables, members, differences, unsure } = comparison;
  const summary = (table: string, index: number): Summary | undefined => summaryOf(members[index], table);
  const table = givesTable({
    above: 'TSD Summary on all nodes in the cluster (files/rows)\n',
    titles: [['Table', ''], ...memberTitles(replies)],
    rows: tables.map((name) => [
      name,
      ...members.map((member, index) => cellOf(member === undefined, summary(name, index))),
    ]),
    json: {
      equal: members.every((member) => member !== undefined) && tables.every((name) => comparison.equal(name)),
      nodes: replies.map(({ member, reply }) => ({
        ...{ address: addressOf(member), name: member.name, member: member.member },
        ...(reply.failure === undefined ? {} : { error: reply.failure.message, hint: reply.failure.hint ?? null }),
      })),
      tables: Object.fromEntries(
        tables.map((name) => [
          name,
          {
            equal: comparison.equal(name),
            ...(unsure.has(name) ? { unsure: unsure.get(name) } : {}),
            nodes: Object.fromEntries(
              replies.map(({ member }, index) => [addressOf(member), summary(name, index) ?? { files: 0, rows: 0 }]),
            ),
          },
        ]),
      ),
      differences: differences.map(({ has, inRows: _, ...difference }) => ({
        ...difference,
        nodes: Object.fromEntries(replies.map(({ member }, index) => [addressOf(member), has[index] ?? ''])),
      })),
      ...(repair === undefined ? {} : { repair }),
    },
  });
  const notes = `${differencesText(context, comparison)}${straysText(comparison)}${silentText(comparison)}${unsureText(comparison)}`;
  return { ...table, text: `${table.text ?? ''}${notes}` };
};

const repairText = (
  { context }: Call<typeof dataOptions>,
  { reports, aside, failed }: ClusterRepair,
  { unsure }: Comparison,
): string => {
  const did = reports.filter((report) => report.did !== 'none');
  const table =
    did.length === 0
      ? ''
      : `\n${renderTable(
          REPORT_TITLES,
          did.map((report) => reportCells(context, report)),
        )}`;
  const kept = aside === 0 ? '' : `\n${aside} rows of no file were put aside (table holdfast_aside of their database)`;
  const silent = failed.map(({ name, text }) => `\nNot mended at ${name}: ${text}`.replaceAll('|', ' ')).join('');
  const isNothing = did.length + aside + failed.length + unsure.size === 0;
  const nothing = isNothing ? ': nothing to do' : '';
  return `\nRepair${nothing}${table}${changedRows(did)}${kept}${silent}\n`;
};

const data = async (call: Call<typeof dataOptions>): Promise<Reply> => {
  const { cluster } = ownCluster(call.context);
  const comparison = await new Comparison(call, cluster).run();
  if (!call.options.repair) return comparisonReply(call.context, comparison, undefined);
  if (call.session.caller === 'peer')
    throw fault('COMMAND_REMOTE_REFUSED', 'repair = true is not served to other nodes: it changes data', {
      hint: 'run it on an operator of the cluster',
    });
  const scrubber = runningScrub(call.context);
  if (comparison.differences.length === 0 && !comparison.strays) {
    const failed = comparison.replies.flatMap(({ member, reply: { failure } }) =>
      failure === undefined ? [] : [{ name: member.name, text: failure.message }],
    );
    const nothing = { reports: [], aside: 0, failed };
    const reply = comparisonReply(call.context, comparison, nothing);
    return { ...reply, text: `${repairText(call, nothing, comparison)}${reply.text ?? ''}` };
  }
  const repair = await scrubber.repairAll(comparison.differences.map(({ origin, file }) => ({ origin, file })));
  const after = await new Comparison(call, cluster).run();
  const reply = comparisonReply(call.context, after, repair);
  return { ...reply, text: `${repairText(call, repair, after)}${reply.text ?? ''}` };
};

/** Whether the operators of the own cluster hold the same. */
export const clusterDataCommands = (): readonly Command[] => [
  define({
    patterns: ['test cluster data'],
    method: 'GET',
    explanation:
      'compares files, rows and a hash of their content by table and day on all members, names what differs, and mends it with repair = true',
    examples: [
      'test cluster data',
      'test cluster data where start_date = -3d',
      'test cluster data where repair = true',
      'test cluster data where format = json',
    ],
    options: dataOptions,
    // Mends rows of all tables, whichever differ.
    touches: ({ options }) => (options.repair ? [{ dbms: '*', table: '*' }] : []),
    run: data,
  }),
];
