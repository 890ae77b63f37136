import { joinAddress } from '../base/host.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { Bring, BringItem } from './bring.ts';
import { dateMicros } from './get-compare.ts';
import { type Document, mainOf, textOfValue, valuesAt } from './get-path.ts';
import { childrenOf, type Hierarchy, parentsOf, withObject, withPaths } from './hierarchy.ts';

/** The answer of `blockchain get`: whole policies, one text, any JSON, or a table that is still to be laid out. */
export type BringResult =
  | { readonly kind: 'policies'; readonly policies: readonly JsonObject[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'json'; readonly value: JsonValue }
  | { readonly kind: 'table'; readonly headings: readonly string[]; readonly rows: readonly (readonly JsonValue[])[] };

/** What a bring may ask beside the policies themselves. */
export interface BringContext extends Hierarchy {
  readonly nowMs: number;
  /** The own external ip: a policy with the same one is reached at its `local_ip`. */
  readonly ownIp?: string | undefined;
}

/** The values that an item finds in a document; nothing where it is not there. */
const itemValues = (item: BringItem, document: Document): readonly JsonValue[] => {
  if (item.kind === 'text') return [];
  if (item.kind === 'path') return valuesAt(document, item.path);
  const left = valuesAt(document, item.left);
  const right = valuesAt(document, item.right);
  if (left.length === 0 || right.length === 0) return left.length === 0 ? right : left;
  return [`${textOfValue(left[0] ?? '')}:${textOfValue(right[0] ?? '')}`];
};

/** One value for a cell: several found in a list stay a list. */
const cellOf = (item: BringItem, document: Document): JsonValue | undefined => {
  const values = itemValues(item, document);
  return values.length > 1 ? values : values[0];
};

/** The line of one policy; undefined where none of its paths is there. */
const lineOf = (items: readonly BringItem[], document: Document): string | undefined => {
  let found = !items.some(({ kind }) => kind !== 'text');
  const line = items.map((item) => {
    if (item.kind === 'text') return item.text;
    const values = itemValues(item, document);
    if (values.length > 0) found = true;
    return values.map(textOfValue).join(',');
  });
  return found ? line.join('') : undefined;
};

const nameOf = (item: BringItem): string => {
  if (item.kind === 'text') return item.text;
  const { names } = item.kind === 'path' ? item.path : item.left;
  const name = names.at(-1);
  return name === undefined ? 'type' : name === '*' ? 'policy' : name;
};

/** One name an item; where two items end in the same name, as those of a join do, each is named by its whole path. */
const namesOf = (items: readonly BringItem[]): readonly string[] => {
  const short = items.map(nameOf);
  return items.map((item, at) => {
    const name = short[at] ?? '';
    const isShared = short.filter((other) => other === name).length > 1;
    return isShared && item.kind === 'path' && item.path.names.length > 1 ? item.path.names.join('.') : name;
  });
};

const compareValues = (a: JsonValue | undefined, b: JsonValue | undefined): number => {
  if (a === undefined || b === undefined) return (a === undefined ? 1 : 0) - (b === undefined ? 1 : 0);
  const [left, right] = [textOfValue(a), textOfValue(b)];
  const [x, y] = [Number(left), Number(right)];
  if (left !== '' && right !== '' && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return left < right ? -1 : left > right ? 1 : 0;
};

const dateOf = (document: Document, nowMs: number): number => {
  const { date } = mainOf(document);
  return (typeof date === 'string' ? dateMicros(date, nowMs) : undefined) ?? 0;
};

/** The policies that the variants leave or lead to. */
const chosen = (documents: readonly Document[], { variants }: Bring, context: BringContext): readonly Document[] => {
  let left = documents;
  if (variants.has('children')) left = childrenOf(left, context);
  if (variants.has('parents')) left = parentsOf(left, context);
  if (variants.has('paths')) left = withPaths(left, context);
  if (variants.has('extend')) left = withObject(left, context);
  const newest = variants.has('recent') || variants.has('last');
  if (!newest && !variants.has('first')) return left;
  let best: { readonly document: Document; readonly date: number } | undefined;
  for (const document of left) {
    const date = dateOf(document, context.nowMs);
    // Of equal dates the first in the ledger's order is the oldest, the last the newest.
    if (best === undefined || (newest ? date >= best.date : date < best.date)) best = { document, date };
  }
  return best === undefined ? [] : [best.document];
};

const sorted = (documents: readonly Document[], { variants, sort, items }: Bring): readonly Document[] => {
  if (!variants.has('sort')) return documents;
  const paths = items.filter(({ kind }) => kind !== 'text');
  const columns = sort.length > 0 ? sort : [...paths.keys()];
  return [...documents].sort((a, b) => {
    for (const column of columns) {
      const item = paths[column];
      const order = item === undefined ? 0 : compareValues(cellOf(item, a), cellOf(item, b));
      if (order !== 0) return order;
    }
    return 0;
  });
};

const addressOf = ({ root, sides }: Document, ownIp: string | undefined): string | undefined =>
  (sides ?? [root]).map((side) => addressIn(side, ownIp)).find((address) => address !== undefined);

const addressIn = (root: JsonObject, ownIp: string | undefined): string | undefined => {
  const local = root['local_ip'] ?? root['internal_ip'] ?? root['local ip'];
  const ip = ownIp !== undefined && root['ip'] === ownIp && typeof local === 'string' ? local : root['ip'];
  const { port } = root;
  const isPort = typeof port === 'number' || typeof port === 'string';
  return typeof ip === 'string' && isPort ? joinAddress({ host: ip, port }) : undefined;
};

const objectOf = (items: readonly BringItem[], document: Document, keepMissing: boolean): JsonObject | undefined => {
  const members: [string, JsonValue][] = [];
  const paths = items.filter(({ kind }) => kind !== 'text');
  const names = namesOf(paths);
  for (const [at, item] of paths.entries()) {
    const cell = cellOf(item, document);
    if (cell !== undefined) members.push([names[at] ?? '', cell]);
    else if (keepMissing) members.push([names[at] ?? '', '']);
  }
  return members.length === 0 ? undefined : Object.fromEntries(members);
};

/** The first of each. */
const uniqueBy = <T>(values: readonly T[], keyOf: (value: T) => string): readonly T[] => {
  const seen = new Set<string>();
  return values.filter((value) => {
    const key = keyOf(value);
    return !seen.has(key) && seen.add(key);
  });
};

const tableOf = (documents: readonly Document[], { variants, items }: Bring): BringResult => {
  const paths = items.filter(({ kind }) => kind !== 'text');
  const rows = documents
    .map((document) => paths.map((item) => cellOf(item, document)))
    .filter((row) => variants.has('null') || row.some((cell) => cell !== undefined))
    .map((row) => row.map((cell) => cell ?? ''));
  const headings = namesOf(paths).map((name) => name.charAt(0).toUpperCase() + name.slice(1));
  return {
    kind: 'table',
    headings,
    rows: variants.has('unique') ? uniqueBy(rows, (row) => JSON.stringify(row)) : rows,
  };
};

const jsonOf = (documents: readonly Document[], { variants, items }: Bring): BringResult => {
  const objects =
    items.length === 0
      ? documents.map(({ policy }) => policy)
      : documents
          .map((document) => objectOf(items, document, variants.has('null')))
          .filter((value) => value !== undefined);
  const value = variants.has('unique') ? uniqueBy(objects, (object) => JSON.stringify(object)) : objects;
  return { kind: 'json', value };
};

const extremeOf = (documents: readonly Document[], { variants, items }: Bring): BringResult => {
  const values = items
    .filter(({ kind }) => kind !== 'text')
    .slice(0, 1)
    .flatMap((item) => documents.flatMap((document) => itemValues(item, document)))
    .sort(compareValues);
  const extreme = variants.has('min') ? values[0] : values.at(-1);
  return { kind: 'text', text: extreme === undefined ? '' : textOfValue(extreme) };
};

const linesOf = (
  documents: readonly Document[],
  { variants, items }: Bring,
  ownIp: string | undefined,
): readonly string[] => {
  const lines = documents
    .map((document) =>
      items.length === 0 && variants.has('ip_port') ? addressOf(document, ownIp) : lineOf(items, document),
    )
    .map((line) => (line === undefined && variants.has('null') ? '' : line))
    .filter((line) => line !== undefined);
  return variants.has('unique') ? [...new Set(lines)] : lines;
};

const countOf = (documents: readonly Document[], bring: Bring, ownIp: string | undefined): BringResult => {
  const count = bring.items.length === 0 ? documents.length : linesOf(documents, bring, ownIp).length;
  return bring.variants.has('json') ? { kind: 'json', value: [{ count }] } : { kind: 'text', text: String(count) };
};

const listOf = (documents: readonly Document[], bring: Bring, ownIp: string | undefined): BringResult =>
  bring.items.length === 0 && !bring.variants.has('ip_port')
    ? { kind: 'json', value: documents.map(({ policy }) => policy) }
    : { kind: 'json', value: linesOf(documents, bring, ownIp) };

/** Takes out of policies, or of what a join made of them, what a bring asks for. Pure. */
export const applyBring = (given: readonly Document[], bring: Bring, context: BringContext): BringResult => {
  const { variants, items } = bring;
  const documents = sorted(chosen(given, bring, context), bring);
  if (variants.has('count')) return countOf(documents, bring, context.ownIp);
  if (variants.has('min') || variants.has('max')) return extremeOf(documents, bring);
  if (variants.has('table')) return tableOf(documents, bring);
  if (variants.has('json')) return jsonOf(documents, bring);
  if (variants.has('list')) return listOf(documents, bring, context.ownIp);
  if (items.length === 0 && !variants.has('ip_port')) {
    const whole = documents.map(({ policy }) => policy);
    return {
      kind: 'policies',
      policies: variants.has('unique') ? uniqueBy(whole, (policy) => JSON.stringify(policy)) : whole,
    };
  }
  const separator = bring.separator ?? (variants.has('ip_port') ? ',' : '');
  return { kind: 'text', text: linesOf(documents, bring, context.ownIp).join(separator) };
};
