import { createHmac, scrypt, timingSafeEqual } from 'node:crypto';

/** The cost of one guess: 32 MiB and about 0.2 s of a core. */
const COST = { N: 32_768, r: 8, p: 3 } as const;
const KEY_BYTES = 32;
/** Chance that goes into each hash, so that equal passwords have different ones. */
export const SALT_BYTES = 16;

/** What is kept of a password. Texts are hexadecimal; the cost is kept so that a later one can be higher. */
export interface PasswordHash {
  readonly salt: string;
  readonly hash: string;
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

const derive = (
  password: string,
  salt: Uint8Array,
  { N, r, p }: Pick<PasswordHash, 'N' | 'r' | 'p'>,
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { N, r, p, maxmem: 256 * N * r };
    scrypt(password.normalize('NFC'), salt, KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });

/** `salt`: SALT_BYTES of chance. */
export const hashPassword = async (password: string, salt: Uint8Array): Promise<PasswordHash> => {
  const hash = await derive(password, salt, COST);
  return { ...COST, salt: Buffer.from(salt).toString('hex'), hash: hash.toString('hex') };
};

/** Takes as long for a wrong password as for the right one; without a hash (no such user) too, and is then false. */
export const passwordHolds = async (password: string, kept: PasswordHash | undefined): Promise<boolean> => {
  const { salt, hash, ...cost } = kept ?? { ...COST, salt: '00'.repeat(SALT_BYTES), hash: '' };
  const derived = await derive(password, Buffer.from(salt, 'hex'), cost);
  const expected = Buffer.from(hash, 'hex');
  return expected.length === derived.length && timingSafeEqual(derived, expected);
};

/** A short mark of a password that was found right, under a key that leaves this process with it. */
export const passwordMark = (key: Uint8Array, password: string): Buffer =>
  createHmac('sha256', key).update(password.normalize('NFC')).digest();
