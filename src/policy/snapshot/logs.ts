import type { Sliced } from '../../base/slices.ts';
import { voidFrom } from '../../ledger/chain.ts';
import { CoveredLogs } from '../../ledger/cover.ts';
import type { Closure } from '../closure.ts';
import type { Fact } from '../facts.ts';

const SLICE = 1_000;

/** The logs of some entries as a snapshot names them (FOLD.md, Z3): of each author the entries that count. */
export const coveredLogs = function* ({ facts, forks }: Closure): Sliced<CoveredLogs> {
  const byAuthor = new Map<string, Fact[]>();
  for (const fact of facts) {
    if (fact.seq >= voidFrom(forks.get(fact.author))) continue;
    const log = byAuthor.get(fact.author);
    if (log === undefined) byAuthor.set(fact.author, [fact]);
    else log.push(fact);
  }
  const logs = new CoveredLogs();
  for (const [author, log] of byAuthor) {
    log.sort((a, b) => a.seq - b.seq);
    for (let at = 0; at < log.length; at += SLICE) {
      yield;
      logs.add(
        author,
        Buffer.from(
          log
            .slice(at, at + SLICE)
            .map(({ hash }) => hash)
            .join(''),
          'hex',
        ),
      );
    }
  }
  return logs;
};

/** The root over them. */
export const logsRoot = function* (closure: Closure): Sliced<string> {
  const logs = yield* coveredLogs(closure);
  return yield* logs.root();
};
