import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseVectors, vectorFile } from '../../../scripts/vectors/entry.ts';
import { AUTHOR_KEYS_CACHED_MAX } from '../../../src/base/limits.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { parseEntry } from '../../../src/entry/check.ts';
import { publicKeyFromHex, signingKeyFromSeed, signWith, verifySignature } from '../../../src/entry/keys.ts';
import { tempDir } from '../../support/temp-dir.ts';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'none';
  } catch (caught) {
    return hasCode(caught, 'ENTRY_KEY_MALFORMED') ? 'ENTRY_KEY_MALFORMED' : String(caught);
  }
};

/** RFC 8032, section 7.1, test 2. */
const RFC_SEED = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb';
const RFC_KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
const RFC_SIGNATURE =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00';

describe('keys', () => {
  test('are those of RFC 8032', () => {
    const key = signingKeyFromSeed(Buffer.from(RFC_SEED, 'hex'));
    expect(key.author).toBe(RFC_KEY);
    expect(Buffer.from(signWith(key, Buffer.from('72', 'hex'))).toString('hex')).toBe(RFC_SIGNATURE);
    expect(verifySignature(RFC_KEY, Buffer.from('72', 'hex'), Buffer.from(RFC_SIGNATURE, 'hex'))).toBe(true);
    expect(verifySignature(RFC_KEY, Buffer.from('73', 'hex'), Buffer.from(RFC_SIGNATURE, 'hex'))).toBe(false);
  });

  test('a seed has 32 bytes', () => {
    for (const bytes of [0, 31, 33, 64])
      expect(codeOf(() => signingKeyFromSeed(new Uint8Array(bytes)))).toBe('ENTRY_KEY_MALFORMED');
  });

  test.each([
    ['upper case', RFC_KEY.toUpperCase()],
    ['too short', RFC_KEY.slice(2)],
    ['no hex', 'z'.repeat(64)],
    ['order 1', `01${'00'.repeat(31)}`],
    ['order 1, with the sign bit', `01${'00'.repeat(30)}80`],
    ['order 2', `ec${'ff'.repeat(30)}7f`],
    ['order 4', '00'.repeat(32)],
    ['order 4, with the sign bit', `${'00'.repeat(31)}80`],
    ['order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
    ['order 8, the other', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
    ['y = p, not reduced', `ed${'ff'.repeat(30)}7f`],
    ['y = p + 1, not reduced', `ee${'ff'.repeat(30)}7f`],
    ['y = 2^255 - 1, not reduced', `ff${'ff'.repeat(30)}ff`],
  ])('a public key of %s is refused, and verifies nothing', (_, author) => {
    expect(codeOf(() => publicKeyFromHex(author))).toBe('ENTRY_KEY_MALFORMED');
    // R the identity, S zero: holds under small-order keys for verifiers that allow them.
    const signature = Buffer.from(`01${'00'.repeat(63)}`, 'hex');
    for (let message = 0; message < 16; message += 1)
      expect(verifySignature(author, Buffer.from([message]), signature)).toBe(false);
  });

  test('a point that is not on the curve verifies nothing', () => {
    const author = `02${'00'.repeat(31)}`;
    expect(() => publicKeyFromHex(author)).not.toThrow();
    expect(verifySignature(author, Buffer.from('a'), new Uint8Array(64))).toBe(false);
  });

  test('a signature of another length does not hold', () => {
    for (const length of [0, 63, 65, 128])
      expect(verifySignature(RFC_KEY, Buffer.from('72', 'hex'), new Uint8Array(length))).toBe(false);
  });

  test('more authors than are cached still verify', () => {
    const message = Buffer.from('m');
    const first = signingKeyFromSeed(seed(1));
    const signature = signWith(first, message);
    expect(verifySignature(first.author, message, signature)).toBe(true);
    for (let number = 0; number <= AUTHOR_KEYS_CACHED_MAX; number += 1)
      verifySignature(number.toString(16).padStart(4, '0').padEnd(64, '1'), message, new Uint8Array());
    expect(verifySignature(first.author, message, signature)).toBe(true);
  });
});

const hasTools = (): boolean => {
  try {
    execFileSync('openssl', ['version']);
    execFileSync('sha256sum', ['--version']);
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(!hasTools())('ordinary tools agree (skipped where openssl or sha256sum is missing)', () => {
  const vectors = parseVectors(readFileSync(vectorFile('valid'), 'utf8')).slice(0, 4);

  test.each(vectors)('on $reason', ({ result, raw }) => {
    const dir = tempDir();
    const { header } = parseEntry(raw);
    const path = (name: string): string => join(dir, name);
    writeFileSync(path('header'), raw.header);
    writeFileSync(path('signature'), raw.signature);
    writeFileSync(path('body'), raw.body);
    writeFileSync(path('key.der'), Buffer.from(`302a300506032b6570032100${header.author}`, 'hex'));
    const sums = execFileSync('sha256sum', [path('header'), path('body')], { encoding: 'utf8' });
    expect(sums.split('\n').map((line) => line.slice(0, 64))).toEqual([result, header.body, '']);
    const verify = (signature: string): string =>
      execFileSync(
        'openssl',
        ['pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', path('key.der'), '-rawin'].concat([
          '-in',
          path('header'),
          '-sigfile',
          signature,
        ]),
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      );
    expect(verify(path('signature'))).toContain('Verified Successfully');
    writeFileSync(
      path('forged'),
      raw.signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
    );
    expect(() => verify(path('forged'))).toThrow();
  });
});
