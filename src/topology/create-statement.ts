import { fault, type HoldfastError } from '../base/errors.ts';
import { COLUMNS_MAX, CREATE_CHARS_MAX } from '../base/limits.ts';
import type { Column } from './topology.ts';

/** Every table gets these; a statement from another node may list them. */
const ADDED_COLUMNS: ReadonlySet<string> = new Set(['row_id', 'insert_timestamp', 'tsd_name', 'tsd_id']);

/** An item of the list that begins with one of these is a constraint, not a column, unless it is quoted. */
const CONSTRAINT_WORDS: ReadonlySet<string> = new Set([
  'constraint',
  'primary',
  'unique',
  'check',
  'foreign',
  'exclude',
  'key',
  'index',
]);

/** Where the type of a column ends and what else is said of it begins. */
const AFTER_TYPE: ReadonlySet<string> = new Set([
  'not',
  'null',
  'default',
  'primary',
  'unique',
  'check',
  'references',
  'collate',
  'generated',
  'constraint',
  'as',
  'autoincrement',
]);

interface Word {
  readonly text: string;
  readonly kind: 'word' | 'quoted' | 'string' | 'mark';
}

const malformed = (why: string): HoldfastError =>
  fault('TOPOLOGY_CREATE_STATEMENT', `not a statement that creates a table: ${why}`, {
    hint: 'it looks like: CREATE TABLE IF NOT EXISTS ping_sensor (timestamp timestamp, value float)',
  });

const TOKEN =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|("(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|('(?:[^']|'')*')|([\p{L}\p{N}_$.+-]+)|([^])/uy;

const unquote = (quoted: string): string => {
  const inner = quoted.slice(1, -1);
  return quoted.startsWith('[') ? inner : inner.replaceAll(quoted[0] === '"' ? '""' : '``', quoted[0] ?? '');
};

const wordsOf = (statement: string): readonly Word[] => {
  const words: Word[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(statement); match !== null; match = TOKEN.exec(statement)) {
    const [, quoted, string, word, mark] = match;
    if (quoted !== undefined) words.push({ text: unquote(quoted), kind: 'quoted' });
    else if (string !== undefined) words.push({ text: string, kind: 'string' });
    else if (word !== undefined) words.push({ text: word, kind: 'word' });
    else if (mark !== undefined) words.push({ text: mark, kind: 'mark' });
  }
  return words;
};

const isMark = (word: Word | undefined, mark: string): boolean => word?.kind === 'mark' && word.text === mark;

const isWord = (word: Word | undefined, text: string): boolean =>
  word?.kind === 'word' && word.text.toLowerCase() === text;

/** The items of the list in parentheses, each as its words. */
const itemsOf = (words: readonly Word[], open: number): readonly (readonly Word[])[] => {
  const items: Word[][] = [[]];
  let depth = 0;
  for (let at = open; at < words.length; at += 1) {
    const word = words[at] as Word;
    if (isMark(word, '(')) depth += 1;
    else if (isMark(word, ')')) depth -= 1;
    if (depth === 0) return items;
    if (depth === 1 && isMark(word, ',')) items.push([]);
    else if (at !== open) items.at(-1)?.push(word);
  }
  throw malformed('its parentheses are not closed');
};

/** `character varying ( 20 )` → `character varying(20)`, lower case. */
const typeOf = (words: readonly Word[]): string => {
  let type = '';
  let depth = 0;
  for (const word of words) {
    if (depth === 0 && word.kind === 'word' && AFTER_TYPE.has(word.text.toLowerCase())) break;
    if (isMark(word, ':')) break;
    if (word.kind === 'string' || (word.kind === 'mark' && !'(),'.includes(word.text)))
      throw malformed(`${word.text.slice(0, 40)} where a type should be`);
    if (isMark(word, '(')) depth += 1;
    if (isMark(word, ')')) depth -= 1;
    const joined = type === '' || word.kind === 'mark' || type.endsWith('(') || type.endsWith(',');
    type += joined ? word.text : ` ${word.text}`;
  }
  return type.toLowerCase();
};

const columnOf = (item: readonly Word[]): Column | undefined => {
  const [name, ...rest] = item;
  if (name === undefined || name.kind === 'mark' || name.kind === 'string' || name.text === '')
    throw malformed('a column without a name');
  if (name.kind === 'word' && CONSTRAINT_WORDS.has(name.text.toLowerCase())) return undefined;
  if (ADDED_COLUMNS.has(name.text.toLowerCase())) return undefined;
  return { name: name.text, type: typeOf(rest) };
};

/**
 * The user columns of a `CREATE TABLE` statement in order, as a table policy carries it; constraints, indexes and the
 * four columns that every table gets are left out. The statement is read, never executed. Throws
 * `TOPOLOGY_CREATE_STATEMENT`.
 */
export const columnsOf = (statement: string): readonly Column[] => {
  if (statement.length > CREATE_CHARS_MAX) throw malformed(`it has more than ${CREATE_CHARS_MAX} characters`);
  const words = wordsOf(statement);
  if (!isWord(words[0], 'create') || !isWord(words[1], 'table')) throw malformed('it does not begin with CREATE TABLE');
  const open = words.findIndex((word) => isMark(word, '('));
  if (open < 3) throw malformed('it has no table name or no list of columns');
  const columns = itemsOf(words, open)
    .map(columnOf)
    .filter((column) => column !== undefined);
  if (columns.length > COLUMNS_MAX) throw malformed(`more than ${COLUMNS_MAX} columns`);
  if (new Set(columns.map(({ name }) => name.toLowerCase())).size !== columns.length)
    throw malformed('a column is named twice');
  return columns;
};

/** The same of a statement that makes a table: with one such column at least. Throws `TOPOLOGY_CREATE_STATEMENT`. */
export const columnsToMake = (statement: string): readonly Column[] => {
  const columns = columnsOf(statement);
  if (columns.length === 0) throw malformed('it names no columns');
  return columns;
};

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A type as it may stand in a statement: words, digits and parentheses, nothing that could end the column. */
const SAFE_TYPE = /^[\p{L}\p{N}_ ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?[\p{L} ]*$/u;

/**
 * The statement for a table policy, with the four added columns; {@link columnsOf} gives the columns back. Throws
 * `TOPOLOGY_CREATE_STATEMENT` for a type that could not be read again.
 */
export const createStatement = (_dbms: string, table: string, columns: readonly Column[]): string => {
  const bad = columns.find(({ type }) => !SAFE_TYPE.test(type));
  if (bad !== undefined)
    throw malformed(`the type of column ${JSON.stringify(bad.name)} is ${JSON.stringify(bad.type)}`);
  const list = [
    'row_id SERIAL PRIMARY KEY',
    'insert_timestamp TIMESTAMP NOT NULL DEFAULT NOW()',
    'tsd_name CHAR(3)',
    'tsd_id INT',
    ...columns.map(({ name, type }) => (type === '' ? quoted(name) : `${quoted(name)} ${type}`)),
  ];
  return `CREATE TABLE IF NOT EXISTS ${quoted(table)} (${list.join(', ')});`;
};
