import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { unwatchedDisk } from '../../../src/base/disk.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { StateFile } from '../../../src/base/state-file.ts';
import type { FileRanges, Holdings } from '../../../src/operator/file-record.ts';
import { windowOf } from '../../../src/replication/consumer.ts';
import { FillState } from '../../../src/replication/fill.ts';
import { createFilledFlag } from '../../../src/replication/filled-flag.ts';
import { PushWindow } from '../../../src/replication/transfer/push-window.ts';
import { PullPlanner, type PullAnswer, type PullRequest } from '../../../src/replication/transfer/state.ts';

const holdings = (list: Record<string, FileRanges>): Holdings => new Map(Object.entries(list));
const answerOf = (about: Partial<PullAnswer> = {}): PullAnswer => ({
  stored: 1,
  skipped: [],
  gone: [],
  failed: [],
  orphans: [],
  unspoken: [],
  ...about,
});

describe('the planner', () => {
  const planner = (...peers: [string, Holdings][]): PullPlanner => {
    const made = new PullPlanner('me');
    for (const [peer, held] of peers) {
      made.peerUp(peer);
      made.compared(peer, held, 0);
    }
    return made;
  };
  const plan = (
    of: PullPlanner,
    about: { nowMs?: number; own?: Holdings; arriving?: Holdings; scope?: 'all' | 'own'; cluster?: string[] } = {},
  ): readonly PullRequest[] =>
    of.plan({
      nowMs: about.nowMs ?? 0,
      own: about.own ?? new Map(),
      arriving: about.arriving ?? new Map(),
      accepts: (origin) => origin !== 'stranger',
      scope: about.scope ?? 'all',
      cluster: about.cluster ?? ['a'],
    });

  test('asks a peer for what it holds and we lack, of operators of the cluster', () => {
    const of = planner(['a', holdings({ a: [[1, 5]], stranger: [[1, 9]] })]);
    expect(plan(of, { own: holdings({ a: [[2, 3]] }) })).toMatchObject([
      {
        peer: 'a',
        windowed: true,
        files: [
          [
            'a',
            [
              [1, 1],
              [4, 5],
            ],
          ],
        ],
      },
    ]);
    expect(plan(of, { own: holdings({ a: [[2, 3]] }) })).toEqual([]);
  });

  test('asks no two peers for one file, and divides the work', () => {
    const all = holdings({ a: [[1, 10_000]] });
    const requests = plan(planner(['a', all], ['b', all]));
    expect(requests.map(({ peer }) => peer).sort()).toEqual(['a', 'a', 'b', 'b']);
    const asked = requests.flatMap(({ files }) => files.flatMap(([, ranges]) => ranges)).sort((x, y) => x[0] - y[0]);
    for (const [at, [from]] of asked.entries()) expect(from).toBe((asked[at - 1]?.[1] ?? 0) + 1);
  });

  test('asks for own files first and alone, whatever the scope and the window', () => {
    const of = planner(['a', holdings({ a: [[1, 5]], me: [[1, 7]] })]);
    expect(plan(of, { scope: 'own' })).toMatchObject([{ windowed: false, files: [['me', [[1, 7]]]] }]);
    expect(of.ownLacking(holdings({ me: [[1, 3]] }))).toEqual([[4, 7]]);
  });

  test('remembers own files that a peer announced and took away with it', () => {
    const of = planner(['a', holdings({ me: [[1, 7]] })]);
    of.peerDown('a');
    expect(of.ownLacking(new Map())).toEqual([[1, 7]]);
  });

  test('asks another when a peer goes down with an open request', () => {
    const all = holdings({ a: [[1, 4]] });
    const of = planner(['a', all], ['b', all]);
    const [first] = plan(of);
    const other = first!.peer === 'a' ? 'b' : 'a';
    of.peerDown(first!.peer);
    expect(plan(of)).toMatchObject([{ peer: other, files: first!.files }]);
  });

  test('asks another for a file that one could not deliver, and the first again later', () => {
    const of = planner(['a', holdings({ x: [[1, 2]] })]);
    const [first] = plan(of);
    of.answered(first!.id, answerOf({ failed: [['x', 2]] }), 0);
    const own = holdings({ x: [[1, 1]] });
    expect(plan(of, { own })).toEqual([]);
    of.peerUp('b');
    of.compared('b', holdings({ x: [[1, 2]] }), 0);
    const [second] = plan(of, { own });
    expect(second).toMatchObject({ peer: 'b', files: [['x', [[2, 2]]]] });
    of.failed(second!.id, 0);
    const wakeMs = of.wakeMs(0)!;
    expect(wakeMs).toBeGreaterThan(0);
    expect(plan(of, { own, nowMs: wakeMs }).map(({ peer }) => peer)).toEqual(['a']);
  });

  test('lets a peer rest whose request came to nothing', () => {
    const of = planner(['a', holdings({ x: [[1, 2]] })]);
    of.failed(plan(of)[0]!.id, 0);
    expect(plan(of)).toEqual([]);
    expect(plan(of, { nowMs: of.wakeMs(0)! })).toMatchObject([{ peer: 'a', files: [['x', [[1, 2]]]] }]);
  });

  test('lets a peer rest that delivers nothing, longer each time', () => {
    const of = planner(['a', holdings({ x: [[1, 2]] })]);
    let nowMs = 0;
    const rests: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      const [request] = plan(of, { nowMs });
      of.answered(request!.id, answerOf({ stored: 0 }), nowMs);
      expect(plan(of, { nowMs })).toEqual([]);
      const wakeMs = of.wakeMs(nowMs)!;
      rests.push(wakeMs - nowMs);
      nowMs = wakeMs;
    }
    expect(rests.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(rests.at(-1)).toBe(30_000);
  });

  test('asks on while files come as a push: an answer without them is not in vain', () => {
    const of = planner(['a', holdings({ a: [[1, 3]] })]);
    const [request] = plan(of);
    of.answered(request!.id, answerOf({ stored: 0, unspoken: [['a', [[1, 3]]]] }), 0);
    expect(plan(of)).toEqual([]);
    of.announced('a', [['x', [[1, 1]]]], 0);
    of.hurry();
    expect(plan(of)).toMatchObject([{ files: [['x', [[1, 1]]]] }]);
    expect(plan(of, { nowMs: of.wakeMs(0)! })).toMatchObject([{ files: [['a', [[1, 3]]]] }]);
  });

  test('asks on while a peer has no room to send a large file, and for that one later, longer each time', () => {
    const of = planner(['a', holdings({ x: [[1, 1]] })]);
    let nowMs = 0;
    for (let round = 1; round <= 12; round += 1) {
      const [request] = plan(of, { nowMs });
      expect(request).toMatchObject({ files: [['x', [[1, 1]]]] });
      of.answered(request!.id, answerOf({ stored: 0, unspoken: [['x', [[1, 1]]]] }), nowMs);
      expect(plan(of, { nowMs })).toEqual([]);
      of.announced('a', [['y', [[round, round]]]], nowMs);
      of.hurry();
      const [other] = plan(of, { nowMs });
      expect(other).toMatchObject({ files: [['y', [[round, round]]]] });
      of.answered(other!.id, answerOf({ stored: 0, gone: [['y', [[round, round]]]] }), nowMs);
      nowMs += Math.min(30_000, 500 * 2 ** (round - 1));
    }
  });

  test('lets a peer rest that sends none of more files than can be on their way, and asks then for what is behind the first of them', () => {
    const of = planner(['a', holdings({ a: [[1, 700]], x: [[1, 1]] })]);
    const [request, second] = plan(of);
    expect(request).toMatchObject({ files: [['a', [[1, 351]]]] });
    of.answered(second!.id, answerOf({ stored: 350 }), 0);
    const own = holdings({ a: [[352, 700]] });
    of.answered(request!.id, answerOf({ stored: 0, unspoken: request!.files }), 0);
    expect(plan(of, { own })).toEqual([]);
    const [next] = plan(of, { own, nowMs: of.wakeMs(0)! });
    expect(next?.files).toEqual([
      ['a', [[257, 351]]],
      ['x', [[1, 1]]],
    ]);
  });

  test('asks first for what failed the fewest times: what always fails, and fills an answer alone, keeps back nothing', () => {
    for (const origin of ['x', 'me']) {
      const of = planner(['a', holdings({ [origin]: [[1, 5]] })]);
      const got = new Set<number>();
      let nowMs = 0;
      for (let round = 0; round < 30; round += 1) {
        const own = holdings({ [origin]: [...got].sort().map((file) => [file, file] as const) });
        for (const { id, files } of plan(of, { nowMs, own })) {
          const [first, ...others] = files.flatMap(([, ranges]) =>
            ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at)),
          );
          const left = others.map((file) => [file, file] as const);
          if (first! <= 3) {
            const about = { stored: 0, failed: [[origin, first!] as const] };
            of.answered(id, answerOf({ ...about, unspoken: left.length === 0 ? [] : [[origin, left]] }), nowMs);
          } else {
            for (const file of [first!, ...others]) got.add(file);
            of.answered(id, answerOf({ stored: others.length + 1 }), nowMs);
          }
        }
        nowMs = of.wakeMs(nowMs) ?? nowMs;
      }
      expect([...got].sort()).toEqual([4, 5]);
    }
  });

  test('lets a peer rest that leaves out what it cannot read', () => {
    const of = planner(['a', holdings({ a: [[1, 300]], x: [[1, 1]] })]);
    const about = { unspoken: [['a', [[2, 2]]]], gone: [['a', [[1, 1]]]] } as const;
    of.answered(plan(of)[0]!.id, answerOf({ stored: 0, ...about }), 0);
    of.announced('a', [['y', [[1, 1]]]], 0);
    of.hurry();
    const waiting = plan(of).filter(({ peer }) => peer === 'a');
    expect(waiting).toEqual([]);
  });

  test('does not let a peer rest that told of each file that it cannot read', () => {
    const of = planner(['a', holdings({ x: [[1, 2]] })]);
    of.answered(plan(of)[0]!.id, answerOf({ stored: 0, gone: [['x', [[1, 2]]]] }), 0);
    of.announced('a', [['x', [[1, 3]]]], 0);
    of.hurry();
    expect(plan(of)).toMatchObject([{ files: [['x', [[3, 3]]]] }]);
    expect(plan(of, { nowMs: of.wakeMs(0)! })).toMatchObject([{ files: [['x', [[1, 2]]]] }]);
  });

  test('waits a little for what was just announced, since a push is on its way', () => {
    const of = planner(['a', holdings({ x: [[1, 1]] })]);
    of.announced('a', [['x', [[2, 2]]]], 100);
    const own = holdings({ x: [[1, 1]] });
    expect(plan(of, { own, nowMs: 100 })).toEqual([]);
    expect(of.wakeMs(100)).toBe(850);
    expect(plan(of, { own, nowMs: 850 })).toHaveLength(1);
  });

  test('does not ask for what is on its way, however long that takes', () => {
    const of = planner(['a', holdings({ x: [[1, 2]] })], ['b', holdings({ x: [[1, 2]] })]);
    expect(plan(of, { nowMs: 9_000, arriving: holdings({ x: [[1, 2]] }) })).toEqual([]);
    expect(plan(of, { nowMs: 9_000, arriving: holdings({ x: [[1, 1]] }) })).toMatchObject([
      { files: [['x', [[2, 2]]]] },
    ]);
    expect(plan(of, { nowMs: 9_000 })).toMatchObject([{ files: [['x', [[1, 1]]]] }]);
  });

  test('does not wait when it is told to hurry', () => {
    const of = planner(['a', new Map()]);
    of.announced('a', [['x', [[2, 2]]]], 100);
    of.hurry();
    expect(plan(of, { nowMs: 100 })).toHaveLength(1);
  });

  test('does not ask again for what is outside the window, until the window changes', () => {
    const of = planner(['a', holdings({ x: [[1, 9]] })]);
    const [request] = plan(of);
    of.answered(request!.id, answerOf({ stored: 0, skipped: [['x', [[1, 9]]]] }), 0);
    expect(plan(of, { nowMs: 1e9 })).toEqual([]);
    expect(of.skippedBy('a', 'x')).toEqual([[1, 9]]);
    of.forgetSkipped();
    expect(plan(of, { nowMs: 1e9 })).toHaveLength(1);
  });

  test('gives up a duplicate whose original stays away, when there is a window', () => {
    const of = planner(['a', holdings({ w: [[1, 1]], x: [[1, 1]] })]);
    let nowMs = 0;
    for (let round = 0; round < 5; round += 1) {
      const [request] = plan(of, { nowMs });
      const skipped: PullAnswer['skipped'] = round === 0 ? [['w', [[1, 1]]]] : [];
      of.answered(request!.id, answerOf({ stored: 0, skipped, orphans: [['x', 1]] }), nowMs);
      nowMs += 1e6;
    }
    expect(plan(of, { nowMs })).toEqual([]);
  });

  test('does not believe what a peer announced and then has not', () => {
    const of = planner(['a', holdings({ me: [[1, 3]] })]);
    const [request] = plan(of);
    of.answered(request!.id, answerOf({ gone: [['me', [[2, 3]]]] }), 0);
    expect(of.ownLacking(holdings({ me: [[1, 1]] }))).toEqual([]);
  });

  test('asks beyond the window for the original of an own duplicate, after all else and only until that is here', () => {
    const of = planner(['a', holdings({ a: [[1, 10]], me: [[1, 1]] })]);
    const [mine, windowed] = plan(of);
    expect([mine, windowed]).toMatchObject([{ files: [['me', [[1, 1]]]] }, { windowed: true }]);
    of.answered(mine!.id, answerOf({ stored: 0, orphans: [['me', 1]] }), 0);
    expect(plan(of), 'the window may bring it yet').toEqual([]);
    of.answered(windowed!.id, answerOf({ stored: 0, skipped: windowed!.files }), 0);
    const own = holdings({ me: [[1, 1]] });
    expect(plan(of, { scope: 'own' })).toMatchObject([{ files: [['a', [[1, 10]]]], windowed: false }]);
    of.peerDown('a');
    of.peerUp('a');
    of.compared('a', holdings({ a: [[1, 10]], me: [[1, 1]] }), 0);
    expect(plan(of, { own, scope: 'own' })).toEqual([]);
  });

  test('is bounded in what a peer may scatter', () => {
    const of = planner(['a', new Map()]);
    const scattered: FileRanges = Array.from({ length: 150_000 }, (_, at) => [at * 3 + 1, at * 3 + 1]);
    of.announced('a', [['x', scattered]], 0);
    of.announced('a', [['y', scattered]], 0);
    expect([...of.holdingsOf('a')!.keys()]).toEqual(['x']);
  });
});

describe('whether an operator is filled', () => {
  const view = (own: Holdings, peers: string[], waited = false, peersKnown = true) => ({
    ...{ own, peers, waited, peersKnown },
    belongsHere: (origin: string) => origin !== 'stranger',
  });

  test('does not depend on files of an operator that was moved to another cluster since it was heard of', () => {
    const fill = new FillState(false);
    fill.compared('a', holdings({ a: [[1, 1]], stranger: [[1, 2]] }));
    expect(fill.answers(view(new Map(), ['a']))).toBe(false);
    expect(fill.answers(view(holdings({ a: [[1, 1]] }), ['a']))).toBe(true);
  });

  test('follows from the first comparison with every peer', () => {
    const fill = new FillState(false);
    expect(fill.answers(view(new Map(), ['a', 'b']))).toBe(false);
    fill.compared('a', holdings({ a: [[1, 2]] }));
    fill.compared('b', holdings({ a: [[1, 3]], b: [[1, 1]] }));
    expect(fill.answers(view(holdings({ a: [[1, 3]] }), ['a', 'b']))).toBe(false);
    fill.compared('a', holdings({ a: [[1, 99]] }));
    expect(fill.answers(view(holdings({ a: [[1, 3]], b: [[1, 1]] }), ['a', 'b']))).toBe(true);
    expect(fill.filled).toBe(true);
  });

  test('is not decided before the peers that are known have been compared or waited for', () => {
    const fill = new FillState(false);
    fill.compared('a', new Map());
    expect(fill.answers(view(new Map(), ['a', 'b']))).toBe(false);
    expect(fill.answers(view(new Map(), ['a', 'b'], true))).toBe(true);
    expect(fill.filled, 'for good only when all were compared').toBe(false);
    fill.compared('b', new Map());
    expect(fill.answers(view(new Map(), ['a', 'b']))).toBe(true);
    expect(fill.filled).toBe(true);
  });

  test('is never decided for good without a comparison', () => {
    const fill = new FillState(false);
    expect(fill.answers(view(new Map(), []))).toBe(true);
    expect(fill.filled).toBe(false);
    fill.compared('a', holdings({ a: [[1, 2]] }));
    expect(fill.answers(view(new Map(), ['a']))).toBe(false);
  });

  test('stays as it was kept', () => {
    const fill = new FillState(true);
    fill.compared('a', holdings({ a: [[1, 2]] }));
    expect(fill.answers(view(new Map(), ['a']))).toBe(true);
  });

  test('of a backup it waits for every peer, and until the policies name them all', () => {
    const fill = new FillState(true, true);
    expect(fill.answers(view(new Map(), [], true, false))).toBe(false);
    fill.compared('a', new Map());
    expect(fill.answers(view(new Map(), ['a', 'b'], true))).toBe(false);
    fill.compared('b', holdings({ a: [[1, 1]] }));
    expect(fill.answers(view(new Map(), ['a', 'b'], true, false))).toBe(false);
    expect(fill.older).toBe(true);
    expect(fill.answers(view(new Map(), ['a', 'b'], true))).toBe(false);
    expect(fill.answers(view(holdings({ a: [[1, 1]] }), ['a', 'b'], true))).toBe(true);
    expect([fill.filled, fill.older]).toEqual([true, false]);
  });

  test('needs what the window leaves out: an answer without it would be partial', () => {
    const fill = new FillState(false);
    fill.compared('a', holdings({ a: [[1, 5]] }));
    expect(fill.answers(view(holdings({ a: [[4, 5]] }), ['a'], true))).toBe(false);
  });

  test('is kept in a file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-filled-'));
    try {
      const path = join(dir, 'replication', 'filled');
      const file = new StateFile(path, { clock: systemClock, disk: unwatchedDisk, log: silentLogger });
      const flag = createFilledFlag(file);
      expect(await flag.load()).toBeUndefined();
      for (const filled of [true, false]) {
        const files = holdings({ a: [[1, 3]], b: [] });
        await flag.save({ filled, files });
        expect(await createFilledFlag(file).load()).toEqual({ filled, files });
      }
      for (const broken of ['filled\n', '{"held":[["a",[[1,"3"]]]]}', '']) {
        await writeFile(path, broken);
        expect(await flag.load(), broken).toBeUndefined();
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

test('the window of a consumer is stated in the form of record times', () => {
  const window = windowOf({ startMs: () => 1_767_225_600_000.5, endMs: () => undefined, mode: 'active' });
  expect(window).toEqual({ from: '2026-01-01T00:00:00.000500Z', to: null });
  expect(windowOf({ startMs: () => 0, endMs: () => 1_767_225_600_001, mode: 'active' })).toEqual({
    from: null,
    to: '2026-01-01T00:00:00.001000Z',
  });
});

test('the push window counts only an acknowledgement of all files of a bundle', () => {
  const window = new PushWindow();
  window.offer([[1, 3]]);
  window.sent(7, [[1, 3]], 30);
  expect([window.acknowledged(7, 2), window.acknowledged(8, 3)]).toEqual([false, false]);
  expect(window.inFlight).toBe(3);
  expect(window.acknowledged(7, 3)).toBe(true);
  expect(window.inFlight).toBe(0);
});

test('the push window leaves a peer that is too far behind to pull', () => {
  const window = new PushWindow();
  expect(window.offer([[1, 1_024]])).toBe(true);
  expect(window.offer([[1_025, 1_025]])).toBe(false);
  expect(window.next()).toBeUndefined();
  expect(window.offer([[1_026, 1_026]])).toBe(true);
  window.drop([[1_026, 1_026]]);
  expect(window.waiting).toBe(0);
});
