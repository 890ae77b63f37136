import { describe, expect, it } from 'vitest';
import { QUERY_RESULT_BYTES_MAX, QUERY_RESULTS_BYTES_MAX } from '../../../src/base/limits.ts';
import { Budget, ResultRoom } from '../../../src/query/collector.ts';

describe('the bytes that one query may hold', () => {
  it('are bounded over all its parts, and free again when a part is dropped', () => {
    const budget = new Budget(new ResultRoom());
    budget.take(QUERY_RESULT_BYTES_MAX - 1);
    budget.take(1);
    expect(() => budget.take(1)).toThrow(expect.objectContaining({ code: 'QUERY_RESULT_OVERSIZE' }));
    budget.giveBack(QUERY_RESULT_BYTES_MAX);
    expect(() => budget.take(QUERY_RESULT_BYTES_MAX - 1)).not.toThrow();
  });

  it('are bounded over all queries, and free for others when the result of one was read, whatever still comes for it', () => {
    const room = new ResultRoom();
    const [first, second] = [new Budget(room), new Budget(room)];
    first.take(QUERY_RESULT_BYTES_MAX);
    second.take(QUERY_RESULTS_BYTES_MAX - QUERY_RESULT_BYTES_MAX);
    expect(() => second.take(1)).toThrow(expect.objectContaining({ code: 'QUERY_RESULTS_BUSY' }));
    first.seal();
    expect(first.take(QUERY_RESULT_BYTES_MAX)).toBe(0);
    expect(() => second.take(1)).toThrow(expect.objectContaining({ code: 'QUERY_RESULTS_BUSY' }));
    first.close();
    first.giveBack(QUERY_RESULT_BYTES_MAX);
    expect(() =>
      second.take(QUERY_RESULT_BYTES_MAX - (QUERY_RESULTS_BYTES_MAX - QUERY_RESULT_BYTES_MAX)),
    ).not.toThrow();
    expect(() => new Budget(room).take(QUERY_RESULT_BYTES_MAX)).toThrow(
      expect.objectContaining({ code: 'QUERY_RESULTS_BUSY' }),
    );
  });
});
