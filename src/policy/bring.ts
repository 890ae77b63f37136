import { fault } from '../base/errors.ts';
import { joinAddress } from '../base/host.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { type Document, mainOf, type Path, readPath, syntax, textOfValue, valuesAt } from './get-path.ts';
import { dateMicros } from './get-compare.ts';
import { childrenOf, type Hierarchy, parentsOf, withObject, withPaths } from './hierarchy.ts';

const VARIANTS = [
  'unique',
  'recent',
  'last',
  'first',
  'json',
  'list',
  'table',
  'count',
  'null',
  'ip_port',
  'sort',
  'min',
  'max',
  'children',
  'parents',
  'paths',
  'extend',
] as const;
export type BringVariant = (typeof VARIANTS)[number];

/** Variants that say enough without a path. */
const WITHOUT_ITEMS: readonly BringVariant[] = [
  'first',
  'recent',
  'last',
  'unique',
  'json',
  'list',
  'count',
  'ip_port',
  'children',
  'parents',
  'paths',
  'extend',
];

/** A path, two paths joined by a colon in one word (`[ip]:[port]`), or text that is copied. */
export type BringItem =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'pair'; readonly left: Path; readonly right: Path }
  | { readonly kind: 'text'; readonly text: string };

/** What `bring` asks for. */
export interface Bring {
  readonly variants: ReadonlySet<BringVariant>;
  /** Columns of `sort(n, …)`, from 0; empty: all in their order. */
  readonly sort: readonly number[];
  readonly items: readonly BringItem[];
  readonly separator: string | undefined;
}

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

const HINT = 'for example: bring.unique [*][ip] : [*][port] separator = ,';

const HEAD = /^bring((?:\s*\.\s*[a-z_]+(?:\s*\([^)]*\))?)*)/i;
const VARIANT = /\.\s*([a-z_]+)(?:\s*\(([^)]*)\))?/gi;

const isVariant = (name: string): name is BringVariant => (VARIANTS as readonly string[]).includes(name);

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\n', '\n'],
  ['\\t', '\t'],
]);

const unquoted = (text: string): string => {
  const quote = text[0];
  return text.length > 1 && (quote === '"' || quote === "'") && text.endsWith(quote) ? text.slice(1, -1) : text;
};

const readVariants = (text: string): Pick<Bring, 'variants' | 'sort'> => {
  const variants = new Set<BringVariant>();
  let sort: readonly number[] = [];
  for (const [, name = '', argument] of text.matchAll(VARIANT)) {
    const variant = name.toLowerCase();
    if (!isVariant(variant))
      throw fault('POLICY_GET_SYNTAX', `bring.${variant.slice(0, 40)} is not known`, {
        hint: `one of ${VARIANTS.join(', ')}`,
      });
    if (argument !== undefined) sort = readSort(variant, argument);
    variants.add(variant);
  }
  return { variants, sort };
};

const readSort = (variant: string, argument: string): readonly number[] => {
  const columns = argument.split(',').map((column) => Number(column.trim()));
  if (variant !== 'sort' || columns.some((column) => !Number.isInteger(column) || column < 0))
    throw syntax(
      `bring.${variant} does not take (${argument})`,
      '',
      'sort takes column numbers from 0: bring.table.sort(1,0)',
    );
  return columns;
};

const SEPARATOR = /\sseparator\s*=\s*("[^"]*"|'[^']*'|\S+)\s*$/i;

const readItem = (text: string, at: number): { readonly item: BringItem; readonly end: number } => {
  const char = text.charAt(at);
  if (char === '[') {
    const left = readPath(text, at);
    if (text.startsWith(':[', left.end)) {
      const right = readPath(text, left.end + 1);
      return { item: { kind: 'pair', left: left.path, right: right.path }, end: right.end };
    }
    return { item: { kind: 'path', path: left.path }, end: left.end };
  }
  if (char === '"' || char === "'") {
    const close = text.indexOf(char, at + 1);
    if (close < 0) throw syntax('a quote is not closed', text.slice(at), HINT);
    return { item: { kind: 'text', text: text.slice(at + 1, close) }, end: close + 1 };
  }
  const word = /^[^\s["']+/.exec(text.slice(at))?.[0] ?? char;
  return { item: { kind: 'text', text: word }, end: at + word.length };
};

/** Reads `bring…` to the end of the line. Throws `POLICY_GET_SYNTAX`. */
export const parseBring = (text: string): Bring => {
  const head = HEAD.exec(text);
  if (head === null) throw syntax('"bring" expected', text, HINT);
  const { variants, sort } = readVariants(head[1] ?? '');
  let rest = ` ${text.slice(head[0].length)}`;
  const separated = SEPARATOR.exec(rest);
  if (separated !== null) rest = rest.slice(0, separated.index);
  const written = separated?.[1];
  const items: BringItem[] = [];
  for (let at = 0; at < rest.length;) {
    if (/\s/.test(rest.charAt(at))) {
      at += 1;
      continue;
    }
    const { item, end } = readItem(rest, at);
    items.push(item);
    at = end;
  }
  if (items.length === 0 && !WITHOUT_ITEMS.some((variant) => variants.has(variant)))
    throw fault('POLICY_GET_SYNTAX', 'Missing Info after bring', { hint: HINT });
  const separator = written === undefined ? undefined : (ESCAPES.get(unquoted(written)) ?? unquoted(written));
  return { variants, sort, items, separator };
};

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
