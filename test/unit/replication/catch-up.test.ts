import { expect, test } from 'vitest';
import type { FileRanges } from '../../../src/operator/file-record.ts';
import { addToRanges, countRanges, idsOf, inRanges } from '../../../src/operator/ranges.ts';
import { PullPlanner, type PullView } from '../../../src/replication/transfer/state.ts';

const FILES = 2_000;
const ANSWER_FILES = 20;
const ANSWER_MS = 500;

/**
 * A catch-up of many files; file 1 fails as often as is said, and file 2 is its duplicate. When the first was held, and
 * what is held in the end.
 */
const catchUp = (failures: number): { readonly firstMs: number | undefined; readonly own: FileRanges } => {
  const planner = new PullPlanner('me');
  planner.peerUp('a');
  planner.compared('a', new Map([['x', [[1, FILES]]]]), 0);
  let own: FileRanges = [];
  let [nowMs, failed] = [0, 0];
  let firstMs: number | undefined;
  const outcome = (file: number): 'failed' | 'orphans' | 'stored' => {
    if (file === 1 && failed < failures) return 'failed';
    return file === 2 && !inRanges(own, 1) ? 'orphans' : 'stored';
  };
  for (;;) {
    const about = { accepts: () => true, scope: 'all', cluster: ['a', 'b'] } as const;
    const view: PullView = { nowMs, own: new Map([['x', own]]), arriving: new Map(), ...about };
    const requests = planner.plan(view);
    const wakeMs = planner.wakeMs(nowMs);
    if (requests.length === 0 && wakeMs === undefined) return { firstMs, own };
    if (requests.length === 0) nowMs = wakeMs ?? nowMs;
    for (const { id, files } of requests) {
      const asked = files.flatMap(([, ranges]) => idsOf(ranges, FILES));
      const left = asked.slice(ANSWER_FILES).map((file) => [file, file] as const);
      const given = { stored: [] as number[], failed: [] as number[], orphans: [] as number[] };
      nowMs += ANSWER_MS;
      for (const file of asked.slice(0, ANSWER_FILES)) {
        const what = outcome(file);
        given[what].push(file);
        if (what === 'stored') own = addToRanges(own, file);
        if (what === 'failed') failed += 1;
        else if (file === 1) firstMs = nowMs;
      }
      const named = (some: readonly number[]) => some.map((file) => ['x', file] as const);
      planner.answered(
        id,
        {
          ...{ stored: given.stored.length, skipped: [], gone: [] },
          ...{ failed: named(given.failed), orphans: named(given.orphans) },
          unspoken: left.length === 0 ? [] : [['x', left]],
        },
        nowMs,
      );
    }
  }
};

test('what failed once does not wait for the end of the backlog, and its duplicate comes too', () => {
  const { firstMs, own } = catchUp(1);
  expect(firstMs).toBeLessThan(10 * ANSWER_MS);
  expect(own).toEqual([[1, FILES]]);
});

test('a duplicate is not given up while its original is among what failed, however often', () => {
  expect(countRanges(catchUp(12).own)).toBe(FILES);
});
