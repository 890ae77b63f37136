import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../src/operator/contents.ts';

describe('room for contents', () => {
  it('who finds none waits, in order of arrival', async () => {
    const budget = new ByteBudget(10);
    const went: string[] = [];
    const first = await budget.take(8);
    const second = budget.take(4).then((leave) => (went.push('second'), leave));
    const third = budget.take(1).then((leave) => (went.push('third'), leave));
    expect(budget.waiting).toBe(2);
    first();
    for (const leave of await Promise.all([second, third])) leave();
    expect(went).toEqual(['second', 'third']);
    expect(budget.waiting).toBe(0);
  });

  it('content larger than all room goes alone', async () => {
    const budget = new ByteBudget(10);
    const leave = await budget.take(100);
    const small = budget.take(1);
    expect(budget.waiting).toBe(1);
    leave();
    (await small)();
  });
});
