import { z } from 'zod';
import { dataName, text } from './fields.ts';
import { claimList, claimOn, type PolicyKind } from './kind.ts';

/** The columns of a logical table, the same in every cluster that holds it. */
export const tableKind: PolicyKind = {
  type: 'table',
  schema: z.looseObject({ dbms: dataName, name: dataName, create: text }),
  isNode: false,
  claims: (value) => claimList(claimOn('table', ['dbms', 'name'], value, 'POLICY_DUPLICATE')),
  identity: ({ dbms = '', name = '' }) => ({ dbms, name }),
};
