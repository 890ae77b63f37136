import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../codec/json.ts';
import { databaseName, tableName, text } from './fields.ts';
import { claimList, claimOn, type PolicyKind } from './kind.ts';

const tableEntry = z.looseObject({ dbms: databaseName, name: tableName, status: z.string().default('active') });

const schema = z
  .looseObject({
    company: text,
    name: text,
    parent: text.optional(),
    status: z.string().default('active'),
    table: z.array(tableEntry).optional(),
  })
  .refine(({ table = [] }) => new Set(table.map((entry) => `${entry.dbms}.${entry.name}`)).size === table.length, {
    path: ['table'],
    message: 'names a table twice',
  });

/** The table list of a cluster policy in normal form. */
const clusterTables = (value: JsonObject): readonly JsonObject[] => {
  const list = value['table'];
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
};

/** A logical part of the data. One that names a `parent` adds tables to it and holds each of them alone. */
export const clusterKind: PolicyKind = {
  type: 'cluster',
  schema,
  isNode: false,
  claims(value) {
    const { parent } = value;
    if (parent === undefined) return claimList(claimOn('cluster', ['company', 'name'], value));
    return claimList(
      ...clusterTables(value).map(({ dbms, name }) =>
        claimOn('cluster', ['parent', 'dbms', 'table'], { parent, dbms, table: name }, 'POLICY_DUPLICATE'),
      ),
    );
  },
  // Two operators of a cluster that meet a new table at the same time publish the same child by construction.
  identity({ company = '', name = '', parent, ...rest }) {
    const table = clusterTables(rest).map(({ dbms = '', name: of = '' }) => ({ dbms, name: of }));
    return { company, name, ...(parent === undefined ? {} : { parent }), ...(table.length === 0 ? {} : { table }) };
  },
};
