import { compilePattern } from '../pattern.ts';
import type { AbsentCommand } from '../registry.ts';

const NO_MASTER = 'there is no master with a database of its own: every node holds the ledger';
const FILES = 'files of the machine are not touched by commands; of data: get archived files, get tsd details';
const RECORDS = 'records of files follow from the files alone, or copies would differ: get tsd details, run scrub';
const LOG = 'the node writes its log to stderr; failed files: get operator error; queries: query status';
const MACHINE = 'of the machine there is: get disk usage, get hostname; for the rest its own tools';
const POOLS = 'there are no thread pools to look at: get processes, query status, get user threads';
const KEYS =
  'the node signs every entry with its own key (get node id, rotate key), and blockchain audit checks them all';
const CHAIN = 'policies live in the network’s own ledger: blockchain insert';
const NO_BROKER = 'data comes by REST PUT (dbms, table and mode in its headers) and by the watch directory';
const SCHEDULE =
  'a script in the background does it: thread FILE, with a label, wait SECONDS and goto; or cron with holdfast exec';
const PARTITIONS = 'tables are not partitioned';
const MODE = 'each query says it: max_time, nodes and partial as its options, timeout and subset as its destination’s';

/** What to use instead → the documented spellings. */
const ABSENT: Readonly<Record<string, readonly string[]>> = {
  [NO_MASTER]: [
    'blockchain create table',
    'blockchain drop table',
    'blockchain update dbms',
    'blockchain switch network',
  ],
  'the ledger is no file that can be replaced or deleted; copies: run backup, blockchain export': [
    ...['blockchain update file', 'blockchain delete local file', 'blockchain pull to'],
  ],
  'history is not dropped; list a node’s policies with blockchain log where author = NAME, and end each: blockchain delete policy where id = ID':
    ['blockchain drop by host'],
  [CHAIN]: [
    ...['blockchain checkout', 'blockchain connect', 'connect to', 'create account', 'blockchain create account'],
    ...['set account info', 'blockchain set account info', 'deploy contract', 'blockchain deploy contract'],
    ...['blockchain state', 'get platforms', 'blockchain get platforms'],
  ],
  'name the type and the id: blockchain delete policy where id = ID': ['blockchain delete assignment'],
  'who serves a table: get data nodes where dbms = D and table = T; their policies: blockchain get operator where cluster = ID':
    ['get servers'],
  'connections are looked after by themselves: get members status, get connections': ['set servers ping'],
  'see: get processes': ['test process'],
  'see: info table DBMS TABLE exists, get tables where dbms = DBMS, get rows count where dbms = DBMS and table = TABLE':
    [
      ...['get table exist status', 'get table exists status', 'get table local status', 'get table blockchain status'],
      ...['get table rows count', 'get table complete status'],
    ],
  'drop table TABLE where dbms = DBMS, for each cluster that has it: and cluster = ID': ['drop network table'],
  [PARTITIONS]: ['partition', 'drop partition'],
  'buffers are part of the operator: exit operator, flush buffers': ['exit streamer'],
  [NO_BROKER]: [
    ...['run msg client', 'exit msg client', 'exit mqtt', 'run mqtt client', 'run message broker', 'exit broker'],
    ...['stream', 'get msg pool', 'get msg rules', 'get msg broker'],
  ],
  'the archive proves the rows and fills new operators, so it stays': ['delete archive'],
  [FILES]: ['get files', 'get directories', 'file', 'subprocess', 'python', 'system'],
  'of everything: run backup where dir = DIR; of the ledger: blockchain export': ['backup table'],
  [RECORDS]: [
    'time file new',
    'time file add',
    'time file update',
    'time file rename',
    'time file delete',
    'time file drop',
  ],
  [MODE]: ['set query mode', 'get query mode'],
  'see: query status, query explain': [
    ...['get operator execution', 'get query execution', 'get queries time', 'reset query timer'],
  ],
  'a query ends by its max_time; job status shows it': ['job run', 'job stop'],
  'use period and date expressions of sql': ['get increments params', 'get datetime', 'get timezone info'],
  [LOG]: [
    ...['set query log', 'get query log', 'get event log', 'get error log', 'get file log', 'get rest log'],
    ...['get streaming log', 'reset query log', 'reset event log', 'reset error log', 'reset file log'],
    ...['reset rest log', 'reset streaming log', 'trace', 'get echo queue'],
  ],
  [SCHEDULE]: ['run scheduler', 'schedule', 'task', 'get scheduler', 'exit scheduler'],
  [POOLS]: [
    ...['exit workers', 'get rest calls', 'get rest server info', 'get tcp pool', 'get rest pool', 'get query pool'],
    ...['get operator pool', 'get system threads'],
  ],
  'the name is set when the node starts: --name': ['set node name'],
  'a variable takes any value: x = 5': ['incr', 'random substr'],
  'ask each node: run client (operator) get status where format = json, or get processes': [
    ...['monitor', 'get monitored', 'set monitored', 'reset monitored'],
  ],
  [MACHINE]: [...['get cpu', 'get memory info', 'get node info', 'get platform info', 'get os process', 'get node']],
  'the machine’s own tools do it: date, curl': ['get time', 'rest get', 'rest post', 'rest put'],
  'port 0 takes a free one: --listen HOST:0, --rest HOST:0; DIR/node.json says which': ['get unused'],
  [KEYS]: [
    ...['set local password', 'set private password', 'id create keys', 'get public key', 'get private key', 'id sign'],
    ...['id authenticate', 'set signatory', 'get signatory', 'reset signatory', 'id encrypt', 'id decrypt'],
    ...['set encryption'],
  ],
};

/** Documented commands that are not there. */
export const absentCommands = (): readonly AbsentCommand[] =>
  Object.entries(ABSENT).flatMap(([instead, patterns]) =>
    patterns.map((pattern) => ({ pattern: compilePattern(pattern), instead })),
  );
