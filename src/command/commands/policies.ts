import { asFault, fault } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../codec/json.ts';
import { textOfValue } from '../grammar/values.ts';
import { sleepUnless } from '../wait.ts';
import { anyText, bool, json, optional, repeated, required, span, withDefault, type OptionTable } from '../options.ts';
import { define, type Call, type Command } from '../registry.ts';
import { givesJson, says, SILENT, type Reply } from '../reply.ts';
import { policyOf } from './common.ts';

/** Where a policy goes. There is one ledger and every node holds it: the documented destinations are accepted, all mean it. */
const destinations = {
  local: optional(bool, 'accepted: the ledger of this node is written first in any case'),
  master: repeated(anyText, 'accepted: there is no master, all nodes hold the ledger', ['master_node']),
  blockchain: optional(anyText, 'accepted: there is no platform under the ledger'),
};

const insertOptions = { policy: required(json, 'the policy, or !name of a variable that holds it'), ...destinations };

const insert = async ({ context, options }: Call<typeof insertOptions>): Promise<Reply> => {
  if (options.local === false && options.master.length === 0 && options.blockchain === undefined)
    throw fault('COMMAND_LEDGER_LOCATION', 'Missing ledger location: local = false and no other destination', {
      hint: 'leave local out: the ledger of this node is written and every other node gets the entry',
    });
  const state = await context.policies.insert(policyOf(options.policy));
  return { text: '', json: context.policies.document(state) };
};

const rootOf = (policy: JsonObject): { readonly type: string; readonly value: JsonObject } => {
  const [type, ...others] = Object.keys(policy);
  const value = type === undefined ? undefined : policy[type];
  if (type === undefined || others.length > 0 || !isJsonObject(value))
    throw fault('POLICY_STRUCTURE', 'a policy has one root key, its type, with an object', {
      hint: 'for example {"cluster": {"name": "c1", "company": "mine"}}',
    });
  return { type, value };
};

const idOf = (value: JsonObject): string => textOfValue(value['id'] ?? '');

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
  const { type, value } = rootOf(policy);
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
  const state = await call.context.policies.update(id, changesTo(call, id, policy, whole));
  return { text: '', json: call.context.policies.document(state) };
};

const argument = (call: Call<OptionTable>, name: string): JsonValue =>
  json.read(call.args.tokens(name), call.dictionary);

const updateTo = (call: Call<OptionTable>): Promise<Reply> =>
  update(call, call.args.text('id'), argument(call, 'policy'), true);

const deleteOptions = { id: repeated(anyText, 'id of the policy', ['policy_id']), ...destinations };

/** Several: those that can go, go; `COMMAND_PARTLY_DELETED` names the others. */
const deleteAll = async ({ context }: Call<OptionTable>, ids: readonly string[]): Promise<Reply> => {
  const left: string[] = [];
  let first: unknown;
  for (const id of ids) {
    try {
      await context.policies.delete(id);
    } catch (caught) {
      first ??= caught;
      left.push(id);
    }
  }
  if (left.length === ids.length && first !== undefined) throw asFault(first);
  if (left.length === 0) return SILENT;
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
  const ids = (reply.text ?? '').split(/[\s,]+/).filter((id) => id !== '');
  if (ids.length === 0)
    throw fault('POLICY_UNKNOWN', 'no policy was found to delete', {
      hint: 'run the blockchain get alone to see what it gives',
    });
  return deleteAll(call, ids);
};

const deleteGiven = async (call: Call<OptionTable>): Promise<Reply> => {
  const { value } = rootOf(call.context.policies.prepare(policyOf(argument(call, 'policy'))));
  return deleteAll(call, [idOf(value)]);
};

const prepare = (call: Call<OptionTable>): Reply => {
  const prepared = call.context.policies.prepare(policyOf(argument(call, 'policy')));
  const [token] = call.args.tokens('policy');
  if (token?.kind !== 'variable') return givesJson(prepared);
  call.dictionary.assign(token.text.replace(/^!+/, ''), prepared);
  return { text: '', json: prepared };
};

const preparedId = (call: Call<OptionTable>): Reply => {
  const { value } = rootOf(call.context.policies.prepare(policyOf(argument(call, 'policy'))));
  return says(idOf(value), { id: value['id'] });
};

const WAIT_MS = 20_000;

const waitOptions = {
  policy: optional(json, 'wait until this policy is in the ledger'),
  id: optional(anyText, 'wait until the policy with this id is there'),
  command: optional(anyText, 'wait until this blockchain get finds something'),
  timeout: withDefault(span, WAIT_MS, 'how long to wait; 20 seconds unless given'),
};

const waitFor = async (
  call: Call<OptionTable>,
  found: () => Promise<boolean>,
  ms: number = WAIT_MS,
): Promise<Reply> => {
  const { context, signal } = call;
  const until = context.clock.monotonicMs() + ms;
  while (!(await found())) {
    const left = until - context.clock.monotonicMs();
    if (left <= 0)
      throw fault('COMMAND_WAIT_EXPIRED', `the policy did not come within ${ms / 1_000} seconds`, {
        hint: 'is this node in the network? see: get connections, test network metadata version',
      });
    await sleepUnless(context.clock, left, signal, (wake) => {
      context.policies.notices.once('policy:changed', wake);
      return () => context.policies.notices.off('policy:changed', wake);
    });
  }
  return says('true', true);
};

const held = (call: Call<OptionTable>, policy: JsonValue): (() => Promise<boolean>) => {
  const { value } = rootOf(call.context.policies.prepare(policyOf(policy)));
  return async () => call.context.policies.book.get(idOf(value)) !== undefined;
};

const wait = (call: Call<typeof waitOptions>): Promise<Reply> => {
  const { policy, id, command, timeout } = call.options;
  if (policy !== undefined) return waitFor(call, held(call, policy), timeout);
  if (id !== undefined) return waitFor(call, async () => call.context.policies.book.get(id) !== undefined, timeout);
  if (command === undefined)
    throw fault('COMMAND_OPTION_MISSING', 'nothing to wait for', {
      hint: 'add: where policy = !p, where id = ID, or where command = "blockchain get …"',
    });
  return waitFor(
    call,
    async () => {
      const reply = await call.execute(command);
      return Array.isArray(reply.json) ? reply.json.length > 0 : (reply.text ?? '').trim() !== '';
    },
    timeout,
  );
};

const CLUSTER_STATES = new Set(['active', 'static', 'down']);

const clusterFault = (value: JsonObject): string | undefined => {
  for (const name of ['id', 'name']) if (typeof value[name] !== 'string') return `a cluster policy has no ${name}`;
  const label = idOf(value);
  const status = value['status'] ?? 'active';
  if (!CLUSTER_STATES.has(textOfValue(status)))
    return `cluster ${label}: the status is not one of active, static, down`;
  const tables = value['table'] ?? [];
  if (!Array.isArray(tables)) return `cluster ${label}: table is not a list`;
  for (const entry of tables as readonly JsonValue[]) {
    if (!isJsonObject(entry) || typeof entry['name'] !== 'string' || typeof entry['dbms'] !== 'string')
      return `cluster ${label}: a table entry has no name or no dbms`;
    if (!CLUSTER_STATES.has(textOfValue(entry['status'] ?? 'active')))
      return `cluster ${label}: the status of a table entry is not one of active, static, down`;
  }
  return undefined;
};

const danglingFault = ({ context }: Call<OptionTable>): string | undefined => {
  const { book } = context.policies;
  for (const { id, type, value } of book.ofType()) {
    const name = type === 'operator' ? 'cluster' : type === 'cluster' ? 'parent' : undefined;
    const target = name === undefined ? undefined : value[name];
    if (typeof target === 'string' && book.get(target)?.type !== 'cluster')
      return `${type} ${id} names the cluster ${target}, which does not exist (yet)`;
  }
  return undefined;
};

const testClusters = (call: Call<OptionTable>): Reply => {
  const clusters = call.context.policies.book.ofType('cluster');
  if (clusters.length === 0)
    throw fault('POLICY_UNKNOWN', 'there are no cluster policies', {
      hint: 'insert one: blockchain insert where policy = {"cluster": …}',
    });
  let wrong: string | undefined;
  for (const { value, id } of clusters) wrong ??= clusterFault({ ...value, id });
  wrong ??= danglingFault(call);
  const conflicts = clusters.filter(({ conflict }) => conflict.length > 0).map(({ id }) => id);
  if (wrong === undefined && conflicts.length > 0)
    wrong = `concurrent updates of ${conflicts.join(', ')}: update once more to settle them`;
  return says(`Blockchain cluster policies status: ${wrong ?? 'OK'}`, {
    status: wrong === undefined,
    problem: wrong ?? null,
    clusters: clusters.length,
  });
};

const testLedger = ({ context }: Call<OptionTable>): Reply => {
  const { book } = context.policies;
  const [policies, voids] = [book.ofType().length, book.voids()];
  const status = voids.length === 0 ? 'OK' : `OK, with ${voids.length} policies without effect`;
  return says(`Blockchain file structure: ${status} (${context.ledger.size} entries, ${policies} policies)`, {
    status: true,
    entries: context.ledger.size,
    policies,
    unknown: book.unknown,
    void: voids.map(({ type, id, entry, reason }) => ({ type, id, entry, rule: reason.rule, text: reason.text })),
  });
};

const diffOf = (a: JsonValue, b: JsonValue, path: string): readonly string[] => {
  if (isJsonObject(a) && isJsonObject(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((name) => {
      const inner = `${path}[${name}]`;
      const [left, right] = [
        Object.hasOwn(a, name) ? a[name] : undefined,
        Object.hasOwn(b, name) ? b[name] : undefined,
      ];
      if (left === undefined) return [`${inner}: missing in the first`];
      return right === undefined ? [`${inner}: missing in the second`] : diffOf(left, right, inner);
    });
  }
  return JSON.stringify(a) === JSON.stringify(b) ? [] : [`${path}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`];
};

const diff = (call: Call<OptionTable>): Reply => {
  const lists = ['first', 'second'].map((name) => {
    const value = argument(call, name);
    return Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
  });
  const [a = [], b = []] = lists;
  if (a.length !== b.length)
    throw fault('COMMAND_VALUE', `lists of ${a.length} and ${b.length} policies cannot be compared`, {
      hint: 'give lists of one length',
    });
  const found = a.flatMap((policy, index) => diffOf(policy, b[index] ?? null, ''));
  return says(found.length === 0 ? 'no difference' : found.join('\n'), found);
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
    run: async (call) => {
      const state = await call.context.policies.insert(policyOf(argument(call, 'policy')));
      return { text: '', json: call.context.policies.document(state) };
    },
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
    run: async ({ context, args, signal }) => {
      await context.control.seedFrom(args.text('address'), signal);
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

const testing = (): readonly Command[] => [
  define({
    patterns: ['blockchain test id <id>'],
    method: 'GET',
    explanation: 'whether a policy with the id is in force',
    examples: ['blockchain test id 64999c0d4d8762f67f6fe4f120c7a54b'],
    run: ({ context, args }) => {
      const found = context.policies.book.get(args.text('id')) !== undefined;
      return says(String(found), found);
    },
  }),
  define({
    patterns: ['blockchain test'],
    method: 'GET',
    explanation: 'tests the ledger that this node holds',
    examples: ['blockchain test'],
    run: testLedger,
  }),
  define({
    patterns: ['blockchain test cluster'],
    method: 'GET',
    explanation: 'tests the cluster policies and what refers to them; prints the first problem',
    examples: ['blockchain test cluster'],
    run: testClusters,
  }),
  define({
    patterns: ['blockchain wait'],
    method: 'any',
    explanation: 'waits until a policy is in the ledger of this node',
    examples: ['blockchain wait where id = 64999c0d', 'is_there = blockchain wait where policy = !policy'],
    options: waitOptions,
    run: wait,
  }),
  define({
    patterns: ['blockchain wait for <policy>'],
    method: 'any',
    explanation: 'waits until a policy is in the ledger of this node (older spelling)',
    examples: ['blockchain wait for !policy'],
    run: (call) => waitFor(call, held(call, argument(call, 'policy'))),
  }),
  define({
    patterns: ['get policies diff <first> <second>'],
    method: 'GET',
    explanation: 'lists the attributes in which two policies differ',
    examples: ['get policies diff !a !b'],
    run: diff,
  }),
];

/** Adding, changing, ending and testing policies. */
export const policyCommands = (): readonly Command[] => [...writing(), ...ending(), ...reading(), ...testing()];
