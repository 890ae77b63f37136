/** A cell: numbers stand right, text left; `{ right }` is text that stands right (`008`). */
export type Cell = string | number | boolean | undefined | { readonly right: string };

/** A title; two lines where it is a pair. */
export type Title = string | readonly [string, string];

/** How a table stands among other lines. */
export interface TableLayout {
  /** Blanks before each line. */
  readonly indent?: number;
}

const CELL_CHARS_MAX = 100;
// eslint-disable-next-line no-control-regex -- control characters are what must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

interface Shown {
  readonly lines: readonly string[];
  readonly right: boolean;
}

const lengthOf = (text: string): number => Array.from(text).length;

/** Control characters and the table's own `|` cannot come from data: a name must not forge a column. */
export const clean = (text: string): string => text.replace(CONTROL, ' ').replaceAll('|', '¦');

const shown = (cell: Cell): Shown => {
  if (typeof cell === 'number') return { lines: [String(cell)], right: true };
  if (typeof cell === 'object') return { lines: [clean(cell.right)], right: true };
  return { lines: wrapped(Array.from(clean(cell === undefined ? '' : String(cell)))), right: false };
};

/** Lines of at most 100 characters, ended between words where one of the last 40 is a blank. */
const wrapped = (chars: readonly string[]): readonly string[] => {
  const lines: string[] = [];
  let at = 0;
  while (chars.length - at > CELL_CHARS_MAX) {
    const blank = chars.lastIndexOf(' ', at + CELL_CHARS_MAX);
    const ends = blank > at + CELL_CHARS_MAX - 40 ? blank : at + CELL_CHARS_MAX;
    lines.push(chars.slice(at, ends).join(''));
    at = ends === blank ? ends + 1 : ends;
  }
  lines.push(chars.slice(at).join(''));
  return lines;
};

const padded = (text: string, width: number, right: boolean): string => {
  const blanks = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return right ? blanks + text : text + blanks;
};

const titleLines = (titles: readonly Title[]): readonly (readonly string[])[] => {
  const first = titles.map((title) => (typeof title === 'string' ? title : title[0]));
  if (titles.every((title) => typeof title === 'string')) return [first];
  return [first, titles.map((title) => (typeof title === 'string' ? '' : title[1]))];
};

/**
 * The pipe table that users of the language know: titles over dashes that end in `|`, each cell ended by `|`, columns
 * as wide as their longest cell, cells of more than 100 characters continued on further lines, where possible between
 * words. No line end at the end.
 */
export const renderTable = (
  titles: readonly Title[],
  rows: readonly (readonly Cell[])[],
  layout: TableLayout = {},
): string => {
  const heads = titleLines(titles);
  const cells = rows.map((row) => titles.map((_, index) => shown(row[index])));
  const widths = titles.map((_, index) => {
    let width = Math.max(...heads.map((head) => lengthOf(head[index] ?? '')));
    for (const row of cells) for (const line of row[index]?.lines ?? []) width = Math.max(width, lengthOf(line));
    return width;
  });
  const lines = heads.map((head) =>
    head.map((title, index) => `${padded(title, widths[index] ?? 0, false)} `).join(''),
  );
  lines.push(widths.map((width) => `${'-'.repeat(width)}|`).join(''));
  for (const row of cells) {
    const height = Math.max(...row.map(({ lines: parts }) => parts.length));
    for (let part = 0; part < height; part += 1)
      lines.push(
        row.map((cell, index) => `${padded(cell.lines[part] ?? '', widths[index] ?? 0, cell.right)}|`).join(''),
      );
  }
  const margin = ' '.repeat(layout.indent ?? 0);
  return lines.map((line) => margin + line).join('\n');
};

/** Whole seconds as `HH:MM:SS`; more than 99 hours widen. */
export const hoursMinutesSeconds = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
};
