import { describe, expect, it } from 'vitest';
import { QUERY_RESULT_BYTES_MAX } from '../../../src/base/limits.ts';
import { Budget } from '../../../src/query/collector.ts';

describe('the bytes that one query may hold', () => {
  it('are bounded over all its parts, and free again when a part is dropped', () => {
    const budget = new Budget();
    budget.take(QUERY_RESULT_BYTES_MAX - 1);
    budget.take(1);
    expect(() => budget.take(1)).toThrow(expect.objectContaining({ code: 'QUERY_RESULT_OVERSIZE' }));
    budget.giveBack(QUERY_RESULT_BYTES_MAX);
    expect(() => budget.take(QUERY_RESULT_BYTES_MAX - 1)).not.toThrow();
  });
});
