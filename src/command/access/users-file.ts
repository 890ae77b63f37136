import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fault, systemCode, textOf, type HoldfastError } from '../../base/errors.ts';
import { USERS_MAX } from '../../base/limits.ts';
import { hash } from '../../codec/fields.ts';
import type { PasswordHash } from './password.ts';

/** `user`: all commands but those by which an `admin` says who may do what, ends or copies the node, and does what cannot be undone. */
export const USER_TYPES = ['user', 'admin'] as const;

/** A user of REST as others may see it. */
export interface User {
  readonly name: string;
  readonly type: (typeof USER_TYPES)[number];
  /** Milliseconds since 1970; undefined where it does not end. */
  readonly expires: number | undefined;
  /** Id of the permissions policy that it goes by; absent for who may do all that its type may. */
  readonly permissions?: string | undefined;
  /** SHA-256 of the public key of the TLS certificate by which it is let in, 64 hex digits; absent for who has a password alone. */
  readonly key?: string | undefined;
}

/** A user as the file has it. */
export interface Kept extends User {
  readonly password?: PasswordHash | undefined;
}

const hex = z.string().regex(/^(?:[0-9a-f]{2})+$/);
const fileSchema = z.strictObject({
  v: z.literal(1),
  users: z
    .array(
      z.strictObject({
        name: z.string(),
        type: z.enum(USER_TYPES),
        expires: z.number().optional(),
        permissions: z.string().optional(),
        key: hash.optional(),
        password: z
          .strictObject({
            salt: hex,
            hash: hex,
            // So that a file that was written to cannot make a check take all memory.
            N: z.int().max(1_048_576),
            r: z.int().max(16),
            p: z.int().max(16),
          })
          .optional(),
      }),
    )
    .max(USERS_MAX),
});

/** Nobody where there is no file. `NODE_DIR_UNUSABLE` where it is damaged. */
export const readUsers = async (path: string): Promise<readonly Kept[]> => {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return [];
    throw unreadable(path, caught);
  }
  try {
    return fileSchema.parse(JSON.parse(text)).users.map((user) => ({ ...user, expires: user.expires }));
  } catch (caught) {
    // What JSON.parse says quotes what it stumbled over, which may be of a password's hash.
    throw unreadable(path, caught instanceof SyntaxError ? 'it is not JSON' : caught);
  }
};

const unreadable = (path: string, caught: unknown): HoldfastError =>
  fault('NODE_DIR_UNUSABLE', `the users in ${path} cannot be read: ${textOf(caught)}`, {
    hint: 'restore the file, or remove it: then there are no users, and the token still lets you in',
    cause: caught,
  });
