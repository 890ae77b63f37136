import { z } from 'zod';
import { publicKey, text } from './fields.ts';
import type { PolicyKind } from './kind.ts';

/** The root value of an assignment. */
export const assignmentSchema = z.looseObject({
  /** Id of a permissions policy. */
  permissions: text,
  /** Keys: of nodes, or as member policies of certificates have them. */
  members: z.array(publicKey),
  /** It holds at the doors of nodes of such companies, of operators of that cluster, alone. */
  company: text.optional(),
  cluster: text.optional(),
});

/** Gives permissions to keys. */
export const assignmentKind: PolicyKind = {
  type: 'assignment',
  schema: assignmentSchema,
  isNode: false,
  givesRights: true,
  claims: () => [],
};
