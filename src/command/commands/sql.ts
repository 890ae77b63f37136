import { fault } from '../../base/errors.ts';
import { QUERY_TIMEOUT_MS } from '../../base/limits.ts';
import { formatPieces, resultValue } from '../../query/format.ts';
import { isAt } from '../addresses.ts';
import type { QueryOptions, QueryRequest } from '../../query/query.ts';
import type { Touch } from '../../policy/permissions/judge.ts';
import { tablesOf } from '../../query/targets.ts';
import { isKeyword, type Token } from '../grammar/lexer.ts';
import { readPairs } from '../grammar/pairs.ts';
import { textOfValue, valueOfToken } from '../grammar/values.ts';
import {
  anyText,
  bool,
  integer,
  nameText,
  oneOf,
  optional,
  readOptions,
  span,
  texts,
  withDefault,
  type OptionTable,
  type OptionValues,
} from '../options.ts';
import { allows, plainAct } from '../access/door.ts';
import { withNearTable } from '../near-tables.ts';
import { define, type Call } from '../define.ts';
import type { Command, Surroundings } from '../registry.ts';
import type { Reply } from '../reply.ts';

const sqlOptions = {
  format: optional(oneOf('json', 'json:list', 'json:output', 'table'), 'json unless given'),
  timezone: optional(anyText, 'utc, local, or the name of a zone'),
  include: optional(texts, 'tables whose rows count in: (table, db.table)'),
  extend: optional(texts, 'not supported in this version'),
  stat: withDefault(bool, true, 'with statistics'),
  dest: optional(anyText, 'stdout or rest'),
  nodes: withDefault(oneOf('main', 'all'), 'main', 'which operator of a cluster to prefer'),
  committed: withDefault(bool, false, 'only data that every active operator of a cluster holds'),
  partial: optional(bool, 'answer with what there is and say what is missing', ['subset']),
  max_time: optional(integer(1, 86_400), 'seconds'),
  timeout: optional(span, 'how long the query may take'),
  title: optional(anyText, 'accepted'),
  topic: optional(anyText, 'accepted'),
  pass_through: optional(bool, 'accepted'),
} satisfies OptionTable;

/** The words of `sql DBMS {options} "select …"`. */
interface SqlCommand {
  readonly dbms: string;
  readonly options: OptionValues<typeof sqlOptions>;
  readonly select: string;
}

const USAGE = 'sql DBMS {OPTION = VALUE and …} "select …"';

const missing = (text: string): Error => fault('COMMAND_STRUCTURE', text, { hint: `usage: ${USAGE}` });

/** The select stands in quotes at the end, in a variable at the end, or bare from the word `select` on. */
const findSelect = (
  tokens: readonly Token[],
  text: string,
  surroundings: Surroundings,
): { readonly select: string; readonly from: number } => {
  const bare = tokens.findIndex(
    (token, index) => index > 1 && isKeyword(token, 'select') && tokens[index - 1]?.kind !== 'equals',
  );
  const last = tokens.at(-1);
  const before = tokens.at(-2);
  if (
    last !== undefined &&
    bare < 0 &&
    before?.kind !== 'equals' &&
    tokens.length > 2 &&
    (last.kind === 'string' || last.kind === 'variable')
  )
    return { select: textOfValue(valueOfToken(last, surroundings.dictionary)), from: tokens.length - 1 };
  const start = tokens[bare];
  if (start === undefined) throw missing('the select statement is missing');
  return { select: text.slice(start.at), from: bare };
};

/** Reads a `sql` command. Throws `COMMAND_STRUCTURE`, and what options throw. */
const parseSql = (text: string, tokens: readonly Token[], surroundings: Surroundings): SqlCommand => {
  const name = tokens[1];
  if (name === undefined || /^\s*select\s/i.test(name.text)) throw missing('the database is missing');
  const dbms = nameText.read([name], surroundings.dictionary);
  const { select, from } = findSelect(tokens, text, surroundings);
  const first = isKeyword(tokens[2], 'where') ? 3 : 2;
  const pairs = first >= from ? [] : readPairs(tokens.slice(first, from));
  const options = readOptions(pairs, sqlOptions, surroundings.dictionary);
  if (options.extend !== undefined)
    throw fault('COMMAND_UNSUPPORTED', 'the option extend is not supported in this version', {
      hint: 'select the columns by name',
    });
  if (options.dest !== undefined && !['stdout', 'rest', 'none'].includes(options.dest.toLowerCase()))
    throw fault(
      'COMMAND_UNSUPPORTED',
      `the destination ${options.dest.slice(0, 40)} is not supported in this version`,
      { hint: 'use: dest = stdout' },
    );
  return { dbms, options, select };
};

/** What the caller says around the command. */
export interface SqlTarget {
  /** Operators by address; undefined: those that the network chooses. */
  readonly addresses: readonly string[] | undefined;
  readonly subset: boolean;
  /** Undefined: what the command says, or the default. */
  readonly timeoutMs: number | undefined;
}

const queryOptions = (
  { options }: SqlCommand,
  { subset, timeoutMs }: Pick<SqlTarget, 'subset' | 'timeoutMs'>,
): QueryOptions => ({
  nodes: options.nodes,
  committed: options.committed,
  partial: options.partial ?? subset,
  timeoutMs:
    options.timeout ?? (options.max_time === undefined ? (timeoutMs ?? QUERY_TIMEOUT_MS) : options.max_time * 1_000),
  include: options.include ?? [],
});

/** Operator policy ids for addresses. `COMMAND_DESTINATION` (20) for an address that is no operator's. */
const operatorsAt = ({ context }: Surroundings, addresses: readonly string[]): readonly string[] => {
  const all = [...context.topology().operators.values()];
  return addresses.map((address) => {
    const found = all.find((operator) => isAt(operator, address));
    if (found !== undefined) return found.id;
    throw fault('COMMAND_DESTINATION', `no operator policy has the address ${address}`, {
      hint: 'let the network choose: run client () sql …',
    });
  });
};

const run = async (
  surroundings: Surroundings,
  command: SqlCommand,
  request: QueryRequest,
  local: boolean,
): Promise<Reply> => {
  const { query } = surroundings.context;
  const { restriction } = surroundings;
  const mayReach = (dbms: string, table: string): boolean =>
    restriction === undefined || allows(restriction, plainAct('sql', [{ dbms, table }]));
  const result = await (local ? query.local(request) : query.network(request)).catch((caught: unknown) => {
    throw withNearTable(caught, { context: surroundings.context, mayReach });
  });
  const { format = 'json', stat, timezone } = command.options;
  const value = { stat, timezone, format: format === 'table' ? ('json' as const) : format };
  const pieces = function* (json: boolean): Iterable<string> {
    try {
      yield* formatPieces(result, json ? value : { format, stat, timezone, titlesOnce: surroundings.titlesOnce });
    } finally {
      result.release();
    }
  };
  return {
    get text() {
      return [...pieces(false)].join('');
    },
    get json() {
      const made = resultValue(result, value);
      result.release();
      return made;
    },
    pieces,
  };
};

const requestOf = (surroundings: Surroundings, command: SqlCommand, options: QueryOptions): QueryRequest => ({
  dbms: command.dbms,
  sql: command.select,
  options,
  ...(surroundings.signal === undefined ? {} : { signal: surroundings.signal }),
});

/** The tables that a query reads: of its `from`, and those that it includes. */
const touchesOf = ({ dbms, select, options }: SqlCommand): readonly Touch[] =>
  tablesOf(dbms, select, options.include ?? []);

/** `run client (…) sql …`: cluster by cluster, or the operators at the addresses. */
export const sqlAcross = (
  surroundings: Surroundings,
  target: SqlTarget,
  text: string,
  tokens: readonly Token[],
): Promise<Reply> => {
  const command = parseSql(text, tokens, surroundings);
  surroundings.restriction?.check(plainAct('sql', touchesOf(command)));
  const request = requestOf(surroundings, command, queryOptions(command, target));
  const operators = target.addresses === undefined ? {} : { operators: operatorsAt(surroundings, target.addresses) };
  return run(surroundings, command, { ...request, ...operators }, false);
};

const typed = (call: Call<OptionTable>): SqlCommand => {
  const sql = { kind: 'word', raw: 'sql', text: 'sql', at: 0, end: 3, glued: false } as const;
  return parseSql(call.text, [sql, ...call.args.tokens('statement')], call);
};

/** Asking the data. */
export const sqlCommands = (): readonly Command[] => [
  define({
    patterns: ['sql <statement...>'],
    method: 'any',
    remote: 'always',
    explanation: 'asks the local database; the network is asked with: run client () sql …',
    examples: [
      'sql lsl_demo "select count(*) from ping_sensor"',
      'run client () sql lsl_demo format = table and stat = false "select device_name, avg(value) from ping_sensor group by device_name"',
    ],
    touches: (call) => touchesOf(typed(call)),
    run: (call) => {
      const command = typed(call);
      const target = { subset: false, timeoutMs: undefined };
      return run(call, command, requestOf(call, command, queryOptions(command, target)), true);
    },
  }),
];
