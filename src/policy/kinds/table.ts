import { z } from 'zod';
import { databaseName, tableName, text } from './fields.ts';
import { claimList, claimOn, type PolicyKind } from './kind.ts';

/** The columns of a logical table, the same in every cluster that holds it. */
export const tableKind: PolicyKind = {
  type: 'table',
  schema: z.looseObject({ dbms: databaseName, name: tableName, create: text }),
  isNode: false,
  claims: (value) => claimList(claimOn('table', ['dbms', 'name'], value, 'POLICY_DUPLICATE')),
  identity: ({ dbms = '', name = '' }) => ({ dbms, name }),
};
