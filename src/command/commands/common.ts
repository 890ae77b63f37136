import { fault, type HoldfastError } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../codec/json.ts';
import { policyDate } from '../../entry/time.ts';
import type { Operator } from '../../operator/operator.ts';
import type { Touch } from '../../policy/permissions/judge.ts';
import type { Checkpoint } from '../../receipt/checkpoint.ts';
import type { ClusterInfo, OperatorInfo } from '../../topology/topology.ts';
import { addressOf } from '../addresses.ts';
import type { CommandContext } from '../context.ts';
import { isRevoked, ownOperator } from '../facts.ts';
import { textOfValue } from '../grammar/values.ts';
import { json, type OptionTable } from '../options.ts';
import type { Call } from '../define.ts';
import type { Surroundings } from '../registry.ts';
import { askAll, type NodeReply } from '../remote/client.ts';
import type { Title } from '../table.ts';

type NodeStatus = 'active' | 'not_responding' | 'revoked';

/** `revoked` where its key was; else `active` while this node hears from it (or is it), else `not_responding`. */
export const operatorStatus = (context: CommandContext, { peer }: Pick<OperatorInfo, 'peer'>): NodeStatus => {
  if (isRevoked(context, peer)) return 'revoked';
  const isHeard = peer === context.network.self || context.network.peers().some(({ key }) => key === peer);
  return peer !== undefined && isHeard ? 'active' : 'not_responding';
};

/** Member numbers as the cluster commands print them. */
export const paddedMember = (member: number, digits: number): string => String(member).padStart(digits, '0');

/** `1 entry`, `2 entries`. */
export const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;

/** The date of a whole second since 1970. */
export const secondsDate = (seconds: number): string => policyDate(seconds * 1_000_000);

/** Who cosigned a checkpoint, as JSON. */
export const cosignaturesJson = ({ cosignatures }: Checkpoint, names: ReadonlyMap<string, string>) =>
  cosignatures.map(({ witness, time }) => ({ witness, name: names.get(witness) ?? null, time: secondsDate(time) }));

const SHORT_KEY = 16;

/** The beginning of a key or hash. */
export const shortKey = (key: string): string => `${key.slice(0, SHORT_KEY)}…`;

/** Where this node stands as an operator. */
export interface OwnCluster {
  readonly operator: OperatorInfo;
  readonly cluster: ClusterInfo;
}

/** The operator policy of this node and its cluster. `COMMAND_NO_CLUSTER` (214) for a node that is no member of one. */
export const ownCluster = (context: CommandContext): OwnCluster => {
  const operator = ownOperator(context);
  const cluster = operator === undefined ? undefined : context.topology().clusters.get(operator.cluster);
  if (operator !== undefined && cluster !== undefined) return { operator, cluster };
  throw fault(
    'COMMAND_NO_CLUSTER',
    'Cluster data is not available: this node has no operator policy in a known cluster',
    {
      hint: 'insert an operator policy for this node (blockchain insert …), then: run operator where policy = ID',
    },
  );
};

/** `NOT_RUNNING` errors say how to start the part. */
export const notRunning = (what: string, start: string): HoldfastError =>
  fault('COMMAND_NOT_RUNNING', `the ${what} does not run on this node`, { hint: `start it: ${start}` });

/** A single policy of what was given: an object, or a list of one as the documents print it. `COMMAND_POLICY`. */
export const policyOf = (value: JsonValue): JsonObject => {
  const policy = Array.isArray(value) && value.length === 1 ? (value[0] as JsonValue) : value;
  if (isJsonObject(policy)) return policy;
  throw fault('COMMAND_POLICY', 'a policy is one JSON object', {
    hint: 'for example {"cluster": {"name": "c1", "company": "mine"}}',
  });
};

/** Another operator of the own cluster and its answer to a command. */
export interface MemberReply {
  readonly member: OperatorInfo;
  readonly reply: NodeReply;
}

/** The deadline of the cluster-wide comparisons. */
const MEMBER_TIMEOUT_MS = 5_000;

/** Asks every operator of the cluster, this node included, in the order of their member numbers. */
export const askMembers = async (
  surroundings: Surroundings,
  cluster: ClusterInfo,
  command: string,
  timeoutMs = MEMBER_TIMEOUT_MS,
): Promise<readonly MemberReply[]> => {
  const own = { ...surroundings, execute: surroundings.executeOwn };
  const replies = await askAll(own, cluster.operators.map(addressOf), command, timeoutMs);
  return cluster.operators.flatMap((member, index) => {
    const reply = replies[index];
    return reply === undefined ? [] : [{ member, reply }];
  });
};

/** One column a member, as the cluster commands print them. */
export const memberTitles = (replies: readonly MemberReply[]): readonly Title[] =>
  replies.map(({ member }): Title => [`Node_${member.member}`, `${addressOf(member)} `]);

/** A value of another node's JSON, which may hold anything. */
export const jsonMember = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

/** The operator where it runs, else `COMMAND_NOT_RUNNING`. */
export const runningOperator = (context: CommandContext): Operator => {
  const operator = context.operator();
  if (operator === undefined) throw notRunning('operator', 'run operator where policy = ID');
  return operator;
};

const EXAMPLE_CHARS_MAX = 120;

/** What was given, under the type that was meant. */
const exampleOf = (type: string, given: JsonObject): string => {
  const text = JSON.stringify(given).replaceAll('":', '": ');
  return `{"${type}": ${text.length > EXAMPLE_CHARS_MAX ? '{…}' : text}}`;
};

/** Type and value of a policy. `POLICY_STRUCTURE` where it has not one root key with an object. */
export const rootOf = (
  policy: JsonObject,
  expected?: string,
): { readonly type: string; readonly value: JsonObject } => {
  const [type, ...others] = Object.keys(policy);
  const value = type === undefined ? undefined : policy[type];
  if (type === undefined || others.length > 0 || !isJsonObject(value))
    throw fault('POLICY_STRUCTURE', 'a policy has one root key, its type, with an object', {
      hint:
        expected === undefined
          ? 'for example {"cluster": {"name": "c1", "company": "mine"}}'
          : `name the type: ${exampleOf(expected, policy)}`,
    });
  return { type, value };
};

/** The id in the value of a policy; empty where there is none. */
export const idOf = (value: JsonObject): string => textOfValue(value['id'] ?? '');

/** A JSON value that stands between the words of a command. */
export const jsonArgument = (call: Call<OptionTable>, name: string): JsonValue =>
  json.read(call.args.tokens(name), call.dictionary);

/** For commands that list tables and show of them what is in reach: they touch the table that is named, if one is. */
export const namedTable = ({
  options: { dbms, table },
}: {
  readonly options: { readonly dbms: string | undefined; readonly table: string | undefined };
}): readonly Touch[] => (dbms === undefined || table === undefined ? [] : [{ dbms, table }]);
