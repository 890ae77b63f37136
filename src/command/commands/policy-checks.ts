import { fault } from '../../base/errors.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { voidEntries } from '../../policy/void-entries.ts';
import { countInForce } from '../../policy/state.ts';
import { CLUSTERS_OK, danglingOf, diffPolicies, testBook, testClusters } from '../../policy/checks.ts';
import type { CommandContext } from '../context.ts';
import { unreadTables } from '../facts.ts';
import { anyText, commandText, json, optional, span, withDefault, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { sleepUnless } from '../wait.ts';
import { idOf, jsonArgument, policyOf, rootOf } from './common.ts';
import { idleEntries, idleText } from './permission-words.ts';

const WAIT_MS = 20_000;

const waitOptions = {
  policy: optional(json, 'wait until this policy is in the ledger'),
  id: optional(anyText, 'wait until the policy with this id is there'),
  command: optional(commandText, 'wait until this blockchain get finds something'),
  timeout: withDefault(span, WAIT_MS, 'how long to wait'),
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
  if (!/^(?:blockchain|ledger) (?:get|read) /i.test(command))
    throw fault('COMMAND_VALUE', 'only a blockchain get can be waited for', { hint: 'command = "blockchain get …"' });
  return waitFor(
    call,
    async () => {
      const reply = await call.execute(command);
      return Array.isArray(reply.json) ? reply.json.length > 0 : reply.text.trim() !== '';
    },
    timeout,
  );
};

const clusterTest = ({ context }: Call<OptionTable>): Reply => {
  const { book } = context.policies;
  const conflicts = book
    .ofType('cluster')
    .filter(({ conflict }) => conflict.length > 0)
    .map(({ id }) => `cluster ${id}: concurrent updates, update once more to settle them`);
  const problems = [...testClusters(book), ...conflicts];
  const [first] = problems;
  return says(first === undefined ? CLUSTERS_OK : `Blockchain cluster policies status: ${first}`, {
    status: first === undefined,
    problems,
    dangling: danglingOf(book),
  });
};

const idlePermissions = ({ context, registry }: Call<OptionTable>): readonly string[] =>
  context.policies.book
    .ofType('permissions')
    .flatMap(({ id, value }) => idleEntries(registry, value).map((idle) => `policy ${id}: ${idleText(idle)}`));

/** Only inserts name it in their header. */
const typeOf = ({ policies }: CommandContext, id: string | null): string | null =>
  policies.book.factsOf(id ?? '')[0]?.type ?? null;

const ledgerTest = (call: Call<OptionTable>): Reply => {
  const { context } = call;
  const { book } = context.policies;
  const { damaged, signatures, voidAuthors, failure } = context.ledger.status();
  const [policies, voids] = [countInForce(book), voidEntries(context.policies)];
  const problems = [
    failure === undefined ? '' : `the ledger cannot be written: ${failure}`,
    damaged.length === 0 ? '' : `${damaged.length} damaged lines`,
    signatures.bad === 0 ? '' : `${signatures.bad} wrong signatures`,
    voidAuthors === 0 ? '' : `${voidAuthors} authors that contradicted themselves`,
    ...testBook(book),
    ...idlePermissions(call),
    ...unreadTables(context),
  ].filter((problem) => problem !== '');
  const verdict = problems[0] ?? 'OK';
  const counts = `${context.ledger.size} entries, ${policies} policies, ${voids.length} without effect`;
  return says(`Blockchain file structure: ${verdict} (${counts})`, {
    status: problems.length === 0,
    problems,
    entries: context.ledger.size,
    policies,
    unknown: book.unknown,
    void: voids.map(({ fact: { type, id, hash }, reason }) => ({
      ...{ type: type ?? typeOf(context, id), id, entry: hash, rule: reason.rule, text: reason.text },
    })),
  });
};

const policyList = (value: JsonValue): readonly JsonObject[] =>
  (Array.isArray(value) ? (value as readonly JsonValue[]) : [value]).map(policyOf);

const diff = (call: Call<OptionTable>): Reply => {
  const found = diffPolicies(policyList(jsonArgument(call, 'first')), policyList(jsonArgument(call, 'second')));
  if (found.length === 0) return says('no difference', []);
  return givesTable({
    titles: ['Pair', 'Attribute', 'First', 'Second'],
    rows: found.flatMap(({ pair, types, changes }): (readonly Cell[])[] => [
      ...(types[0] === types[1] ? [] : [[pair, 'type', types[0], types[1]]]),
      ...changes.map(({ attribute, before, after }) => [
        pair,
        attribute,
        JSON.stringify(before),
        JSON.stringify(after),
      ]),
    ]),
    json: found,
  });
};

/** Testing and comparing policies, and waiting for them. */
export const policyCheckCommands = (): readonly Command[] => [
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
    run: ledgerTest,
  }),
  define({
    patterns: ['blockchain test cluster'],
    method: 'GET',
    explanation: 'tests the cluster policies and what refers to them; prints the first problem',
    examples: ['blockchain test cluster'],
    run: clusterTest,
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
    run: (call) => waitFor(call, held(call, jsonArgument(call, 'policy'))),
  }),
  define({
    patterns: ['get policies diff <first> <second>'],
    method: 'GET',
    explanation: 'lists the attributes in which two policies differ',
    examples: ['get policies diff !a !b'],
    run: diff,
  }),
];
