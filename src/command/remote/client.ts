import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import { COMMAND_NODES_AT_ONCE } from '../../base/limits.ts';
import type { PeerKey } from '../../network/network.ts';
import { sqlAcross } from '../commands/sql.ts';
import { addressOf, isAt } from '../addresses.ts';
import type { CommandContext } from '../context.ts';
import { errorNumber } from '../error-numbers.ts';
import type { CommandOutput } from '../executor.ts';
import { isRevoked } from '../facts.ts';
import { allows, plainAct } from '../access/door.ts';
import { mergedNotes } from '../note.ts';
import { isKeyword, tokenize } from '../grammar/lexer.ts';
import { parseLine } from '../grammar/line.ts';
import type { Surroundings } from '../registry.ts';
import type { Reply } from '../reply.ts';
import { renderTable } from '../table.ts';
import { parseDestination, type Destination } from './destination.ts';

/** One node's answer, or why there is none. */
export interface NodeReply {
  readonly address: string;
  readonly answer: CommandOutput | undefined;
  readonly failure: HoldfastError | undefined;
}

/** Whom a command may go to for its caller. */
type AskedNodes = 'all' | 'this';

/** Who can be asked at an address. */
type Reached = { readonly kind: 'self' } | { readonly kind: 'peer'; readonly key: PeerKey };

/**
 * Finds the node at an address, dialling it where it is not connected. `NETWORK_NO_GRANT`, `NETWORK_UNREACHABLE`,
 * `NETWORK_WRONG_PEER`.
 */
export const reach = async (context: CommandContext, address: string, timeoutMs: number): Promise<Reached> => {
  const { network } = context;
  if (address === network.address) return { kind: 'self' };
  const { nodes, operators } = context.topology();
  const named =
    nodes.find((node) => addressOf(node) === address) ??
    [...operators.values()].find((operator) => isAt(operator, address));
  if (named?.peer === network.self) return { kind: 'self' };
  if (isRevoked(context, named?.peer))
    throw fault('NETWORK_NO_GRANT', `the key of the node at ${address} was revoked`, { hint: 'see get members' });
  const peers = network.peers();
  const connected = peers.find(({ key, address: at }) =>
    named?.peer === undefined ? at === address : key === named.peer,
  );
  if (connected !== undefined) return { kind: 'peer', key: connected.key };
  const dialled = await network.dial({ address, key: named?.peer }, { timeoutMs });
  return { kind: 'peer', key: dialled.key };
};

const askOne = async (
  surroundings: Surroundings,
  address: string,
  text: string,
  timeoutMs: number,
  asked: AskedNodes,
): Promise<NodeReply> => {
  const { context, remote, signal, asked: format } = surroundings;
  try {
    const reached = await reach(context, address, timeoutMs);
    if (reached.kind === 'self')
      return { address, answer: await surroundings.execute(text, format), failure: undefined };
    if (asked === 'this')
      throw fault('ACCESS_REFUSED', 'what another node tells here is for who may reach all tables', {
        hint: 'ask that node itself, by its own REST: it leaves out what you may not reach',
      });
    return { address, answer: await remote.ask(reached.key, text, format, { timeoutMs, signal }), failure: undefined };
  } catch (caught) {
    signal?.throwIfAborted();
    return { address, answer: undefined, failure: asFault(caught) };
  }
};

/** Asks all, a bounded number at a time; the order of the replies is that of the addresses. */
export const askAll = async (
  surroundings: Surroundings,
  addresses: readonly string[],
  text: string,
  timeoutMs: number,
  asked: AskedNodes = 'all',
): Promise<readonly NodeReply[]> => {
  const replies: NodeReply[] = [];
  const waiting = [...addresses.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      replies[next[0]] = await askOne(surroundings, next[1], text, timeoutMs, asked);
  };
  await Promise.all(Array.from({ length: Math.min(COMMAND_NODES_AT_ONCE, addresses.length) }, work));
  return replies;
};

const LINE_CHARS = 120;

const isJsonText = (text: string): boolean => /^\s*[[{]/.test(text);

const failureText = ({ message, code }: HoldfastError): string => `Error ${errorNumber(code)}: ${message}`;

const failureJson = ({ message, code }: HoldfastError): unknown => ({ err_code: errorNumber(code), err_text: message });

/** `Reply errors:` names each node that did not answer, and why. */
const errorsTable = (failed: readonly NodeReply[]): string =>
  `\n\nReply errors:\n${renderTable(
    ['Node', 'Error', 'Text'],
    failed.map(({ address, failure }) => [
      address,
      failure === undefined ? '' : errorNumber(failure.code),
      failure?.message,
    ]),
  )}`;

/** The replies of several nodes as one: marked texts, or one object by address. */
const mergeReplies = (replies: readonly NodeReply[], subset: boolean): Reply => {
  const failed = replies.filter(({ failure }) => failure !== undefined);
  const answered = replies.filter(({ answer }) => answer !== undefined);
  const firstFailure = failed[0]?.failure;
  if (answered.length === 0 && firstFailure !== undefined) throw firstFailure;
  const json = Object.fromEntries(
    replies.map(({ address, answer, failure }) => [
      address,
      failure === undefined ? answerJson(answer) : failureJson(failure),
    ]),
  );
  const only = replies.length === 1 ? replies[0]?.answer : undefined;
  const note = mergedNotes(replies.map(({ address, answer }) => ({ address, note: answer?.note })));
  if (only !== undefined) return { text: only.text, json: only.json, byNode: json, note };
  if (answered.every(({ answer }) => isJsonText(answer?.text ?? '')))
    return { text: undefined, json, byNode: json, note };
  const shown = subset ? answered : replies;
  const texts = shown.map(({ address, answer, failure }) => {
    const text = failure === undefined ? (answer?.text ?? '') : failureText(failure);
    return `[From Node ${address}]${text.length <= LINE_CHARS && !text.includes('\n') ? ' ' : '\n'}${text}`;
  });
  return {
    text: texts.join('\n') + (subset && failed.length > 0 ? errorsTable(failed) : ''),
    json,
    byNode: json,
    note,
  };
};

const answerJson = (answer: CommandOutput | undefined): unknown => {
  if (answer === undefined) return null;
  return answer.json ?? answer.text;
};

/** The addresses of a destination. `COMMAND_DESTINATION_NONE` where it names nobody. */
const addressesOf = async (surroundings: Surroundings, to: Destination['to']): Promise<readonly string[]> => {
  if (to.kind === 'addresses') return to.addresses;
  if (to.kind === 'network')
    throw fault('COMMAND_DESTINATION', 'the network chooses destinations for sql alone', {
      hint: 'name the nodes: run client (IP:PORT, …) or run client (operator where company = …)',
    });
  if (to.kind === 'table') {
    const addresses = surroundings.context
      .topology()
      .clustersOf(to.dbms, to.table)
      .flatMap(({ operators }) => operators.map(addressOf));
    if (addresses.length > 0) return addresses;
    throw fault('COMMAND_TABLE_NO_OPERATORS', `no operator serves the table ${to.dbms}.${to.table}`, {
      hint: 'see the tables with operators: get data nodes',
    });
  }
  const get = /\bbring\b/i.test(to.get) ? to.get : `${to.get} bring.ip_port`;
  const { text } = await surroundings.execute(get);
  const addresses = text.split(/[\s,]+/).filter((word) => word !== '');
  if (addresses.length > 0) return [...new Set(addresses)];
  throw fault('COMMAND_DESTINATION_NONE', 'no policy gives a destination', {
    hint: `check it: ${to.get}; or name nodes: run client (IP:PORT, …) COMMAND, run client () sql …`,
  });
};

/** The other node has variables of its own: what they would give cannot be known here, so none are filled in. */
export const NO_VARIABLES: Surroundings['dictionary'] = {
  variable: () => undefined,
  environment: () => undefined,
  assign: () => {},
};

/**
 * The other node judges this node's key, so what the caller may do is judged here, and which nodes may be asked.
 * `ACCESS_REFUSED`.
 */
const permitRemote = (surroundings: Surroundings, text: string): AskedNodes => {
  const { restriction, registry } = surroundings;
  if (restriction === undefined) return 'all';
  const statement = parseLine(text);
  if (statement.kind === 'variable') restriction.check(plainAct('get dictionary'));
  else if (statement.kind === 'command') {
    const found = registry.get(statement.tokens);
    const invocation = { ...surroundings, ...found, dictionary: NO_VARIABLES, text: statement.text };
    const act = found.command.actElsewhere(invocation);
    restriction.check(act);
    // What it writes there would be written with this node's right.
    if (found.command.remote !== 'always')
      throw fault('ACCESS_REFUSED', 'who goes by permissions sends to other nodes only what changes nothing there', {
        hint: 'run it on the node itself',
      });
    const ofAll = { ...act, touches: [{ dbms: '*', table: '*' }] };
    if (found.command.tellsOfAll && !allows(restriction, ofAll)) return 'this';
  } else throw fault('ACCESS_REFUSED', 'only a command can be sent to other nodes');
  return 'all';
};

/** `run client (destination) command`: `sql` to the query floor, everything else to each node by itself. */
export const runClient = async (surroundings: Surroundings, destination: string, text: string): Promise<Reply> => {
  const parsed = parseDestination(destination, surroundings.dictionary);
  const tokens = tokenize(text);
  if (isKeyword(tokens[0], 'sql')) {
    const addresses = parsed.to.kind === 'network' ? undefined : await addressesOf(surroundings, parsed.to);
    return sqlAcross(surroundings, { addresses, subset: parsed.subset, timeoutMs: parsed.timeoutMs }, text, tokens);
  }
  const asked = permitRemote(surroundings, text);
  const addresses = await addressesOf(surroundings, parsed.to);
  return mergeReplies(await askAll(surroundings, addresses, text, parsed.timeoutMs, asked), parsed.subset);
};
