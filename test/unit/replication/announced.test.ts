import { afterEach, describe, expect, test } from 'vitest';
import { FILE_OVERDUE_MS } from '../../../src/base/limits.ts';
import type { Holdings } from '../../../src/operator/file-record.ts';
import { Announced } from '../../../src/replication/announced.ts';
import { ReplicationWorld } from '../../support/replication-world.ts';

const NOTHING: Holdings = new Map();
const files = (origin: string, from: number, to: number): Holdings => new Map([[origin, [[from, to]]]]);

describe('what an operator knows to lack', () => {
  test('is all that peers told of and all that is needed, each file once', () => {
    const announced = new Announced();
    const view = { own: files('a', 1, 4), told: [files('a', 1, 6), files('a', 3, 7)], nowMs: 0 };
    expect(announced.shortfall({ ...view, needed: files('b', 1, 2) })).toEqual({ lacking: 5, overdue: 5 });
    expect(announced.shortfall({ ...view, own: files('a', 1, 9), needed: NOTHING })).toEqual({
      lacking: 0,
      overdue: 0,
    });
  });

  test('is overdue after a moment, and at once where it was asked for', () => {
    const announced = new Announced();
    announced.note('p', files('a', 1, 2), 0);
    announced.note('p', files('a', 1, 5), 500);
    const at = (nowMs: number, needed = NOTHING) =>
      announced.shortfall({ own: NOTHING, told: [files('a', 1, 5)], needed, nowMs });
    expect(at(900)).toEqual({ lacking: 5, overdue: 0 });
    expect(at(900, files('a', 2, 2))).toEqual({ lacking: 5, overdue: 1 });
    expect(at(FILE_OVERDUE_MS)).toEqual({ lacking: 5, overdue: 2 });
    expect(at(FILE_OVERDUE_MS + 500)).toEqual({ lacking: 5, overdue: 5 });
  });
});

describe('an operator whose consumer is suspended', () => {
  let world: ReplicationWorld;
  afterEach(() => world.close());

  test('knows what it lacks while the peer is there and when it is gone, and no longer when it has it', async () => {
    world = await ReplicationWorld.create({ seed: 7, operators: 2 });
    const [one, two] = [world.operator(1), world.operator(2)];
    const { clock } = world;
    await clock.runUntil(
      () => one.replication!.peers()[0]!.connected && two.known && one.known,
      10_000,
      'they are linked',
    );
    await one.distributor!.close();
    two.consumer!.setMode('suspend');
    world.put(one);
    await clock.runUntil(() => two.replication!.shortfall(NOTHING).lacking === 1, 1_000, 'the announcement');
    expect(two.replication!.shortfall(NOTHING).overdue).toBe(0);
    await clock.advance(FILE_OVERDUE_MS);
    expect(two.replication!.shortfall(NOTHING)).toEqual({ lacking: 1, overdue: 1 });
    await world.crash(one);
    await clock.advance(60_000);
    expect(two.replication!.shortfall(NOTHING)).toEqual({ lacking: 1, overdue: 1 });
    await world.start(one);
    two.consumer!.setMode('active');
    await clock.runUntil(() => two.replication!.shortfall(NOTHING).lacking === 0, 60_000, 'the file');
  });
});
