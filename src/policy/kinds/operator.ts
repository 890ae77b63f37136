import { z } from 'zod';
import { text } from './fields.ts';
import type { PolicyKind } from './kind.ts';
import { nodeClaims, nodeFields } from './node.ts';

/** Member numbers fit `char(3)` columns and one byte of old file names. */
export const MEMBER_MAX = 255;

const member = z.preprocess(
  (value) => (typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value),
  z.int().min(1).max(MEMBER_MAX),
);

/** A node that holds the data of exactly one cluster. */
export const operatorKind: PolicyKind = {
  type: 'operator',
  // The documented sample has neither company nor name: accepted, with a warning.
  schema: z.looseObject({
    ...nodeFields,
    company: text.optional(),
    name: text.optional(),
    cluster: text,
    member: member.optional(),
  }),
  isNode: true,
  claims: (value) => nodeClaims('operator', value),
  warnings: (value) =>
    ['company', 'name']
      .filter((attribute) => value[attribute] === undefined)
      .map((attribute) => `the operator policy has no ${attribute}: commands and reports will show it by its address`),
};
