import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FileRanges, Holdings } from '../../src/operator/file-record.ts';
import { lackingOf } from '../../src/replication/transfer/holdings.ts';
import { type PlacedAnswer, Placing } from '../../src/query/placing.ts';
import { homeOf } from '../../src/topology/home.ts';
import type { ClusterInfo, OperatorInfo } from '../../src/topology/topology.ts';
import { runs } from '../support/query-data.ts';

const CLUSTERS = ['c1', 'c2', 'c3'];
const ORIGINS = ['o1', 'o2', 'o3', 'o4'];

/** Where each operator is by the policies: nowhere, in a cluster, or in one that is not there. */
const homes = fc.array(fc.option(fc.constantFrom(...CLUSTERS, 'gone'), { nil: undefined }), {
  minLength: 4,
  maxLength: 4,
});
const ranges = fc
  .uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 })
  .map((ids): FileRanges => ids.sort((a, b) => a - b).map((id) => [id * 2, id * 2]));
const holdings = fc
  .dictionary(fc.constantFrom(...ORIGINS), ranges)
  .map((files): Holdings => new Map(Object.entries(files)));

const placesOf = (of: readonly (string | undefined)[]) => ({
  clusters: new Map(CLUSTERS.map((id) => [id, { id } as ClusterInfo])),
  operators: new Map(
    ORIGINS.flatMap((id, at) => (of[at] === undefined ? [] : [[id, { id, cluster: of[at] } as OperatorInfo] as const])),
  ),
});

test('whatever was moved and deleted, the rows of each origin count in one answer, and are asked for where they count', () => {
  fc.assert(
    fc.property(homes, fc.tuple(holdings, holdings, holdings), holdings, (of, held, gone) => {
      const places = placesOf(of);
      // Of a cluster that was deleted since.
      const shown = new Map<string, Holdings>([['gone', gone]]);
      const ask = (): readonly PlacedAnswer[] => {
        const placing = new Placing(places, shown);
        const answers = CLUSTERS.map((cluster, at) => ({
          ...{ cluster, held: held[at] ?? new Map(), needs: placing.needs(cluster) },
          elsewhere: placing.elsewhereOf(cluster),
        }));
        for (const { cluster, held: files } of answers) shown.set(cluster, files);
        return answers;
      };
      let answers = ask();
      let tries = 1;
      for (; !answers.every((answer) => new Placing(places, shown).fits(answer)); tries += 1) answers = ask();
      expect(tries).toBeLessThanOrEqual(2);
      for (const origin of ORIGINS) {
        const holders = answers.filter((answer) => answer.held.has(origin));
        const counting = holders.filter(({ elsewhere }) => !elsewhere.includes(origin)).map(({ cluster }) => cluster);
        const home = homeOf(places, origin);
        if (home === undefined) expect(counting).toHaveLength(Math.min(1, holders.length));
        else expect(counting).toEqual(holders.some(({ cluster }) => cluster === home) ? [home] : []);
        const [where = home] = counting;
        const asked = answers.find(({ cluster }) => cluster === where);
        for (const { held: files } of holders) {
          const here = new Map([[origin, files.get(origin) ?? []]]);
          expect(asked && lackingOf(new Map(lackingOf(here, asked.held)), asked.needs ?? new Map())).toEqual([]);
        }
      }
    }),
    { numRuns: runs(300) },
  );
});

test('nothing is asked for, left out or copied where all clusters hold their own files alone', () => {
  const held: Holdings = new Map([['o1', [[1, 9]]]]);
  const placing = new Placing(placesOf(['c1', 'c2']), new Map([['c1', held]]));
  expect(placing.needs('c1')).toBe(held);
  expect(placing.elsewhereOf('c1')).toEqual([]);
  expect(placing.fits({ cluster: 'c1', held, needs: new Map(), elsewhere: [] })).toBe(true);
});

test('the rows of a deleted operator count where its newest files are', () => {
  const files = (last: number): Holdings => new Map([['o4', [[1, last]]]]);
  const placing = new Placing(placesOf([]), new Map([['c2', files(9)], ['c1', files(3)]])); // prettier-ignore
  expect([placing.clusterOf('o4'), placing.elsewhereOf('c1'), placing.elsewhereOf('c2')]).toEqual(['c2', ['o4'], []]);
});
