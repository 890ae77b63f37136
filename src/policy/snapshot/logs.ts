import type { Sliced } from '../../base/slices.ts';
import { canonicalBytes } from '../../codec/canonical.ts';
import { merkleLeaf, merkleRoot } from '../../codec/merkle.ts';
import { voidFrom } from '../../ledger/chain.ts';
import type { Closure } from '../closure.ts';
import type { Fact } from '../facts.ts';

const SLICE = 1_000;

/**
 * The root over the logs of some entries (FOLD.md, Z3): of each author the number and hash of its last entry that counts, and the
 * RFC 6962 root over the hashes of its entries up to there.
 */
export const logsRoot = function* ({ facts, forks }: Closure): Sliced<string> {
  const logs = new Map<string, Fact[]>();
  for (const fact of facts) {
    if (fact.seq >= voidFrom(forks.get(fact.author))) continue;
    const log = logs.get(fact.author);
    if (log === undefined) logs.set(fact.author, [fact]);
    else log.push(fact);
  }
  const leaves: Buffer[] = [];
  let done = 0;
  for (const [author, log] of [...logs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    log.sort((a, b) => a.seq - b.seq);
    const hashes: Buffer[] = [];
    for (const { hash } of log) {
      hashes.push(merkleLeaf(Buffer.from(hash, 'hex')));
      if ((done += 1) % SLICE === 0) yield;
    }
    const { seq, hash } = log.at(-1) ?? { seq: 0, hash: '' };
    leaves.push(merkleLeaf(canonicalBytes({ author, hash, root: merkleRoot(hashes).toString('hex'), seq })));
  }
  return merkleRoot(leaves).toString('hex');
};
