import { expect, test } from 'vitest';
import type { RawEntry } from '../../../src/entry/entry.ts';
import { onItsOwn, rawBytes } from '../../../src/ledger/own-bytes.ts';

/** Header, signature and body of 3, 2 and 4 bytes, cut from something from an offset on. */
const cutFrom = (memory: Buffer, from: number): RawEntry => ({
  header: memory.subarray(from, from + 3),
  signature: memory.subarray(from + 3, from + 5),
  body: memory.subarray(from + 5, from + 9),
});
const memory = Buffer.from(Uint8Array.from({ length: 1_000 }, (_, at) => at % 251).buffer);

test('an entry that is cut from something larger gets memory of its own', () => {
  const offered = cutFrom(memory, 500);
  const own = onItsOwn(offered);
  for (const piece of ['header', 'signature', 'body'] as const) {
    expect(own[piece]).toEqual(offered[piece]);
    expect(own[piece].buffer.byteLength).toBe(rawBytes(offered));
  }
});

test('one that has its own is not copied again', () => {
  const own = onItsOwn(cutFrom(memory, 7));
  expect(onItsOwn(own)).toBe(own);
});

test('one whose pieces lie in several places is moved together', () => {
  const { header, signature, body } = onItsOwn(cutFrom(memory, 7));
  const apart = { header, signature, body: Buffer.concat([body]) };
  const own = onItsOwn(apart);
  expect(own).toEqual(apart);
  expect(own.body.buffer).toBe(own.header.buffer);
});
