import type * as Crypto from 'node:crypto';

/**
 * `node:crypto` with a scrypt of a two-thousandth of the cost, for tests of what is done with passwords and not of what
 * a guess costs: `vi.mock('node:crypto', …)`. Another cost gives another hash still.
 */
export const withCheapScrypt = (crypto: typeof Crypto): typeof Crypto => ({
  ...crypto,
  scrypt: ((password, salt, length, { N = 0, ...others }, done) =>
    crypto.scrypt(password, salt, length, { ...others, N: N / 2_048 }, done)) as typeof crypto.scrypt,
});
