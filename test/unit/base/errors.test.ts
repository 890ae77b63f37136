import { expect, test } from 'vitest';
import { asFault, textOf } from '../../../src/base/errors.ts';

test('the text of an event is that of its error, or its kind', () => {
  const event = Object.assign(new Event('close'), { error: new Error('the stream was reset') });
  expect(textOf(event)).toBe('the stream was reset');
  expect(asFault(new Event('close')).message).toBe('it ended with close');
  expect([textOf(new Error('no')), textOf('no'), textOf(undefined)]).toEqual(['no', 'no', 'undefined']);
});
