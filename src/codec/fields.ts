import { z } from 'zod';

const HASH = /^[0-9a-f]{64}$/;

/** Whether it is written as a SHA-256 or a public key is: 64 lower-case hex digits. */
export const isHash = (text: string): boolean => HASH.test(text);

/** A SHA-256 or a public key. */
export const hash = z.string().regex(HASH, 'expected 64 lower-case hex digits');

/** Whether each comes after the one before: in order, and each once. */
export const isAscending = (list: readonly string[]): boolean =>
  list.every((each, at) => at === 0 || (list[at - 1] ?? '') < each);

/** Text that reaches terminals, logs and paths: not empty, no control characters. */
// eslint-disable-next-line no-control-regex -- control characters are what it refuses
export const PLAIN_TEXT = /^[^\u0000-\u001f\u007f]+$/;
