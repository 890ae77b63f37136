import { fault } from '../../base/errors.ts';
import { inSlices } from '../../base/slices.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../codec/json.ts';
import { applyBring, type BringResult } from '../../policy/apply-bring.ts';
import { parseBring } from '../../policy/bring.ts';
import { splitAsOf, splitKnownAt } from '../../policy/as-of.ts';
import { documentOf } from '../../policy/get-path.ts';
import type { PolicyView } from '../../policy/policies.ts';
import { parseGet, runGet, type GetContext, type GetRequest, type PolicySource } from '../../policy/query.ts';
import { unknownNames } from '../../policy/unknown-names.ts';
import { idsOf } from '../../policy/where.ts';
import type { CommandContext } from '../context.ts';
import { ownOperator } from '../facts.ts';
import { json, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command, Surroundings } from '../registry.ts';
import { givesJson, givesTable, says, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { noteOnNames } from '../unknown-names.ts';
import { policyOf } from './common.ts';
import { knownPast, withKnown } from './known-at.ts';
import { asShown, asStored, pastOf, type PastSource, withMoment } from './moment.ts';

const getContext = (context: CommandContext): GetContext => ({
  nowMs: context.clock.wallMs(),
  ownIp: ownOperator(context)?.ip,
});

const cellOf = (value: JsonValue): Cell =>
  typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string' ? value : JSON.stringify(value);

const replyOf = (result: BringResult): Reply => {
  switch (result.kind) {
    case 'policies':
      return givesJson(result.policies);
    case 'text':
      return says(result.text, result.text);
    case 'json':
      return givesJson(result.value);
    case 'table':
      return givesTable({ titles: result.headings, rows: result.rows.map((row) => row.map(cellOf)) });
  }
};

/** What a question brings, and beside it the names in it that no policy has. */
const answered = (source: PolicySource, request: GetRequest, context: CommandContext): Reply => {
  const result = runGet(source, request, getContext(context));
  return { ...replyOf(result), note: noteOnNames(unknownNames(source, request, result)) };
};

const FORMAT_JSON = /\s(?:where\s|and\s)?format\s?=\s?json$/i;

/** Takes `format = json` off the end. */
const splitFormat = (text: string): { readonly rest: string; readonly isJson: boolean } => {
  const rest = text.replace(FORMAT_JSON, '');
  return { rest, isJson: rest !== text };
};

/** `blockchain read` shows the policies as they were inserted and updated, without what anmp policies put over them. */
const asWritten = ({ policies }: CommandContext): PolicySource => ({
  book: policies.book,
  document: (state) => policies.original(state),
});

/** To ask the book for all that the search looks at is quick then. */
const madeReady = async (book: PolicyView, { types, where }: GetRequest, { signal }: Surroundings): Promise<void> => {
  if (where !== undefined && idsOf(where) !== undefined) return;
  await inSlices(book.makeShown(types?.length === 1 ? types[0] : undefined), signal);
};

const get = async (call: Call<OptionTable>, present: PolicySource, pastSource: PastSource): Promise<Reply> => {
  const { context, args } = call;
  const text = args.expanded('query').trim();
  if (text === '')
    throw fault('COMMAND_STRUCTURE', 'the types of the policies are missing', {
      hint: 'for example: blockchain get operator, blockchain get *',
    });
  // Before the moment as well as behind it: a condition on an attribute `format` would find nothing, and say so of the
  // past.
  const { rest: query, isJson } = splitFormat(text);
  const { rest: untimed, knownAt } = splitKnownAt(query);
  if (knownAt !== undefined) {
    const plain = splitFormat(untimed);
    const request = parseGet(plain.rest);
    const known = await knownPast(call, knownAt);
    await madeReady(known.past.book, request, call);
    const reply = answered(pastSource(known.past), request, context);
    return { ...withKnown(known, reply, isJson || plain.isJson), note: reply.note };
  }
  const { rest, asOf } = splitAsOf(query);
  if (asOf === undefined) {
    context.policies.pruning?.assertKnown();
    const request = parseGet(query);
    await madeReady(context.policies.book, request, call);
    return answered(present, request, context);
  }
  const plain = splitFormat(rest);
  const request = parseGet(plain.rest);
  const past = await pastOf(call, asOf);
  await madeReady(past.book, request, call);
  const reply = answered(pastSource(past), request, context);
  return { ...withMoment(past, reply, isJson || plain.isJson), note: reply.note };
};

const rootPolicies = ({ context, args }: Call<OptionTable>): Reply => {
  const [mode = '', ...types] = ` ${args.raw('filter')}`
    .replace(FORMAT_JSON, '')
    .trim()
    .toLowerCase()
    .split(/[\s,]+/);
  if (mode !== '' && mode !== 'include' && mode !== 'exclude')
    throw fault('COMMAND_STRUCTURE', 'include or exclude expected', {
      hint: 'blockchain get root policies {include|exclude TYPE …}',
    });
  const { policies } = context;
  policies.pruning?.assertKnown();
  const roots = policies.book
    .ofType()
    .filter(({ value }) => value['parent'] === undefined)
    .filter(({ type }) => mode === '' || types.includes(type) === (mode === 'include'));
  return givesJson(roots.map((state) => policies.document(state)));
};

/** The value before `bring`, and `bring …`. */
const from = ({ context, args, dictionary }: Call<OptionTable>): Reply => {
  const value = json.read(args.tokens('source'), dictionary);
  const documents: readonly JsonObject[] = (Array.isArray(value) ? (value as readonly JsonValue[]) : [value]).map(
    (item) => {
      const keys = isJsonObject(item) ? Object.keys(item) : [];
      // Any object can be asked; one that is no policy gets a root of its own.
      return keys.length === 1 && isJsonObject(policyOf(item)[keys[0] ?? ''])
        ? policyOf(item)
        : { object: policyOf(item) };
    },
  );
  return replyOf(applyBring(documents.map(documentOf), parseBring(args.expanded('bring')), getContext(context)));
};

/** Reading policies. */
export const policyGetCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain get <query...>'],
    method: 'GET',
    explanation:
      'finds policies: by type, where attributes hold, and brings whole policies or what is asked of them; join puts ' +
      'those of a second search beside them (only pairs; of two of one type the second is TYPE_2), merge adds their ' +
      'attributes (own ones win; without a partner as they are); bring.paths adds all paths of names from the root, ' +
      'bring.extend the policy that object_id names; as of "DATE" or as of FRONTIER: as they were then; ' +
      'known at "DATE" on NODE: as that node knew them, by its witnessed receipts (NODE: name or key; default: this one)',
    examples: [
      'blockchain get operator where ip = !ip and port = !anylog_server_port bring.first [*][id]',
      'blockchain get (operator, query) where [country] == US or [country] == IL bring [*][ip]:[*][port] separator = ,',
      'blockchain get cluster where table[dbms] = my_data and table[name] = ping_sensor bring [cluster][id] separator = ,',
      `blockchain get table bring.unique ['table']['dbms'] "." ['table']['name'] separator = ,`,
      'blockchain get operator join (blockchain get cluster where id = [operator][cluster]) bring.table [operator][name] [cluster][name]',
      'blockchain get * where [id] = "x" bring.paths',
      'blockchain get operator bring.table [*][name] [*][ip] as of "2026-11-25 18:00:00"',
      'blockchain get * where id = 64999c0d as of !frontier',
      'blockchain get operator bring [*][name] known at "2026-11-25 18:00:00" on operator-b',
    ],
    run: (call) => get(call, call.context.policies, asShown),
  }),
  define({
    patterns: ['blockchain read <query...>'],
    method: 'GET',
    explanation: 'as blockchain get, without what anmp policies put over the attributes',
    examples: ['blockchain read operator'],
    run: (call) => get(call, asWritten(call.context), asStored),
  }),
  define({
    patterns: ['blockchain get root policies', 'blockchain get root policies <filter...>'],
    method: 'GET',
    explanation: 'lists the policies that have no parent',
    examples: ['blockchain get root policies', 'blockchain get root policies exclude table operator'],
    run: rootPolicies,
  }),
  define({
    patterns: ['from <source> <bring...>'],
    method: 'any',
    remote: 'always',
    explanation: 'brings values out of a JSON object or list',
    examples: ['from !policy bring [*][id]'],
    run: from,
  }),
];
