import { z } from 'zod';
import { databaseName, tableName, text } from './fields.ts';
import type { PolicyKind } from './kind.ts';

/** Operators that gave files to a cluster, those that are gone included. */
const ORIGINS_MAX = 512;

/**
 * A table was dropped in a cluster: of each origin the files up to that number, as far as they are of the table, have no rows any more,
 * on every operator. What is not named came after it. It cannot be taken back: operators that are away would never hear of it.
 */
export const dropKind: PolicyKind = {
  type: 'drop',
  schema: z.looseObject({
    company: text.optional(),
    cluster: text,
    dbms: databaseName,
    table: tableName,
    files: z
      .record(text, z.int().min(1))
      .refine((files) => Object.keys(files).length <= ORIGINS_MAX, `names more than ${ORIGINS_MAX} operators`),
  }),
  isNode: false,
  isFinal: true,
  claims: () => [],
};
