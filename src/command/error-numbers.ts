/**
 * The documented numbers of the command language for our codes. The code is the contract of this program, the number that
 * of the language: clients compare `err_code`. Every code that `src` can throw stands here or in the prefix table by a
 * decision, which a test holds.
 */
const NUMBERS: Readonly<Record<string, number>> = {
  // base, codec
  INTERNAL: 3,
  START_FAILED: 3,
  CLOSE_FAILED: 3,
  CODEC_MALFORMED: 6,
  CODEC_NOT_CANONICAL: 6,
  CODEC_TOO_DEEP: 6,
  CODEC_FRAME_OVERSIZE: 15,

  // sqlite
  SQLITE_NO_DATABASE: 10,
  SQLITE_NAME: 175,
  SQLITE_NOT_A_QUERY: 46,
  SQLITE_STATEMENT: 16,
  SQLITE_DEADLINE: 76,
  SQLITE_OVERLOADED: 3,
  SQLITE_CLOSED: 10,

  // entry, ledger
  LEDGER_NO_NETWORK: 17,
  LEDGER_OWN_LOG_BEHIND: 150,
  LEDGER_ENTRY_OVERSIZE: 87,

  // policy
  POLICY_STRUCTURE: 87,
  POLICY_OVERSIZE: 87,
  POLICY_ATTRIBUTE_NAME: 216,
  POLICY_ID_TAKEN: 70,
  POLICY_NOT_UNIQUE: 180,
  POLICY_ADDRESS_TAKEN: 149,
  POLICY_CLUSTER_UNKNOWN: 222,
  POLICY_CLUSTER_FULL: 180,
  POLICY_PARENT: 118,
  POLICY_UNKNOWN: 113,
  POLICY_ID_DIFFERS: 247,
  POLICY_NOT_OWNER: 210,

  // query
  SQL_SYNTAX: 46,
  QUERY_TIMEOUT: 26,
  QUERY_TABLE_UNKNOWN: 45,

  // command
  COMMAND_UNKNOWN: 1,
  COMMAND_SYNTAX: 2,
  COMMAND_STRUCTURE: 2,
  COMMAND_OPTION: 2,
  COMMAND_OPTION_MISSING: 2,
  COMMAND_OPTION_TWICE: 2,
  COMMAND_OVERSIZE: 2,
  COMMAND_DEPTH: 2,
  COMMAND_JSON: 6,
  COMMAND_VALUE: 175,
  COMMAND_DATE: 175,
  COMMAND_SPAN: 175,
  COMMAND_SIZE: 175,
  COMMAND_FORMAT: 161,
  COMMAND_SCRIPT_BLOCK: 2,
  COMMAND_SCRIPT_OVERSIZE: 2,
};

/** Where a code is not in the table: by its floor. */
const BY_PREFIX: readonly (readonly [string, number])[] = [
  ['CODEC_', 6],
  ['NETWORK_', 15],
  ['SQLITE_', 16],
  ['ENTRY_', 30],
  ['LEDGER_', 30],
  ['POLICY_', 87],
  ['FILE_', 12],
  ['INGEST_', 3],
  ['REPLICATION_', 220],
  ['TRANSFER_', 220],
  ['QUERY_', 203],
  ['SQL_', 46],
  ['COMMAND_', 2],
  ['REST_', 110],
];

const PROCESS_FAILURE = 3;

/** The documented number (`err_code`) of a code; 3 (process failure) where nothing fits. Never 0. */
export const errorNumber = (code: string): number => {
  const exact = Object.hasOwn(NUMBERS, code) ? NUMBERS[code] : undefined;
  return exact ?? BY_PREFIX.find(([prefix]) => code.startsWith(prefix))?.[1] ?? PROCESS_FAILURE;
};

/** Whether a code has its own line in the table. */
export const hasOwnNumber = (code: string): boolean => Object.hasOwn(NUMBERS, code);

/** What `get error N` prints. */
export const ERROR_MEANINGS: Readonly<Record<number, string>> = {
  0: 'success',
  1: 'unrecognized command',
  2: 'wrong command structure',
  3: 'process failure',
  5: 'DBMS not connected',
  6: 'wrong JSON structure',
  8: 'no reply',
  10: 'DBMS not open',
  12: 'file missing',
  15: 'network failure',
  16: 'SQL failure',
  17: 'no metadata',
  20: 'wrong or missing destination',
  23: 'wrong job id',
  26: 'time out',
  28: 'wrong table name',
  29: 'no metadata',
  30: 'ledger operation failed',
  33: 'missing configuration',
  42: 'DBMS not open or table not declared',
  45: 'table metadata cannot be loaded',
  46: 'SQL cannot be parsed',
  50: 'DBMS not connected',
  58: 'no ledger file',
  59: 'empty ledger file',
  69: 'wrong ledger structure',
  70: 'duplicate policy id',
  73: 'no operators for the table',
  75: 'inconsistent metadata',
  76: 'query exceeds its time limit',
  77: 'query exceeds its volume limit',
  83: 'missing DBMS name',
  86: 'duplicate data file',
  87: 'wrong policy structure',
  95: 'missing key',
  97: 'not authenticated',
  98: 'not signed',
  101: 'row to delete not found',
  105: 'scheduler is off',
  107: 'only some policies were deleted',
  109: 'ledger table is not local',
  110: 'wrong REST headers',
  113: 'needed policy is not available',
  117: 'TSD table not accessible',
  118: 'missing parent policy',
  119: 'wrong file name structure',
  120: 'empty result set',
  121: 'TSD process failed',
  130: 'table is excluded',
  131: 'file from a node that is no member of the cluster',
  132: 'table is not in the ledger',
  135: 'TCP server is off',
  136: 'process is already active',
  141: 'unrecognized command',
  147: 'no TSD tables',
  148: 'file cannot be moved to the archive',
  149: 'address is used by another policy',
  150: 'synchronizer is off',
  151: 'policy is not in the local ledger',
  155: 'no destination node',
  156: 'wrong HTTP method',
  161: 'wrong output format',
  163: 'unknown user agent',
  167: 'no mapping for the data',
  170: 'policy without id',
  171: 'table may not be declared',
  172: 'files are not in the directory',
  174: 'operator without a cluster',
  175: 'wrong value for a key',
  180: 'values are not unique',
  192: 'operator is not enabled',
  203: 'operator is not available',
  207: 'wrong TSD id',
  208: 'peer refused',
  210: 'missing authorization',
  211: 'no network peers',
  212: 'unauthorized command',
  213: 'no root member',
  214: 'cluster information is not available',
  215: 'policy is not unique',
  216: 'wrong attribute name',
  217: 'inconsistent schema',
  220: 'operator is not accessible',
  222: 'missing cluster policy',
  224: 'remote call is not supported',
  234: 'format is not supported',
  237: 'not supported in this version',
  239: 'wrong address',
  247: 'policy id differs',
};
