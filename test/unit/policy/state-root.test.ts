import { expect, test } from 'vitest';
import { canonicalBytes } from '../../../src/codec/canonical.ts';
import { merkleLeaf, merkleRoot } from '../../../src/codec/merkle.ts';
import { rootOfLeaves } from '../../../src/policy/state-root.ts';

const leavesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    ...{ attributes: {}, id: `id-${at}`, insert: null, member: null, type: 'site' },
  }));

test.each([0, 1, 255, 256, 257, 511, 512, 700])('the root of %d leaves is RFC 6962, whatever the slices', (count) => {
  const leaves = leavesOf(count);
  const work = rootOfLeaves(leaves);
  let slices = 1;
  let step = work.next();
  for (; step.done !== true; step = work.next()) slices += 1;
  expect(step.value).toBe(merkleRoot(leaves.map((leaf) => merkleLeaf(canonicalBytes(leaf)))).toString('hex'));
  expect(slices).toBe(Math.max(1, Math.ceil(count / 256)));
});
