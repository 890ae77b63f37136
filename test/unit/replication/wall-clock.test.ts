import { afterEach, expect, test } from 'vitest';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

let world: ReplicationWorld;
afterEach(() => world.close());

const files = ({ store }: SimulatedOperator): number => store.all().length;

test('a consumer takes what it left alone while its wall clock was years ahead', async () => {
  world = await ReplicationWorld.create({ seed: 7, operators: 2 });
  const { clock } = world;
  const [one, two] = world.operators as [SimulatedOperator, SimulatedOperator];
  await world.crash(two);
  for (let count = 0; count < 3; count += 1) world.put(one);
  const trueMs = clock.wallMs();
  const lastMonth = (): number => clock.wallMs() - 30 * 86_400_000;
  clock.setWallMs(trueMs + 10 * 365 * 86_400_000);
  await world.start(two, { startMs: lastMonth });
  await clock.advance(10_000);
  expect(files(two)).toBe(0);
  clock.setWallMs(trueMs + 10_000);
  await clock.runUntil(() => files(two) === 3, 10_000, 'what is inside the window now');
});
