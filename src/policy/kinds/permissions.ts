import { z } from 'zod';
import { ROLES } from '../authority/roles.ts';
import { flag, text } from './fields.ts';
import type { PolicyKind } from './kind.ts';

const texts = z.array(text);

/** The root value of a permissions policy. */
export const permissionsSchema = z.looseObject({
  name: text,
  /** Beginnings of commands; `*` for all. */
  enable: texts.optional(),
  disable: texts.optional(),
  /** Names, `*` for all; with `-` before it one is left out. Of tables also `DBMS.TABLE`. */
  databases: texts.optional(),
  tables: texts.optional(),
  /** What is granted to those to whom it is assigned, as a grant says it. */
  roles: z.array(z.enum(ROLES)).optional(),
  types: texts.optional(),
  company: text.optional(),
  cluster: text.optional(),
  grants: flag.optional(),
});

/**
 * What somebody may run and reach at the doors of nodes, and what it may write. It holds for those to whom it is
 * assigned.
 */
export const permissionsKind: PolicyKind = {
  type: 'permissions',
  schema: permissionsSchema,
  isNode: false,
  givesRights: true,
  claims: () => [],
};
