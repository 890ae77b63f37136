import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { isForAdmins } from '../../policy/kinds/registry.ts';
import { policyWarnings } from '../../policy/shape.ts';
import { unknownType } from '../../policy/unknown-names.ts';
import { columnsToMake } from '../../topology/create-statement.ts';
import type { CommandContext } from '../context.ts';
import { address, anyText, bool, json, optional, repeated, required, type OptionTable } from '../options.ts';
import { checkAdmin } from '../access/door.ts';
import { define, type Call } from '../define.ts';
import type { Command, Registry, Surroundings } from '../registry.ts';
import { givesJson, says, SILENT, type Reply } from '../reply.ts';
import { noteOnNewType } from '../unknown-names.ts';
import { idOf, jsonArgument, policyOf, rootOf } from './common.ts';
import { refuseIdleEntries } from './permission-words.ts';

/**
 * Where a policy goes. There is one ledger and every node holds it: the documented destinations are accepted, all mean
 * it.
 */
const destinations = {
  local: optional(bool, 'accepted: the ledger of this node is written first in any case'),
  master: repeated(anyText, 'accepted: there is no master, all nodes hold the ledger', ['master_node']),
  blockchain: optional(anyText, 'accepted: there is no platform under the ledger'),
};

const insertOptions = { policy: required(json, 'the policy, or !name of a variable that holds it'), ...destinations };

const insert = async (call: Call<typeof insertOptions>): Promise<Reply> => {
  const { options } = call;
  if (options.local === false && options.master.length === 0 && options.blockchain === undefined)
    throw fault('COMMAND_LEDGER_LOCATION', 'Missing ledger location: local = false and no other destination', {
      hint: 'leave local out: the ledger of this node is written and every other node gets the entry',
    });
  return inserted(call, policyOf(options.policy));
};

/**
 * The node writes with its own right: whoever may say what that signs could give itself every right. `ACCESS_REFUSED`.
 */
const checkMayWrite = ({ context, session }: Surroundings, type: string, ...values: readonly JsonObject[]): void => {
  if (values.some((value) => isForAdmins(type, value)))
    checkAdmin(context, session, `write policies of type ${type}${isForAdmins(type, {}) ? '' : ' that hold a script'}`);
};

/** What a policy says in vain, as far as it takes commands or topology to know it. `POLICY_STRUCTURE`. */
const refuseInVain = (registry: Registry, type: string, value: JsonObject): void => {
  refuseIdleEntries(registry, type, value);
  if (type === 'table') refuseUnreadable(value);
};

/** Numbers that no operator has come to would drop what it takes in later, and a drop is for good. */
const notByHand = (): HoldfastError =>
  fault('POLICY_STRUCTURE', 'a drop policy is not written by hand: it names the files that the operators have', {
    data: { type: 'drop' },
    hint: 'give the command: drop table TABLE where dbms = DBMS',
  });

/** A table whose statement says no columns takes no rows. */
const refuseUnreadable = ({ create }: JsonObject): void => {
  if (typeof create !== 'string' || create === '') return;
  try {
    columnsToMake(create);
  } catch (caught) {
    const { message, hint } = asFault(caught);
    throw fault('POLICY_STRUCTURE', `table policy: create is ${message}`, {
      data: { type: 'table', attribute: 'create' },
      ...(hint === undefined ? {} : { hint }),
    });
  }
};

/** Silent as documented, except for what should be mended. */
const inserted = async (surroundings: Surroundings, policy: JsonObject): Promise<Reply> => {
  const { context, registry } = surroundings;
  const { policies } = context;
  const { type, value } = rootOf(policy);
  checkMayWrite(surroundings, type, value);
  if (type === 'drop') throw notByHand();
  refuseInVain(registry, type, value);
  const unknown = unknownType(policies.book, type);
  const [state, granted] = await sayingGrants(context, () => policies.insert(policy));
  const warnings = policyWarnings(policy).map((warning) => `Warning: ${warning}`);
  const note = unknown === undefined ? undefined : noteOnNewType(unknown, idOf(state.value));
  return { text: [...warnings, ...granted].join('\n'), json: policies.document(state), note };
};

/** What a write of an assignment granted and revoked, a line each. */
const sayingGrants = async <T>(
  { policies: { members } }: CommandContext,
  write: () => Promise<T>,
): Promise<readonly [T, readonly string[]]> => {
  const before = new Map(members.list().map((member) => [member.grant, member]));
  const done = await write();
  const lines = members.list().flatMap((member) => {
    const { key, rights, grant, revoked } = member;
    if (revoked !== undefined && before.get(grant)?.revoked === undefined)
      return [`revoked: what ${key} writes from its entry ${revoked.from} on by ${grant} is void`];
    return before.has(grant) || revoked !== undefined
      ? []
      : [`granted: ${key} may write as ${rights.roles.join(', ')} (${grant})`];
  });
  return [done, lines];
};

const stateOf = ({ context }: Call<OptionTable>, id: string) => {
  const state = context.policies.book.get(id);
  if (state === undefined)
    throw fault('POLICY_UNKNOWN', `there is no policy with the id ${id}`, {
      data: { id },
      hint: 'see: blockchain get *',
    });
  return state;
};

/** Attributes that the network writes; a new version that leaves them out does not mean to remove them. */
const KEPT = new Set(['id', 'date', 'ledger', 'member', 'peer']);

const changesTo = (call: Call<OptionTable>, id: string, given: JsonValue, whole: boolean): JsonObject => {
  const policy = policyOf(given);
  const state = stateOf(call, id);
  const { type, value } = rootOf(policy, state.type);
  if (type !== state.type || (value['id'] !== undefined && value['id'] !== id))
    throw fault('COMMAND_POLICY_ID', `the policy given is not ${id}, which is of type ${state.type}`, {
      data: { id, type, given: value['id'] },
      hint: 'the id in the command and the id in the policy must be equal',
    });
  const { id: _id, date: _date, ledger: _ledger, ...changes } = value;
  if (!whole) return changes;
  const missing = Object.keys(state.value).filter((name) => !KEPT.has(name) && !Object.hasOwn(value, name));
  return { ...changes, ...Object.fromEntries(missing.map((name) => [name, null])) };
};

const update = async (call: Call<OptionTable>, id: string, policy: JsonValue, whole: boolean): Promise<Reply> => {
  const { policies } = call.context;
  const { type, value } = stateOf(call, id);
  checkMayWrite(call, type, value);
  const changes = changesTo(call, id, policy, whole);
  checkMayWrite(call, type, changes);
  refuseInVain(call.registry, type, changes);
  const [state, granted] = await sayingGrants(call.context, () => policies.update(id, changes));
  return { text: granted.join('\n'), json: policies.document(state) };
};

const updateTo = (call: Call<OptionTable>): Promise<Reply> =>
  update(call, call.args.text('id'), jsonArgument(call, 'policy'), true);

const deleteOptions = { id: repeated(anyText, 'id of the policy', ['policy_id']), ...destinations };

/** Several: those that can go, go; `COMMAND_PARTLY_DELETED` names the others. */
const deleteAll = async (call: Call<OptionTable>, ids: readonly string[]): Promise<Reply> => {
  const { context } = call;
  const said: string[] = [];
  const left: string[] = [];
  let first: unknown;
  for (const id of ids) {
    try {
      const state = context.policies.book.get(id);
      if (state !== undefined) checkMayWrite(call, state.type, state.value);
      said.push(...(await sayingGrants(context, () => context.policies.delete(id)))[1]);
    } catch (caught) {
      first ??= caught;
      left.push(id);
    }
  }
  if (left.length === ids.length && first !== undefined) throw asFault(first);
  if (left.length === 0) return said.length === 0 ? SILENT : says(said.join('\n'), said);
  throw fault('COMMAND_PARTLY_DELETED', `${ids.length - left.length} of ${ids.length} policies were deleted`, {
    data: { left },
    hint: `still there: ${left.join(', ')}`,
    cause: first,
  });
};

const deletePolicies = async (call: Call<typeof deleteOptions>): Promise<Reply> => {
  const ids = call.options.id.flatMap((text) => text.split(',').map((id) => id.trim())).filter((id) => id !== '');
  if (ids.length === 0)
    throw fault('COMMAND_OPTION_MISSING', 'the option id is missing', { hint: 'add: where id = ID' });
  return deleteAll(call, ids);
};

const deleteFound = async (call: Call<OptionTable>): Promise<Reply> => {
  const reply = await call.execute(`blockchain ${call.args.raw('get')}`);
  const ids = reply.text.split(/[\s,]+/).filter((id) => id !== '');
  if (ids.length === 0)
    throw fault('POLICY_UNKNOWN', 'no policy was found to delete', {
      hint: 'run the blockchain get alone to see what it gives',
    });
  return deleteAll(call, ids);
};

const deleteGiven = async (call: Call<OptionTable>): Promise<Reply> => {
  const { value } = rootOf(call.context.policies.prepare(policyOf(jsonArgument(call, 'policy'))));
  return deleteAll(call, [idOf(value)]);
};

const prepare = (call: Call<OptionTable>): Reply => {
  const prepared = call.context.policies.prepare(policyOf(jsonArgument(call, 'policy')));
  const [token] = call.args.tokens('policy');
  if (token?.kind !== 'variable') return givesJson(prepared);
  call.dictionary.assign(token.text.replace(/^!+/, ''), prepared);
  return { text: '', json: prepared };
};

const preparedId = (call: Call<OptionTable>): Reply => {
  const { value } = rootOf(call.context.policies.prepare(policyOf(jsonArgument(call, 'policy'))));
  return says(idOf(value), { id: value['id'] });
};

const deletion = (patterns: readonly [string, ...string[]], explanation: string): Command =>
  define({
    patterns,
    method: 'POST',
    explanation,
    examples: [`${patterns[0]} where id = 64999c0d4d8762f67f6fe4f120c7a54b`],
    options: deleteOptions,
    run: deletePolicies,
  });

const writing = (): readonly Command[] => [
  define({
    patterns: ['blockchain insert', 'blockchain push', 'blockchain add'],
    method: 'POST',
    explanation: 'adds a policy to the ledger; id, date and member number are added where they are missing',
    examples: [
      'blockchain insert where policy = !policy',
      'blockchain insert where policy = {"cluster": {"name": "c1", "company": "mine"}} and local = true',
    ],
    options: insertOptions,
    run: insert,
  }),
  define({
    patterns: [
      'blockchain add <policy>',
      'blockchain push <policy>',
      'blockchain commit <policy>',
      'blockchain commit to <platform> <policy>',
    ],
    method: 'POST',
    explanation: 'adds a policy to the ledger (older spellings)',
    examples: ['blockchain add !policy'],
    run: (call) => inserted(call, policyOf(jsonArgument(call, 'policy'))),
  }),
  define({
    patterns: ['blockchain update'],
    method: 'POST',
    explanation: 'replaces the attributes that the given policy names; null removes one',
    examples: ['blockchain update where id = 64999c0d and policy = {"cluster": {"status": "static"}}'],
    options: { id: required(anyText, 'id of the policy'), policy: required(json, 'the attributes to replace') },
    run: (call) => update(call, call.options.id, call.options.policy, false),
  }),
  define({
    patterns: ['blockchain update to <platform> <id> <policy>', 'blockchain replace policy <id> with <policy>'],
    method: 'POST',
    explanation: 'replaces a policy by the given one, which must carry the same id or none',
    examples: ['blockchain update to ledger 64999c0d !policy'],
    run: updateTo,
  }),
];

const ending = (): readonly Command[] => [
  deletion(['blockchain delete policy'], 'ends a policy; its history stays'),
  deletion(
    ['blockchain drop policy', 'drop policy', 'drop policy from <platform>', 'blockchain drop policy from <platform>'],
    'ends policies; their history stays',
  ),
  define({
    patterns: [
      'blockchain drop policy where id = blockchain <get...>',
      'drop policy where id = blockchain <get...>',
      'blockchain delete policy where id = blockchain <get...>',
    ],
    method: 'POST',
    explanation: 'ends the policies whose ids a blockchain get gives',
    examples: ['blockchain drop policy where id = blockchain get table where dbms = old bring [*][id] separator = ,'],
    run: deleteFound,
  }),
  define({
    patterns: ['blockchain drop policy <policy>', 'drop policy <policy>', 'blockchain delete policy <policy>'],
    method: 'POST',
    explanation: 'ends the given policy',
    examples: ['blockchain drop policy !policy'],
    run: deleteGiven,
  }),
  define({
    patterns: ['blockchain seed from <address>', 'seed from <address>'],
    method: 'POST',
    remote: 'never',
    explanation: 'joins the network of the node at the address and takes up its ledger',
    examples: ['blockchain seed from 10.0.0.25:32148'],
    run: async ({ context, args, dictionary, signal }) => {
      await context.control.seedFrom(address.read(args.tokens('address'), dictionary), signal);
      await context.policies.caughtUp();
      return SILENT;
    },
  }),
];

const reading = (): readonly Command[] => [
  define({
    patterns: ['blockchain prepare policy <policy>'],
    method: 'POST',
    explanation: 'shows the policy with the id and date that it would get; a variable is set to it',
    examples: ['blockchain prepare policy !policy'],
    run: prepare,
  }),
  define({
    patterns: ['blockchain get id <policy>'],
    method: 'GET',
    explanation: 'prints the id that a policy would get',
    examples: ['blockchain get id !policy'],
    run: preparedId,
  }),
];

/** Adding, changing and ending policies. */
export const policyCommands = (): readonly Command[] => [...writing(), ...ending(), ...reading()];
