import { describe, expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { fromImage, imageOf, transferable } from '../../../src/sqlite/procedure-host.ts';

describe('what crosses a thread', () => {
  test('an error keeps code, text, data, hint and where it was thrown', () => {
    const original = fault('TEST_CODE', 'text', { data: { a: [1] }, hint: 'do this' });
    const copy = fromImage(structuredClone(imageOf(original)));
    expect(copy).toMatchObject({ code: 'TEST_CODE', message: 'text', data: { a: [1] }, hint: 'do this' });
    expect((copy.cause as Error).stack).toBe(original.stack);
    expect((fromImage(imageOf(new TypeError('odd'))).cause as Error).stack).toContain('TypeError: odd');
  });

  test('only byte arrays that are all of their buffer are handed over', () => {
    const whole = new Uint8Array(10);
    expect(transferable(whole)).toEqual([whole.buffer]);
    expect(transferable({ content: whole, again: whole, other: 1 })).toEqual([whole.buffer]);
    expect(transferable([whole, null])).toEqual([whole.buffer]);
    expect(transferable(whole.subarray(1))).toEqual([]);
    expect(transferable(new Uint8Array(new SharedArrayBuffer(8)))).toEqual([]);
    for (const value of [null, undefined, 5, 'text']) expect(transferable(value)).toEqual([]);
  });
});
