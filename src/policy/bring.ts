import { fault } from '../base/errors.ts';
import { type Path, readPath, syntax } from './get-path.ts';

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
/** What may stand behind `bring.`: how what was found is put together; several may be combined. */
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
