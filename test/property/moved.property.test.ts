import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FileRanges } from '../../src/operator/file-record.ts';
import { ReplicationWorld, type SimulatedOperator } from '../support/replication-world.ts';

const numRuns = Math.ceil(Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 100) / 4);

const OPERATORS = 4;

const member = fc.integer({ min: 1, max: OPERATORS });
const anyStep = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('put' as const), member, files: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('move' as const),
      member,
      cluster: fc.constantFrom(undefined, 'the other'),
      areTold: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.oneof(fc.nat(400), fc.nat(8_000)) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('restart' as const, 'untold', 'tell'), member }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer Any> ? Any : never;

/** A cluster whose operators are moved to another one and back while they take data. */
class Moves {
  readonly #world: ReplicationWorld;
  readonly #clusters = new Map<string, string | undefined>();

  constructor(world: ReplicationWorld) {
    this.#world = world;
  }

  async do(step: Step): Promise<void> {
    const world = this.#world;
    if (step.what === 'wait') return world.clock.advance(step.ms);
    const operator = world.operator(step.member);
    if (step.what === 'put') {
      for (let file = 0; file < step.files; file += 1) world.put(operator);
    } else if (step.what === 'untold') world.keepUntold(operator);
    else if (step.what === 'tell') world.tell(operator);
    else if (step.what === 'move') {
      world.move(operator, step.cluster, step.areTold);
      this.#clusters.set(operator.id, step.cluster);
    } else {
      await world.crash(operator);
      await world.start(operator);
    }
  }

  /** Of each operator, the files of those that are of its cluster now: as they hold them, and as it does. */
  files(): Record<'due' | 'held', readonly (readonly FileRanges[])[]> {
    const { operators } = this.#world;
    const of = (holder: (one: SimulatedOperator, origin: SimulatedOperator) => SimulatedOperator) =>
      operators.map((one) =>
        operators
          .filter((other) => this.#clusters.get(other.id) === this.#clusters.get(one.id))
          .map((origin) => holder(one, origin).store.holdings().get(origin.id) ?? []),
      );
    return { due: of((_, origin) => origin), held: of((one) => one) };
  }
}

test('wherever operators are moved, in the end all of a cluster hold its files, and none says that another one lacks any', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 30 }), fc.nat(300), async (steps, diskMs) => {
      const world = await ReplicationWorld.create({ seed: 7, operators: OPERATORS, diskMs });
      try {
        const moves = new Moves(world);
        for (const step of steps) await moves.do(step);
        for (const operator of world.operators) world.tell(operator);
        await world.clock.advance(60_000);
        const { due, held } = moves.files();
        expect(held).toEqual(due);
        const even = { connected: true, filesBehind: 0, filesAhead: 0, lagMs: 0 };
        for (const { replication } of world.operators)
          for (const standing of replication?.peers() ?? []) expect(standing).toMatchObject(even);
        expect(world.operators.every(({ replication }) => replication?.filled)).toBe(true);
      } finally {
        await world.close();
      }
    }),
    { numRuns },
  );
});
