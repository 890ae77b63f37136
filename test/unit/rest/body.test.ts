import { expect, test } from 'vitest';
import { BodyBudget } from '../../../src/rest/body.ts';

test('all bodies together hold a bounded number of bytes', () => {
  const budget = new BodyBudget(10);
  const [one, two] = [budget.lease(), budget.lease()];
  one.take(4);
  one.take(4);
  expect(() => two.take(3)).toThrow(expect.objectContaining({ code: 'REST_BUSY' }));
  two.take(2);
  expect(budget.free).toBe(0);
  one.release();
  one.release();
  expect(budget.free).toBe(8);
});
