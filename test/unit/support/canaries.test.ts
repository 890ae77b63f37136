import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { canary, leaksIn } from '../../support/canaries.ts';

const secret = createHash('sha256').update('a secret').digest();
const canaries = [canary('key', secret), canary('password', 'correct-horse')];

test.each([0, 1, 2])('a secret is found in base64 also %i bytes after the beginning of what was encoded', (before) => {
  const encoded = (encoding: BufferEncoding): string =>
    Buffer.concat([Buffer.alloc(before, 'x'), secret, Buffer.from('after')]).toString(encoding);
  expect(leaksIn(`{"x": "${encoded('base64')}"}`, canaries)).toEqual(['key']);
  expect(leaksIn(encoded('base64url'), canaries)).toEqual(['key']);
  expect(leaksIn(encoded('hex'), canaries)).toEqual(['key']);
});

test('a secret is found as it is, in a text and in bytes; nothing else is', () => {
  expect(leaksIn('password = correct-horse', canaries)).toEqual(['password']);
  expect(leaksIn(Buffer.concat([Buffer.alloc(5), secret]), canaries)).toEqual(['key']);
  expect(leaksIn(Buffer.from('ann:correct-horse').toString('base64'), canaries)).toEqual(['password']);
  expect(leaksIn('password = correct-hors, and nothing else', canaries)).toEqual([]);
});
