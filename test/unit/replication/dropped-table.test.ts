import { afterEach, expect, test } from 'vitest';
import type { FileRanges, Holdings } from '../../../src/operator/file-record.ts';
import { PullPlanner, type PullRequest } from '../../../src/replication/transfer/state.ts';
import { copyOf } from '../../conformance/file-store.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

const FILES = 1_500;

let world: ReplicationWorld | undefined;
afterEach(() => world?.close());

/**
 * Two operators whose first has given a table that both have dropped since: all that is left of its files are
 * duplicates without an original.
 */
const droppedBoth = async (): Promise<[SimulatedOperator, SimulatedOperator, ReplicationWorld]> => {
  const made = await ReplicationWorld.linked(2);
  world = made;
  const [one, two] = made.operators as [SimulatedOperator, SimulatedOperator];
  const left = Array.from({ length: FILES }, (_, at) => {
    const { record } = copyOf(one.id, at + 1, `${at}`);
    return { record: { ...record, status: 'duplicate' as const, rows: 0 }, content: new Uint8Array(), rebuilt: false };
  });
  for (const { store } of [one, two]) await store.store(left, true);
  return [one, two, made];
};

test('a new operator is filled after a table was dropped, while data flows', async () => {
  const [one, , { clock }] = await droppedBoth();
  world!.put(one);
  const fresh = await world!.join();
  let flowing = 0;
  await clock.runUntil(
    () => {
      if ((flowing += 1) % 50 === 0 && flowing < 5_000) world!.put(one);
      return fresh.consumer!.filled;
    },
    60_000,
    'it is filled',
  );
  await clock.runUntil(() => world!.equal(), 10_000, 'all hold the same');
});

test('an operator that lost its disk after a table was dropped numbers again, where it had left off', async () => {
  const [one, two, { clock }] = await droppedBoth();
  await world!.loseDisk(one);
  await world!.start(one);
  await clock.runUntil(() => one.known, 60_000, 'its files are known');
  world!.put(one);
  await clock.runUntil(() => two.store.all().length === FILES + 1, 10_000, 'the next is there');
  expect(one.store.holdings().get(one.id)).toEqual([[1, FILES + 1]]);
});

const holdings = (list: Record<string, FileRanges>): Holdings => new Map(Object.entries(list));

/**
 * What is asked for in each round, until nothing changes: everything of `x` is an orphan. What else there is, is
 * refused here; with `compared` the peer says that it is gone, and then that it holds these.
 */
const rounds = (
  of: PullPlanner,
  cluster: readonly string[],
  own: Holdings,
  compared?: Holdings,
): readonly PullRequest[] => {
  const asked: PullRequest[] = [];
  let nowMs = 0;
  for (let turn = 0; turn < 24; turn += 1) {
    const view = { nowMs, own, arriving: holdings({}), accepts: () => true, scope: 'all' as const, cluster };
    const requests = of.plan(view);
    asked.push(...requests);
    for (const { id, files } of requests) {
      const orphans = files.flatMap(([origin]) => (origin === 'x' ? [[origin, 1] as const] : []));
      const others = files.filter(([origin]) => origin !== 'x');
      const failed = compared === undefined ? others.map(([origin]) => [origin, 1] as const) : [];
      const gone = compared === undefined ? [] : others;
      of.answered(id, { stored: 0, skipped: [], gone, failed, orphans, unspoken: [] }, nowMs);
    }
    if (requests.length > 0) continue;
    nowMs += 60_000;
    if (compared !== undefined) of.compared('a', compared, nowMs);
  }
  return asked;
};

const planner = (held: Record<string, FileRanges>): PullPlanner => {
  const of = new PullPlanner('me');
  of.peerUp('a');
  of.compared('a', holdings(held), 0);
  return of;
};

test('a duplicate is taken without its original when it was asked for several times and nothing else is lacking', () => {
  const taken = rounds(planner({ x: [[1, 1]] }), ['a'], holdings({})).map(({ takesOrphans }) => takesOrphans);
  expect(taken.slice(0, 4)).toEqual([false, false, false, true]);
});

test('not while an operator of the cluster is away, which may have the original', () => {
  const requests = rounds(planner({ x: [[1, 1]] }), ['a', 'b'], holdings({}));
  expect(requests.length).toBeGreaterThan(3);
  expect(requests.some(({ takesOrphans }) => takesOrphans)).toBe(false);
});

test('not while another file is lacking, which may be the original', () => {
  const requests = rounds(planner({ x: [[1, 1]], y: [[1, 1]] }), ['a'], holdings({}));
  expect(requests.some(({ takesOrphans }) => takesOrphans)).toBe(false);
});

test('also where the peer said once that it held another, and by now does not', () => {
  const requests = rounds(planner({ x: [[1, 1]], y: [[1, 1]] }), ['a'], holdings({}), holdings({ x: [[1, 1]] }));
  expect(requests.some(({ takesOrphans }) => takesOrphans)).toBe(true);
});

test('not while a peer says that it holds another, and cannot give it', () => {
  const both = holdings({ x: [[1, 1]], y: [[1, 1]] });
  const requests = rounds(planner({ x: [[1, 1]], y: [[1, 1]] }), ['a'], holdings({}), both);
  expect(requests.some(({ takesOrphans }) => takesOrphans)).toBe(false);
});

test('not before a peer that did not have what it said has said what it holds', () => {
  const of = planner({ x: [[1, 1]], y: [[1, 1]] });
  const view = {
    own: holdings({}),
    arriving: holdings({}),
    accepts: () => true,
    scope: 'all' as const,
    cluster: ['a'],
  };
  let taken = false;
  for (let nowMs = 0; nowMs < 1_000_000; nowMs += 60_000) {
    for (const { id, files, takesOrphans } of of.plan({ ...view, nowMs })) {
      taken ||= takesOrphans;
      const gone = files.filter(([origin]) => origin === 'y');
      of.answered(id, { stored: 0, skipped: [], gone, failed: [], orphans: [['x', 1]], unspoken: [] }, nowMs);
    }
  }
  expect(taken).toBe(false);
});
