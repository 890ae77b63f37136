import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fault, systemCode } from '../../base/errors.ts';
import type { BufferThreshold } from '../../operator/operator.ts';
import { anyText, bool, nameText, optional, size, span, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';
import { hoursMinutesSeconds, type Cell, type Title } from '../table.ts';
import { runningOperator } from './common.ts';

const thresholdOptions = {
  dbms: optional(nameText, 'database; every table unless given', ['dbms_name']),
  table: optional(nameText, 'table', ['table_name']),
  time: optional(span, 'flush after this time'),
  volume: optional(size, 'flush above this size'),
  write_immediate: optional(bool, 'write rows at once'),
};

const setThreshold = ({ context, options }: Call<typeof thresholdOptions>): Reply => {
  const { dbms, table, time, volume, write_immediate: immediate } = options;
  if (time === undefined && volume === undefined && immediate === undefined)
    throw fault('COMMAND_THRESHOLD', 'no threshold is given', {
      hint: 'add: time = 60 seconds, volume = 10KB or write_immediate = true',
    });
  const threshold: Partial<BufferThreshold> = {
    ...(time === undefined ? {} : { seconds: time / 1_000 }),
    ...(volume === undefined ? {} : { bytes: volume }),
    ...(immediate === undefined ? {} : { writeImmediate: immediate }),
  };
  runningOperator(context).setThreshold(threshold, dbms, table);
  return SILENT;
};

const STREAMING_TITLES: readonly Title[] = [
  'DBMS-Table',
  ['Put', 'files'],
  ['Put', 'Rows'],
  ['Streaming', 'Calls'],
  ['Streaming', 'Rows'],
  ['Cached', 'Rows'],
  ['Counter', 'Immediate'],
  ['Threshold', 'Volume(KB)'],
  ['Buffer', 'Fill(%)'],
  ['Threshold', 'Time(sec)'],
  ['Time Left', '(Sec)'],
  ['Last Process', 'HH:MM:SS'],
];
const STREAMING_KEYS = [
  'table',
  'File Put',
  'File Rows',
  'Streaming Put',
  'Streaming Rows',
  'Streaming Cached',
  'Immediate',
  'Threshold Volume',
  '% Buffer Fill',
  'Threshold Time',
  'Time Left',
  'Last Process',
];

const streaming = ({ context, mayReach }: Call<OptionTable>): Reply => {
  const rows = runningOperator(context)
    .buffers()
    .filter(({ dbms, table }) => mayReach(dbms, table))
    .map((buffer): readonly Cell[] => [
      `${buffer.dbms}.${buffer.table}`,
      buffer.filePuts,
      buffer.fileRows,
      buffer.streamingPuts,
      buffer.streamingRows,
      buffer.rows,
      buffer.threshold.writeImmediate ? buffer.streamingPuts : 0,
      Math.round(buffer.threshold.bytes / 1_024),
      buffer.threshold.bytes === 0 ? 0 : Math.round((100 * buffer.bytes) / buffer.threshold.bytes),
      buffer.threshold.seconds,
      Math.round(buffer.secondsLeft),
      buffer.secondsSinceFlush === undefined ? '' : hoursMinutesSeconds(buffer.secondsSinceFlush * 1_000),
    ]);
  return givesTable({ above: 'Statistics\n', titles: STREAMING_TITLES, rows, keys: STREAMING_KEYS });
};

/** Names in the archive of one day. The date names a directory, so nothing but a date is taken. */
const archivedFiles = async ({ context, args, mayReach }: Call<OptionTable>): Promise<Reply> => {
  const typed = args.text('date');
  const found = /^(?:20)?(\d{2})[-/](\d{2})[-/](\d{2})$/.exec(
    typed === '' ? new Date(context.clock.wallMs()).toISOString().slice(0, 10) : typed,
  );
  if (found === null)
    throw fault('COMMAND_VALUE', 'the day is not of the form YYYY-MM-DD', {
      hint: 'for example: get archived files 2026-11-23',
    });
  const day = `20${found.slice(1).join('-')}`;
  const at = Date.parse(`${day}T00:00:00Z`);
  // Parsing rolls 30 February over into March.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== day)
    throw fault('COMMAND_DATE', `there is no day ${day}`, { hint: 'for example: get archived files 2026-11-23' });
  const root = context.operator()?.status().options.archiveDir ?? context.facts.directories.archive;
  const directory = join(root, ...found.slice(1));
  const names = await readdir(directory).catch((caught: unknown) => {
    if (systemCode(caught) === 'ENOENT') return [];
    throw caught;
  });
  const isShown = (name: string): boolean => {
    const [dbms = '*', table = '*'] = name.split('.');
    return mayReach(dbms, table);
  };
  const files = names
    .filter(isShown)
    .sort()
    .map((name) => join(directory, name));
  return { text: files.join('\n'), json: files };
};

/** As `parseDataFileName` takes it. */
const JSON_FILE_NAME = 'dbms.table.source.hash.instructions.member.row.YYMMDDHHMMSS.json{.gz}';

/** Rows on their way into files, and files on their way into the archive. */
export const streamingCommands = (): readonly Command[] => [
  define({
    patterns: ['set buffer threshold'],
    method: 'POST',
    explanation: 'says when streamed rows become a file',
    examples: [
      'set buffer threshold where dbms = lsl_demo and table = ping_sensor and time = 60 seconds and volume = 10KB',
    ],
    options: thresholdOptions,
    run: setThreshold,
  }),
  define({
    patterns: ['flush buffers'],
    method: 'POST',
    explanation: 'makes files of all streamed rows now',
    examples: ['flush buffers'],
    options: { dbms: optional(nameText, 'only this database'), table: optional(nameText, 'only this table') },
    run: async ({ context, options }) => {
      await runningOperator(context).flush(options.dbms, options.table);
      return SILENT;
    },
  }),
  define({
    patterns: ['run streamer'],
    method: 'POST',
    explanation: 'accepted: streaming buffers are flushed by the operator',
    examples: ['run streamer'],
    options: {
      prep_dir: optional(anyText, 'accepted'),
      watch_dir: optional(anyText, 'accepted'),
      err_dir: optional(anyText, 'accepted', ['error_dir']),
    },
    run: () => SILENT,
  }),
  define({
    patterns: ['get streaming', 'get streaming <part?>'],
    method: 'GET',
    explanation: 'shows the streaming buffers',
    examples: ['get streaming where format = json'],
    filtered: true,
    run: streaming,
  }),
  define({
    patterns: ['get json file struct', 'get json file structure', 'show json file struct', 'show json file structure'],
    method: 'GET',
    explanation: 'prints how the name of a data file is made; after dbms.table the rest may be left out',
    examples: ['get json file struct'],
    run: () => says(JSON_FILE_NAME),
  }),
  define({
    patterns: ['get msg client', 'get msg clients'],
    method: 'GET',
    explanation: 'lists the message clients: there are none, data comes by REST and from the watch directory',
    examples: ['get msg client'],
    run: () => says('No message client subscriptions', []),
  }),
  define({
    patterns: ['get archived files <date?>'],
    method: 'GET',
    remote: 'registered',
    explanation: 'lists the archived files of a day (UTC); today unless given',
    examples: ['get archived files 2026-11-23'],
    run: archivedFiles,
  }),
];
