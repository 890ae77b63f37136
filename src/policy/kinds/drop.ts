import { z } from 'zod';
import { databaseName, tableName, text } from './fields.ts';
import type { PolicyKind } from './kind.ts';

/** Operators that gave files to a cluster, those that are gone included. */
const ORIGINS_MAX = 512;
/** No operator comes so far; behind it there are numbers enough for one whose files somebody dropped up to here. */
const FILE_MAX = 2 ** 48;
/** Tables that hold no data of users, in the normal form of their names. */
const KEPT = /^(?:sqlite|holdfast)_/;

/**
 * A table was dropped in a cluster: of each origin the files up to that number, as far as they are of the table, have
 * no rows any more, on every operator. What is not named came after it. It cannot be taken back: operators that are
 * away would never hear of it. Where its company is not that of the cluster, it is no drop of its tables: a right to
 * write for one company reaches no other.
 */
export const dropKind: PolicyKind = {
  type: 'drop',
  schema: z.looseObject({
    company: text,
    cluster: text,
    dbms: databaseName.refine((name) => name !== 'almgm', 'almgm holds the TSD tables, which follow from the others'),
    table: tableName.refine((name) => !KEPT.test(name), 'begins with sqlite_ or holdfast_'),
    files: z
      .record(text, z.int().min(1).max(FILE_MAX))
      .refine((files) => Object.keys(files).length <= ORIGINS_MAX, `names more than ${ORIGINS_MAX} operators`),
  }),
  isNode: false,
  isFinal: true,
  claims: () => [],
};
