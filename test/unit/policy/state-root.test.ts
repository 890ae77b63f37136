import { expect, test } from 'vitest';
import { atOnce } from '../../../src/base/slices.ts';
import { canonicalBytes } from '../../../src/codec/canonical.ts';
import { merkleLeaf, merkleRoot } from '../../../src/codec/merkle.ts';
import { createFold } from '../../../src/policy/fold.ts';
import { countInForce } from '../../../src/policy/state.ts';
import { originLeaves, rootOfLeaves, stateRoot } from '../../../src/policy/state-root.ts';
import { entryOf } from '../../support/policy-entries.ts';

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

test('the root of a book is that of its leaves, made in as many slices, and of what is in force alone', () => {
  const fold = createFold();
  const policies = Array.from({ length: 600 }, (_, at) =>
    entryOf({ op: 'insert', id: `s${at}`, type: 'site', content: { name: `n${at}` } }),
  );
  const ended = policies
    .slice(0, 50)
    .map(({ header, hash }) => entryOf({ op: 'delete', id: header.id, replaces: hash }));
  fold.add([...policies, ...ended]);
  const leaves = atOnce(originLeaves(fold));
  const work = stateRoot(fold);
  let pauses = 0;
  let step = work.next();
  for (; step.done !== true; step = work.next()) pauses += 1;
  expect(step.value).toBe(atOnce(rootOfLeaves(leaves)));
  expect(leaves).toHaveLength(550);
  expect(countInForce(fold)).toBe(550);
  expect(pauses).toBe(3);
});
