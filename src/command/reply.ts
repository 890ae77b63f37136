import { giveWay } from '../base/slices.ts';
import type { CommandOutput } from './executor.ts';
import type { Note } from './note.ts';
import { renderTable, type Cell, type TableLayout, type Title } from './table.ts';

/** What a handler gives back. */
export interface Reply {
  /** For people; undefined where the JSON is the output in every case (policies, query results). */
  readonly text: string | undefined;
  /** Undefined where there is no JSON form. */
  readonly json: unknown;
  /** Where other nodes were asked: what each answered, by its address. */
  readonly byNode?: Readonly<Record<string, unknown>>;
  /**
   * Of an answer that may be long, or whose JSON values cannot hold exactly (long integers): the text, or with `json`
   * the JSON, in pieces that take a few milliseconds each.
   */
  readonly pieces?: (json: boolean) => Iterable<string>;
  /** What other nodes say beside what they answered. */
  readonly note?: Note | undefined;
  /** Where the answer is a file: what a caller that can take one gets instead of the text. */
  readonly file?: AsyncIterable<Uint8Array>;
}

/** A handler's reply, and whether the command itself said `format = json`. */
export interface Answer {
  readonly reply: Reply;
  readonly wantsJson: boolean;
  /** In the place of that of the reply. */
  readonly note?: Note | undefined;
}

/** A command that did what it should and says nothing. */
export const SILENT: Reply = { text: '', json: undefined };

/** One text; in JSON `json`, or the text under `reply`. */
export const says = (text: string, json?: unknown): Reply => ({ text, json: json ?? { reply: text } });

/** JSON whatever was asked for. */
export const givesJson = (json: unknown): Reply => ({ text: undefined, json });

/** An answer that is a table for people and a list of objects for programs. */
export interface TableReply extends TableLayout {
  readonly titles: readonly Title[];
  readonly rows: readonly (readonly Cell[])[];
  /** Names of the values in JSON, one a title; without it the titles. Cells become an object a row. */
  readonly keys?: readonly string[];
  /** Instead of objects made from the rows. */
  readonly json?: unknown;
  /** Lines above the table. */
  readonly above?: string;
}

const cellValue = (cell: Cell): unknown => {
  if (typeof cell === 'object') return cell.right.trim();
  return cell ?? null;
};

const titleText = (title: Title): string => (typeof title === 'string' ? title : `${title[0]} ${title[1]}`.trim());

const rowObjects = ({ titles, keys, rows }: TableReply): unknown =>
  rows.map((row) =>
    Object.fromEntries(titles.map((title, index) => [keys?.[index] ?? titleText(title), cellValue(row[index])])),
  );

/** A table in the documented layout, one empty line first; in JSON a list of objects. */
export const givesTable = (table: TableReply): Reply => ({
  text: `\n${table.above === undefined ? '' : `${table.above}\n`}${renderTable(table.titles, table.rows, table)}`,
  json: table.json ?? rowObjects(table),
});

/** JSON text as it is printed: a list of objects one a line, so that a terminal and `grep` can read it. */
export const jsonText = (value: unknown): string => {
  const plain = (item: unknown): string =>
    JSON.stringify(item, (_, inner: unknown) => (typeof inner === 'bigint' ? JSON.rawJSON(String(inner)) : inner));
  if (Array.isArray(value) && value.length > 1 && value.every((item) => typeof item === 'object' && item !== null))
    return `[${value.map(plain).join(',\n ')}]`;
  return plain(value ?? null);
};

/**
 * The text of an output that may be long, made a few milliseconds at a time, up to about so many characters: one that
 * is longer than `charsMax` was cut there.
 */
export const textUpTo = async (output: Pick<CommandOutput, 'text' | 'pieces'>, charsMax: number): Promise<string> => {
  if (output.pieces === undefined) return output.text;
  const texts: string[] = [];
  let chars = 0;
  for (const piece of output.pieces()) {
    texts.push(piece);
    chars += piece.length;
    if (chars > charsMax) break;
    await giveWay();
  }
  return texts.join('');
};
