import { z } from 'zod';

/** Text that is there. */
export const text = z.string().min(1);

/** A TCP port as a number; scripts quote it. */
export const port = z.preprocess(
  (value) => (typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value),
  z.int().min(1).max(65_535),
);

/** `true`, or `"true"` as scripts write it. */
export const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());

/** An Ed25519 public key. */
export const publicKey = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits');

/** The name of a logical database: it becomes the name of a file. The command language has names in lower case. */
export const databaseName = z
  .string()
  .regex(/^[A-Za-z0-9_]{1,64}$/, 'must be letters a-z, digits or _, at most 64')
  .transform((name) => name.toLowerCase());

/**
 * The name of a table. It becomes a part of file names (`dbms.table.source…`) and of SQL, so what has a meaning there
 * is refused.
 */
export const tableName = z
  .string()
  .regex(
    /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_$-]{0,62}$/u,
    'must be letters, digits, _, $ or -, at most 63, and not begin with $ or -',
  )
  .transform((name) => name.normalize('NFC').toLowerCase());
