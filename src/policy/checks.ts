import { asFault, fault } from '../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import type { PolicyBook, PolicyState } from './book.ts';
import { documentOf } from './get-path.ts';
import { type Change, differences } from './history.ts';
import { describeKey } from './kinds/kind.ts';
import { kindOf, NODE_TYPES } from './kinds/registry.ts';
import { nameKeys } from './names.ts';
import { CLUSTER_STATUS, objectionsTo } from './objections.ts';
import { normalValue } from './shape.ts';

/** `blockchain test`: what is wrong with the policies in force, one sentence each; nothing means True. */
export const testBook = (book: PolicyBook): readonly string[] => {
  const problems: string[] = [];
  const holders = new Map<string, string>();
  for (const state of book.ofType()) {
    const { type, id, value } = state;
    problems.push(...objectionsTo(book, state).map(({ text }) => `policy ${id}: ${text}`));
    try {
      normalValue(type, value);
    } catch (caught) {
      problems.push(`policy ${id}: ${asFault(caught).message}`);
    }
    for (const { key } of kindOf(type)?.claims(value) ?? []) {
      const holder = holders.get(key);
      if (holder !== undefined) problems.push(`policy ${id}: ${describeKey(key)} is also held by policy ${holder}`);
      holders.set(key, id);
    }
    for (const key of nameKeys(type, value)) {
      const holder = holders.get(key);
      if (holder !== undefined) problems.push(`policy ${id}: a ${type} of that name is policy ${holder}, too`);
      holders.set(key, id);
    }
  }
  return problems;
};

/** The documented answer of `blockchain test cluster` where nothing is wrong. */
export const CLUSTERS_OK = 'Blockchain cluster policies status: OK';

const isText = (value: JsonValue | undefined): boolean => typeof value === 'string' && value !== '';

const tableProblems = (id: string, table: JsonValue | undefined): readonly string[] => {
  if (table === undefined) return [];
  if (!Array.isArray(table)) return [`cluster ${id}: "table" is not a list`];
  return (table as readonly JsonValue[]).flatMap((entry, index) => {
    const at = `cluster ${id}: entry ${index + 1} of "table"`;
    if (!isJsonObject(entry)) return [`${at} is not an object`];
    const missing = ['name', 'dbms'].filter((attribute) => !isText(entry[attribute]));
    if (missing.length > 0) return [`${at} has no ${missing.join(' and no ')}`];
    const { status } = entry;
    const known = status === undefined || CLUSTER_STATUS.includes(status);
    return known ? [] : [`${at} has the status ${JSON.stringify(status)}, not active, static or down`];
  });
};

const parentProblems = (book: PolicyBook, { id, value }: PolicyState): readonly string[] => {
  const { parent } = value;
  if (typeof parent !== 'string') return [];
  const above = book.get(parent);
  if (above?.type !== 'cluster') return [`cluster ${id}: its parent ${parent} is not in the ledger`];
  return above.value['name'] === value['name'] && above.value['company'] === value['company']
    ? []
    : [`cluster ${id}: name or company differ from those of its parent ${parent}`];
};

const clusterProblems = (book: PolicyBook, state: PolicyState): readonly string[] => {
  const { id, value } = state;
  const problems: string[] = [];
  if (!isText(value['name'])) problems.push(`cluster ${id}: it has no name`);
  const { status } = value;
  if (status === undefined || !CLUSTER_STATUS.includes(status))
    problems.push(`cluster ${id}: the status is ${JSON.stringify(status ?? null)}, not active, static or down`);
  return [...problems, ...tableProblems(id, value['table']), ...parentProblems(book, state)];
};

/**
 * `blockchain test cluster`: everything that is wrong with clusters and with operators that name one; nothing means
 * {@link CLUSTERS_OK}. Throws `POLICY_UNKNOWN` where there is no cluster policy.
 */
export const testClusters = (book: PolicyBook): readonly string[] => {
  const clusters = book.ofType('cluster');
  if (clusters.length === 0)
    throw fault('POLICY_UNKNOWN', 'there are no cluster policies', {
      hint: 'insert one: blockchain insert where policy = {"cluster": {"company": …, "name": …}} and local = true',
    });
  const mains = new Map<string, string>();
  const operators = book.ofType('operator').flatMap((state) => {
    const { id, value } = state;
    const cluster = typeof value['cluster'] === 'string' ? value['cluster'] : '';
    if (book.get(cluster)?.type !== 'cluster') return [`operator ${id}: its cluster ${cluster} is not in the ledger`];
    const odd = objectionsTo(book, state).map(({ text }) => `operator ${id}: ${text}`);
    if (value['main'] !== true) return odd;
    const other = mains.get(cluster);
    mains.set(cluster, id);
    return other === undefined ? odd : [...odd, `cluster ${cluster}: operators ${other} and ${id} are both main`];
  });
  return [...clusters.flatMap((state) => clusterProblems(book, state)), ...operators];
};

/** References of a policy in force to policies that are not there, for node, cluster and operator policies. */
export const danglingOf = (
  book: PolicyBook,
): readonly { readonly id: string; readonly attribute: string; readonly to: string }[] =>
  ['cluster', ...NODE_TYPES].flatMap((type) =>
    book.ofType(type).flatMap(({ id, value }) =>
      ['parent', 'cluster'].flatMap((attribute) => {
        const to = value[attribute];
        return typeof to === 'string' && book.get(to) === undefined ? [{ id, attribute, to }] : [];
      }),
    ),
  );

/** One pair of `get policies diff` that differs. */
export interface PolicyDifference {
  /** Number of the pair, from 0. */
  readonly pair: number;
  readonly types: readonly [string, string];
  readonly changes: readonly Change[];
}

/**
 * `get policies diff`: attribute by attribute, pair by pair; one policy may stand against a list. Throws
 * `POLICY_STRUCTURE` for lists of different length.
 */
export const diffPolicies = (
  left: readonly JsonObject[],
  right: readonly JsonObject[],
): readonly PolicyDifference[] => {
  const pairs = Math.max(left.length, right.length);
  if (
    left.length === 0 ||
    right.length === 0 ||
    (left.length !== right.length && left.length !== 1 && right.length !== 1)
  )
    throw fault('POLICY_STRUCTURE', `${left.length} policies cannot be compared with ${right.length}`, {
      data: { left: left.length, right: right.length },
      hint: 'give two policies, two lists of the same length, or one policy and a list',
    });
  return Array.from({ length: pairs }, (_, pair) => {
    const [a, b] = [left[left.length === 1 ? 0 : pair], right[right.length === 1 ? 0 : pair]].map((policy) =>
      documentOf(policy ?? {}),
    );
    const types = [a?.type ?? '', b?.type ?? ''] as const;
    return { pair, types, changes: differences(a?.root ?? {}, b?.root ?? {}) };
  }).filter(({ types, changes }) => types[0] !== types[1] || changes.length > 0);
};
