import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COMMITTED_ORIGINS_MAX, COMMITTED_RANGES_MAX, COMMITTED_TIMEOUT_MS } from '../../../src/base/limits.ts';
import { sha256Hex } from '../../../src/codec/hash.ts';
import { createMemoryHub } from '../../../src/network/memory.ts';
import type { Network } from '../../../src/network/network.ts';
import type { Holdings } from '../../../src/operator/file-record.ts';
import {
  COMMITTED_PROTOCOL,
  decodeCommittedAnswer,
  decodeCommittedRequest,
  encodeCommittedAnswer,
  encodeCommittedRequest,
} from '../../../src/replication/committed/messages.ts';
import { type CommittedOf, createCommitted } from '../../../src/replication/committed/protocol.ts';
import type { ClusterInfo, OperatorInfo } from '../../../src/topology/topology.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const linesOf = (name: string): string[] =>
  readFileSync(new URL(`../../../fixtures/wire/committed/1/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const codecOf = (line: string): { readonly frame: Uint8Array; readonly read: () => Uint8Array } => {
  const cut = line.indexOf(' ');
  const frame = Buffer.from(line.slice(cut + 1));
  return line.slice(0, cut) === 'request'
    ? { frame, read: () => encodeCommittedRequest(decodeCommittedRequest(frame)) }
    : { frame, read: () => encodeCommittedAnswer(decodeCommittedAnswer(frame)) };
};

const MALFORMED: unknown = expect.objectContaining({ code: 'REPLICATION_COMMITTED_MALFORMED' });
const UNKNOWN: unknown = expect.objectContaining({ code: 'REPLICATION_COMMITTED_UNKNOWN' });

describe(`the golden vectors of ${COMMITTED_PROTOCOL}`, () => {
  test.each(linesOf('valid.txt'))('%s is read, and written again as it was', (line) => {
    const { frame, read } = codecOf(line);
    expect(Buffer.from(read()).equals(frame)).toBe(true);
  });

  test.each(linesOf('invalid.txt'))('%s is refused', (line) => {
    expect(codecOf(line).read).toThrow(MALFORMED);
  });

  test('a field that this version does not know is ignored', () => {
    expect(decodeCommittedRequest(Buffer.from('{"cluster":"a","since":1}'))).toEqual({ cluster: 'a' });
  });

  test('more origins or ranges than agreed are refused', () => {
    const ranges = Array.from({ length: COMMITTED_RANGES_MAX + 1 }, (_, at) => [at * 3 + 1, at * 3 + 1]);
    const origins = Array.from({ length: COMMITTED_ORIGINS_MAX + 1 }, (_, at) => [`o${at}`, [[1, 1]]]);
    for (const list of [[['a', ranges]], origins])
      expect(() => decodeCommittedAnswer(Buffer.from(JSON.stringify({ kind: 'committed', origins: list })))).toThrow(
        MALFORMED,
      );
  });
});

interface TestNode {
  readonly network: Network;
  readonly committed: CommittedOf;
  readonly known: CommittedOf;
  /** What its operator would say; undefined: it runs none. */
  holdings: Holdings | undefined;
}

const operatorOf = (id: string, cluster: string, member: number): OperatorInfo => ({
  ...{ id, name: id, company: 'acme', cluster, member, ip: id, port: 1, main: false, peer: sha256Hex(id) },
  ...{ localIp: undefined, restPort: undefined },
});

/** Two operators of the cluster `east`, one of `west`, and a node that runs none. */
const OPERATORS = [operatorOf('e1', 'east', 1), operatorOf('e2', 'east', 2), operatorOf('w1', 'west', 1)];
const CLUSTERS = new Map(
  ['east', 'west'].map((id): [string, ClusterInfo] => [
    id,
    {
      ...{ id, name: `${id} side`, company: 'acme', status: 'active', tables: [] },
      operators: OPERATORS.filter(({ cluster }) => cluster === id),
    },
  ]),
);
const TOPOLOGY = { clusters: CLUSTERS, operators: new Map(OPERATORS.map((operator) => [operator.id, operator])) };

describe('who asks which files all operators of a cluster hold', () => {
  let clock: VirtualClock;
  let nodes: Map<string, TestNode>;

  const node = (name: string): TestNode => {
    const found = nodes.get(name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  const ask = (name: string, cluster: string, signal?: AbortSignal): Promise<Holdings> =>
    clock.runWhile(node(name).committed(cluster, signal), 10_000);
  /** In the place of what a node does for the protocol. */
  const impostor = (name: string, answer: Uint8Array): void =>
    node(name).network.handle(COMMITTED_PROTOCOL, async (channel) => {
      await channel.send(answer);
      await channel.finish();
    });

  beforeEach(async () => {
    clock = createVirtualClock();
    const hub = createMemoryHub({ clock, random: createSeededRandom(3) });
    nodes = new Map();
    for (const name of ['e1', 'e2', 'w1', 'query']) {
      const network = hub.node({ key: sha256Hex(name) });
      const own: { holdings: Holdings | undefined } = { holdings: undefined };
      const { committedOf: committed, knownOf: known } = createCommitted({
        ...{ network, clock },
        topology: () => TOPOLOGY,
        isUp: ({ peer }) => network.peers().some(({ key }) => key === peer),
        operating: () => {
          const { holdings } = nodes.get(name) ?? own;
          return (
            holdings && { operator: name, replication: { committedRanges: () => holdings, known: () => holdings } }
          );
        },
      });
      nodes.set(name, { network, committed, known, ...own });
      for (const [other, { network: earlier }] of nodes)
        if (other !== name) await clock.runWhile(network.dial({ address: earlier.address }), 1_000);
    }
  });
  afterEach(async () => {
    for (const { network } of nodes.values()) await network.close();
  });

  test('its own operator knows it without asking', async () => {
    node('e1').holdings = new Map([['gone', [[1, 2]]]]);
    for (const { network } of nodes.values()) await network.close();
    expect(await node('e1').committed('east')).toEqual(new Map([['gone', [[1, 2]]]]));
  });

  test('an operator of the cluster is asked, by a node without one and by an operator of another cluster', async () => {
    node('e1').holdings = new Map([['e1', [[1, 3], [5, 5]]], ['e2', [[1, 9]]]]); // prettier-ignore
    node('w1').holdings = new Map([['w1', [[1, 100]]]]);
    for (const name of ['query', 'w1']) expect(await ask(name, 'east')).toEqual(node('e1').holdings);
    expect(await ask('query', 'west')).toEqual(node('w1').holdings);
  });

  test('nothing held by all is an answer', async () => {
    node('e1').holdings = new Map();
    expect(await ask('query', 'east')).toEqual(new Map());
  });

  test('an answer is bounded: the first stretches of each; those without a place in the cluster come last', async () => {
    const ranges = Array.from({ length: 50 }, (_, at) => [at * 2 + 1, at * 2 + 1] as const);
    node('e1').holdings = new Map([['left the cluster', [[1, 1]]], ['e2', ranges]]); // prettier-ignore
    expect([...(await ask('query', 'east'))]).toEqual([
      ['e2', ranges.slice(0, COMMITTED_RANGES_MAX)],
      ['left the cluster', [[1, 1]]],
    ]);
  });

  test('the next is asked where one runs no operator, is down, or says nothing', async () => {
    node('e2').holdings = new Map([['e2', [[1, 7]]]]);
    expect(await ask('query', 'east')).toEqual(node('e2').holdings);
    node('e1').network.handle(COMMITTED_PROTOCOL, () => new Promise(() => {}));
    const beginMs = clock.monotonicMs();
    expect(await ask('query', 'east')).toEqual(node('e2').holdings);
    expect(clock.monotonicMs() - beginMs).toBeGreaterThanOrEqual(COMMITTED_TIMEOUT_MS);
    await node('e1').network.close();
    expect(await ask('query', 'east')).toEqual(node('e2').holdings);
  });

  test('without any answer it is an error that names the cluster and the next step, never "none"', async () => {
    node('w1').holdings = new Map();
    await expect(ask('query', 'east')).rejects.toMatchObject({
      code: 'REPLICATION_COMMITTED_UNKNOWN',
      message: expect.stringMatching(/east side \(east\).*e1: no operator.*e2: no operator/) as unknown,
      hint: expect.stringContaining('start an operator') as unknown,
      data: { cluster: 'east' },
    });
    for (const name of ['e1', 'e2']) await node(name).network.close();
    await expect(ask('query', 'east')).rejects.toThrow(/none of its operators is up/);
    await expect(ask('query', 'no such cluster')).rejects.toEqual(UNKNOWN);
  });

  test('a caller who gives up hears its own reason', async () => {
    node('e1').network.handle(COMMITTED_PROTOCOL, () => new Promise(() => {}));
    const stop = new AbortController();
    const asked = node('query').committed('east', stop.signal);
    stop.abort(new Error('the time is up'));
    await expect(clock.runWhile(asked, 1_000)).rejects.toThrow('the time is up');
  });

  test.each([
    ['rubbish', Buffer.from([0xff, 0xfe, 0])],
    ['an answer without end in depth', Buffer.from(`{"kind":${'['.repeat(100_000)}`)],
    ['what is no answer', Buffer.from('{"kind":"committed","origins":{"e1":[[1,9]]}}')],
    ['nothing', Buffer.alloc(0)],
  ])('an operator that answers with %s is passed over', async (_, frame) => {
    impostor('e1', frame);
    await expect(ask('query', 'east')).rejects.toEqual(UNKNOWN);
    node('e2').holdings = new Map([['e1', [[1, 1]]]]);
    expect(await ask('query', 'east')).toEqual(node('e2').holdings);
  });

  test.each([
    ['rubbish', Buffer.from([0xff, 0xfe, 0]), 'REPLICATION_COMMITTED_MALFORMED'],
    ['depth without end', Buffer.from(`{"cluster":${'['.repeat(500_000)}`), 'REPLICATION_COMMITTED_MALFORMED'],
    ['an empty frame', Buffer.alloc(0), 'REPLICATION_COMMITTED_MALFORMED'],
    ['another cluster', encodeCommittedRequest({ cluster: 'west' }), 'REPLICATION_NOT_RUNNING'],
    ['the name of a property', encodeCommittedRequest({ cluster: '__proto__' }), 'REPLICATION_NOT_RUNNING'],
  ])('a caller that sends %s is refused, the next is served', async (_, frame, code) => {
    node('e1').holdings = new Map([['e1', [[1, 1]]]]);
    const reply = await clock.runWhile(
      node('query').network.request(sha256Hex('e1'), COMMITTED_PROTOCOL, frame),
      5_000,
    );
    expect(decodeCommittedAnswer(reply)).toMatchObject({ kind: 'refused', code });
    expect(await ask('w1', 'east')).toEqual(node('e1').holdings);
  });

  test('a caller that opens a channel and asks nothing is dropped', async () => {
    const channel = await clock.runWhile(node('query').network.open(sha256Hex('e1'), COMMITTED_PROTOCOL), 1_000);
    const next = channel[Symbol.asyncIterator]().next();
    await expect(clock.runWhile(next, COMMITTED_TIMEOUT_MS + 1_000)).rejects.toMatchObject({
      code: 'NETWORK_CHANNEL_CLOSED',
    });
  });
});
