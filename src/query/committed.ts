import { QUERY_COMMITTED_RANGES_MAX } from '../base/limits.ts';
import type { FileRanges, Holdings } from '../operator/file-record.ts';
import { countRanges } from '../operator/ranges.ts';
import type { ClusterInfo } from '../topology/topology.ts';
import { column, type Expression, number } from './sql/ast.ts';

/**
 * The condition that a row is of a file in `holdings`: rows name their file by the origin's member number and the file
 * id. Of files in many stretches only the first are named: what is left out was not yet held by all for long.
 */
export const committedCondition = (cluster: ClusterInfo, holdings: Holdings): Expression => {
  const origins = cluster.operators.flatMap(({ id, member }): Expression[] => {
    const ranges = holdings.get(id) ?? [];
    if (ranges.length === 0) return [];
    const own: Expression = {
      kind: 'binary',
      operator: '=',
      left: column('tsd_name'),
      right: { kind: 'text', value: String(member) },
    };
    return [{ kind: 'chain', operator: 'AND', terms: [own, inRanges(ranges)] }];
  });
  return anyOf(origins);
};

/**
 * How many files are held by all whose rows the condition cannot name: the policy of their origin is gone, and its
 * number with it.
 */
export const unnamedFiles = (cluster: ClusterInfo, holdings: Holdings): number => {
  const members = new Set(cluster.operators.map(({ id }) => id));
  return [...holdings].reduce((sum, [origin, ranges]) => sum + (members.has(origin) ? 0 : countRanges(ranges)), 0);
};

const inRanges = (ranges: FileRanges): Expression =>
  anyOf(
    ranges.slice(0, QUERY_COMMITTED_RANGES_MAX).map(([low, high]) => ({
      kind: 'between',
      negated: false,
      operand: column('tsd_id'),
      low: number(low),
      high: number(high),
    })),
  );

/** Nothing holds where there are no terms. */
const anyOf = (terms: readonly Expression[]): Expression => {
  const [only] = terms;
  if (only === undefined) return number(0);
  return terms.length === 1 ? only : { kind: 'chain', operator: 'OR', terms };
};
