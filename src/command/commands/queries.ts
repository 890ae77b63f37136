import { fault } from '../../base/errors.ts';
import type { QueryJob } from '../../query/query.ts';
import { quoted } from '../grammar/syntax.ts';
import { integer, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, type Reply } from '../reply.ts';
import { hoursMinutesSeconds, type Cell } from '../table.ts';

/** The jobs that were asked for: the newest alone, one by number, or all. `COMMAND_NO_JOB` (23). */
const jobsOf = ({ context, args, dictionary, mayReach }: Call<OptionTable>): readonly QueryJob[] => {
  const jobs = context.query.jobs().filter(({ dbms, table }) => mayReach(dbms, table));
  const wanted = args.text('job').toLowerCase();
  if (wanted === 'all') return jobs;
  if (wanted === '') return jobs.slice(0, 1);
  if (!/^\d+$/.test(wanted))
    throw fault('COMMAND_VALUE', `${quoted(wanted)} is no number of a query`, {
      hint: 'a number, or all; see them: query status all',
    });
  const number = integer(0, Number.MAX_SAFE_INTEGER).read(args.tokens('job'), dictionary);
  const found = jobs.filter(({ job }) => job === number);
  if (found.length > 0) return found;
  throw fault('COMMAND_NO_JOB', `there is no query ${number} among the last ${jobs.length}`, {
    hint: 'see them: query status all',
  });
};

const jobNumber = (job: number): string => String(job).padStart(4, '0');

const statusRows = (job: QueryJob): readonly (readonly Cell[])[] => {
  const blocks = job.parts.reduce((sum, part) => sum + part.blocks, 0);
  const output = "['stdout']";
  return [
    [
      { right: jobNumber(job.job) },
      job.parts.length,
      output,
      hoursMinutesSeconds(job.runMs),
      'All',
      '---',
      job.status,
      blocks,
      job.rows,
      job.error === undefined ? job.sql : `${job.sql} (${job.error})`,
    ],
    ...job.parts.map((part, index): readonly Cell[] => [
      '',
      '',
      '',
      hoursMinutesSeconds(part.runMs),
      part.address,
      { right: String(index) },
      part.status,
      part.blocks,
      part.rows,
      part.error ?? (part.behind > 0 ? `it lacks ${part.behind} files of its cluster` : ''),
    ]),
  ];
};

const status = (call: Call<OptionTable>): Reply => {
  const jobs = jobsOf(call);
  return givesTable({
    titles: ['Job', 'ID', 'Output', 'Run Time', 'Operator', 'Par', 'Status', 'Blocks', 'Rows', 'Command'],
    rows: jobs.flatMap(statusRows),
    json: jobs,
  });
};

const destination = (call: Call<OptionTable>): Reply =>
  givesTable({
    titles: ['Job', 'Destination', 'DBMS', 'Table', 'Command'],
    rows: jobsOf(call).flatMap(({ job, dbms, table, sql, parts }) =>
      parts.map((part, index): readonly Cell[] =>
        index === 0 ? [jobNumber(job), part.address, dbms, table, sql] : ['', part.address, dbms, table, ''],
      ),
    ),
  });

const explain = (call: Call<OptionTable>): Reply => {
  const jobs = jobsOf(call);
  if (jobs.length === 0) return says('No queries since the node started', []);
  const lines = jobs.map((job) =>
    [
      ['Job ID', String(job.job)],
      ['Remote DBMS', job.dbms],
      ['Remote Table', job.table],
      ['Source Command', job.sql],
      ['Remote Query', job.remoteSql],
      ['Local Query', job.mergeSql],
    ]
      .map(([name = '', value = '']) => `${name.padEnd(14)}: ${value}`)
      .join('\n'),
  );
  return { text: lines.join('\n\n'), json: jobs.map(({ parts: _, ...job }) => job) };
};

/** What became of queries. */
export const queryCommands = (): readonly Command[] => [
  define({
    patterns: ['query status <job?>', 'job status <job?>', 'job active <job?>'],
    method: 'GET',
    explanation: 'shows which operators took part in a query, and how it ended',
    examples: ['query status', 'query status all', 'query status 12'],
    filtered: true,
    run: status,
  }),
  define({
    patterns: ['query destination <job?>'],
    method: 'GET',
    explanation: 'shows where a query went',
    examples: ['query destination all'],
    filtered: true,
    run: destination,
  }),
  define({
    patterns: ['query explain <job?>'],
    method: 'GET',
    explanation: 'shows what was sent to the operators and what merged their answers',
    examples: ['query explain'],
    filtered: true,
    run: explain,
  }),
];
