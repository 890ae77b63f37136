import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../../src/base/slices.ts';
import { canonicalJson } from '../../../src/codec/canonical.ts';
import { merkleLeaf, merkleRoot } from '../../../src/codec/merkle.ts';
import { parseEntry } from '../../../src/entry/check.ts';
import { frontierOf } from '../../../src/policy/closure.ts';
import { frontierText, readFrontier } from '../../../src/policy/moment.ts';
import { pastAt } from '../../../src/policy/past.ts';
import { originLeaves } from '../../../src/policy/state-root.ts';
import { chronicleOf } from '../../support/linked-history.ts';

const read = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../fixtures/policy/v1/${file}`, import.meta.url)), 'utf8');

interface State {
  readonly frontier: string;
  readonly entries: number;
  readonly root: string;
  readonly leaves: readonly string[];
}

const entries = read('entries.txt')
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [header = '', signature = '', body = ''] = line.split('\t');
    return parseEntry({
      header: Buffer.from(header),
      signature: Buffer.from(signature, 'base64'),
      body: Buffer.from(body),
    });
  });
const states = JSON.parse(read('states.json')) as readonly State[];

describe('the vectors of the state of policies, version 1', () => {
  const chronicle = chronicleOf([...entries].reverse());

  it.each(states)('as of $frontier', ({ frontier, entries: count, root, leaves }) => {
    const past = atOnce(pastAt(chronicle, readFrontier(frontier)!));
    expect(atOnce(originLeaves(past.book)).map(canonicalJson)).toEqual(leaves);
    expect(merkleRoot(leaves.map((leaf) => merkleLeaf(Buffer.from(leaf)))).toString('hex')).toBe(root);
    expect([past.root, past.entries]).toEqual([root, count]);
  });

  it('end with the frontier of all', () =>
    expect(frontierText(atOnce(frontierOf(chronicle.facts())))).toBe(states.at(-1)?.frontier));
});
