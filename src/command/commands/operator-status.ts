import { fault } from '../../base/errors.ts';
import type { Damage } from '../../operator/file-check.ts';
import type { IngestFailure, Operator, OperatorStatus } from '../../operator/operator.ts';
import type { CommandContext } from '../context.ts';
import { damageFor, failureFor, type MayReach } from '../health/reach.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { diskDetails } from './node.ts';

const damagedText = (damages: readonly Damage[]): Cell => {
  const [first] = damages;
  return first === undefined
    ? 0
    : `${damages.length}, file ${first.file} of ${first.origin}: ${first.text}; see get scrub`;
};

type Rows = readonly (readonly [string, Cell])[];

/** Totals are of what is held, or in a directory; what is counted from the start on says so. */
const countsOf = (context: CommandContext, operator: Operator, mayReach: MayReach): Rows => {
  const status = operator.status();
  const lastFailure = lastFailureOf(status, mayReach);
  const { leftInWatch: left, setAside: aside } = status;
  const all = mayReach('*', '*');
  return [
    ['Status', 'Active'],
    ['Policy', status.options.policy],
    ['Files', status.files],
    ['Rows', status.rows],
    ['Duplicate Files', status.duplicates],
    ['Repeated Since Start', status.repeated],
    ['Failed Files', status.failed],
    ['Values Left Out Since Start', status.leftOut],
    ['Waiting Files', status.queued],
    [
      'Left In Watch Dir',
      all && left.length > 0 ? `${left.length}: ${left.slice(0, LEFT_SHOWN_MAX).join(', ')}` : left.length,
    ],
    ['Databases Set Aside', all || aside.length === 0 ? aside.join(', ') : aside.length],
    ['Damaged Files', damagedText(operator.store.damages().map(damageFor(mayReach)))],
    ['Last Error', lastFailure === undefined ? '' : `${lastFailure.time} ${lastFailure.path}: ${lastFailure.text}`],
    ...(context.disk === undefined ? [] : [['Disk', diskDetails(context.disk())] as const]),
  ];
};
const LEFT_SHOWN_MAX = 10;

const lastFailureOf = ({ lastFailure }: OperatorStatus, mayReach: MayReach): IngestFailure | undefined =>
  lastFailure === undefined ? undefined : failureFor(mayReach)(lastFailure);

/** The newest of those that whoever asks may know of. */
const failuresOf = (operator: Operator, mayReach: MayReach): readonly IngestFailure[] =>
  operator
    .failures(Number.MAX_SAFE_INTEGER)
    .filter(({ dbms, table }) => mayReach(dbms, table))
    .slice(0, FAILURES_SHOWN_MAX);
const FAILURES_SHOWN_MAX = 100;

const configOf = ({ options }: OperatorStatus): Rows => [
  ['Create Table', options.createTable],
  ['Update TSD Info', options.updateTsdInfo],
  ['Archive', options.archive],
  ['Distributor', options.distributor],
  ['Threads', options.threads],
  ['Limit Tables', options.limitTables.join(', ')],
  ['Watch Dir', options.watchDir],
  ['Error Dir', options.errDir],
  ['Archive Dir', options.archiveDir],
];

const insertsReply = (operator: Operator, mayReach: MayReach): Reply =>
  givesTable({
    above: 'Since start\n',
    titles: ['DBMS', 'Table', 'Files', 'Rows', 'Streaming Calls', 'Streaming Rows'],
    rows: operator
      .buffers()
      .filter(({ dbms, table }) => mayReach(dbms, table))
      .map(({ dbms, table, filePuts, fileRows, streamingPuts, streamingRows }) => [
        ...[dbms, table, filePuts, fileRows, streamingPuts, streamingRows],
      ]),
  });

const errorsReply = (operator: Operator, mayReach: MayReach): Reply => {
  const failures = failuresOf(operator, mayReach);
  return givesTable({
    titles: ['Time', 'Code', 'Error', 'File'],
    rows: failures.map(({ time, code, text, path }) => [time, code, text, path]),
    json: failures,
  });
};

const getOperator = ({ context, args, mayReach }: Call<OptionTable>): Reply => {
  const part = args.text('part').toLowerCase();
  if (!PARTS.includes(part))
    throw fault('COMMAND_VALUE', `an operator has no part ${part.slice(0, 40)}`, {
      hint: `one of: ${PARTS.filter((name) => name !== '').join(', ')}; or none for the whole`,
    });
  const operator = context.operator();
  if (operator === undefined) return says('Operator: Inactive', { Status: 'Inactive' });
  if (part === 'inserts') return insertsReply(operator, mayReach);
  if (part === 'error') return errorsReply(operator, mayReach);
  const status = operator.status();
  const rows = [
    ...(part === 'config' ? [] : countsOf(context, operator, mayReach)),
    ...(part === 'summary' ? [] : configOf(status)),
  ];
  const json =
    part === 'config'
      ? Object.fromEntries(rows)
      : {
          ...Object.fromEntries(rows),
          'Last Error': lastFailureOf(status, mayReach) ?? null,
          'Left In Watch Dir': mayReach('*', '*') ? status.leftInWatch : status.leftInWatch.length,
          Failures: failuresOf(operator, mayReach),
        };
  return givesTable({ titles: ['Operator', 'Details'], rows, json });
};
/** `json`, `sql` and `stat` are documented and have nothing of their own here. */
const PARTS: readonly string[] = ['', 'summary', 'config', 'inserts', 'error', 'json', 'sql', 'stat'];

/** What the operator has taken up, and how it was started. */
export const operatorStatusCommands = (): readonly Command[] => [
  define({
    patterns: ['get operator', 'get operator <part?>'],
    method: 'GET',
    explanation:
      'shows what the operator of this node has taken up, and the last file that failed; of it: summary, config, inserts, error',
    examples: ['get operator', 'get operator inserts', 'get operator where format = json'],
    filtered: true,
    run: getOperator,
  }),
];
