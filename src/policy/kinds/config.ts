import { z } from 'zod';
import { text } from './fields.ts';
import { claimList, claimOn, type PolicyKind } from './kind.ts';

/** Commands that a node runs at its start; addresses and ports may be `!variables`. */
export const configKind: PolicyKind = {
  type: 'config',
  schema: z.looseObject({ name: text, script: z.array(z.string()).optional() }),
  isNode: false,
  claims: (value) => claimList(claimOn('config', ['name'], value)),
};
