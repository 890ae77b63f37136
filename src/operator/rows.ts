import { isUtf8 } from 'node:buffer';
import { fault, textOf } from '../base/errors.ts';
import type { HoldfastError } from '../base/errors.ts';
import { JSON_DEPTH_MAX, ROW_BYTES_MAX } from '../base/limits.ts';
import { isJsonObject, jsonDepth, type JsonObject, type JsonValue, parseExactly } from '../codec/json.ts';

/** Called for each row with its line (from 1) and its JSON text. */
export type RowVisitor = (row: JsonObject, line: number, text: string) => void;

/** Decoded at a time: long strings are cheap to cut into lines, and the whole file would not fit. */
const BLOCK_BYTES = 65_536;
const [NEWLINE, QUOTE, COMMA, BACKSLASH, OPEN_LIST, CLOSE_LIST] = [0x0a, 0x22, 0x2c, 0x5c, 0x5b, 0x5d];
const [OPEN, CLOSE] = [0x7b, 0x7d];

/** A fault of a row: `INGEST_ROW_<reason>`, with the line in text and data, and what the sender does about it. */
export const rowFault = (reason: string, line: number, text: string, hint: string): HoldfastError =>
  fault(`INGEST_ROW_${reason}`, `line ${line}: ${text}`, { data: { line }, hint });

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const lineAt = (content: Buffer, end: number): number => {
  let line = 1;
  for (let at = content.indexOf(NEWLINE); at >= 0 && at < end; at = content.indexOf(NEWLINE, at + 1)) line += 1;
  return line;
};

/** The parser counts lines and columns from the row's own start: beside the line of the file they would lead astray. */
const inRow = (text: string): string =>
  text.replace(
    / in JSON at position (\d+)(?: \(line \d+ column \d+\))?/,
    (_, at: string) => ` at character ${Number(at) + 1} of the row`,
  );

const FORM_HINT = 'send JSON objects, one a line, or one list of them';

const parseRow = (text: string, line: number): JsonObject => {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (caught) {
    throw rowFault('JSON', line, `not JSON: ${inRow(textOf(caught))}`, FORM_HINT);
  }
  if (!isJsonObject(value))
    throw rowFault('FORM', line, `a row must be a JSON object, not ${text.slice(0, 40)}`, FORM_HINT);
  return value;
};

/** `INGEST_ROW_DEPTH`; `what` is the row, or the value in it. */
export const rowTooDeep = (line: number, what: string): HoldfastError =>
  rowFault(
    'DEPTH',
    line,
    `${what} is nested deeper than ${JSON_DEPTH_MAX} levels`,
    'send what lies that deep as a text, or leave it out',
  );

/** The row again with all digits of its integers. Throws `INGEST_ROW_DEPTH`. */
export const parseRowExactly = (text: string, line: number): JsonObject => {
  if (jsonDepth(text) > JSON_DEPTH_MAX) throw rowTooDeep(line, 'the row');
  const row = parseExactly(text);
  return isJsonObject(row) ? row : {};
};

const checkUtf8 = (content: Buffer): void => {
  if (isUtf8(content)) return;
  let [start, line] = [0, 1];
  for (;;) {
    const newline = content.indexOf(NEWLINE, start);
    const end = newline < 0 ? content.byteLength : newline;
    if (newline < 0 || !isUtf8(content.subarray(start, end)))
      throw rowFault('JSON', line, 'not UTF-8 text', 'send it in UTF-8');
    [start, line] = [newline + 1, line + 1];
  }
};

/** One object that is laid out over several lines. */
const wholeObject = (content: Buffer, start: number): string | undefined => {
  if (content.byteLength - start > ROW_BYTES_MAX) return undefined;
  const text = content.toString('utf8', start);
  try {
    return isJsonObject(JSON.parse(text)) ? text : undefined;
  } catch {
    return undefined;
  }
};

const tooLong = (line: number): HoldfastError =>
  rowFault(
    'BYTES',
    line,
    `the row is longer than ${ROW_BYTES_MAX} bytes`,
    'a row ends with its line: send shorter rows, one a line',
  );

/** End of the block that begins at `start`: behind a newline, or the end of the content. */
const blockEnd = (content: Buffer, start: number, line: number): number => {
  if (content.byteLength - start <= BLOCK_BYTES) return content.byteLength;
  const last = content.lastIndexOf(NEWLINE, start + BLOCK_BYTES - 1);
  if (last >= start) return last + 1;
  const next = content.indexOf(NEWLINE, start + BLOCK_BYTES);
  const end = next < 0 ? content.byteLength : next + 1;
  if (end - start > ROW_BYTES_MAX + 1) throw tooLong(line);
  return end;
};

const eachLine = (content: Buffer, start: number, visit: RowVisitor): void => {
  let line = lineAt(content, start);
  const firstLine = line;
  for (let at = start; at < content.byteLength;) {
    const end = blockEnd(content, at, line);
    const block = content.toString('utf8', at, end);
    for (let from = 0; from < block.length; line += 1) {
      const newline = block.indexOf('\n', from);
      const text = block.slice(from, newline < 0 ? block.length : newline);
      from = newline < 0 ? block.length : newline + 1;
      if (text === '' || text.trim() === '') continue;
      const whole = line === firstLine && text.trim() === '{' ? wholeObject(content, start) : undefined;
      if (whole !== undefined) {
        visit(parseRow(whole, line), line, whole);
        return;
      }
      visit(parseRow(text, line), line, text);
    }
    at = end;
  }
};

/**
 * Walks over a JSON list element by element, so that a list as large as a file may be needs no more memory than a row.
 */
class ListWalk {
  readonly #content: Buffer;
  #at: number;
  #line: number;

  constructor(content: Buffer, start: number) {
    this.#content = content;
    this.#at = start + 1;
    this.#line = lineAt(content, start);
  }

  run(visit: RowVisitor): void {
    this.#skipSpace();
    if (this.#content[this.#at] === CLOSE_LIST) this.#at += 1;
    else this.#elements(visit);
    this.#skipSpace();
    if (this.#at < this.#content.byteLength)
      throw rowFault('JSON', this.#line, 'text follows the end of the list', FORM_HINT);
  }

  #elements(visit: RowVisitor): void {
    for (;;) {
      this.#skipSpace();
      const [start, line] = [this.#at, this.#line];
      this.#skipElement();
      if (this.#at - start > ROW_BYTES_MAX) throw tooLong(line);
      const text = this.#content.toString('utf8', start, this.#at);
      visit(parseRow(text, line), line, text);
      this.#skipSpace();
      const next = this.#content[this.#at];
      this.#at += 1;
      if (next === CLOSE_LIST) return;
      if (next !== COMMA) throw rowFault('JSON', this.#line, 'the list is cut off or lacks a comma', FORM_HINT);
    }
  }

  #skipSpace(): void {
    for (; isSpace(this.#content[this.#at]); this.#at += 1) if (this.#content[this.#at] === NEWLINE) this.#line += 1;
  }

  /** To behind the element: what it is worth is for the parser to say. */
  #skipElement(): void {
    const content = this.#content;
    let depth = 0;
    for (; this.#at < content.byteLength; this.#at += 1) {
      const byte = content[this.#at];
      if (byte === NEWLINE) this.#line += 1;
      else if (byte === QUOTE) this.#skipText();
      else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
      else if (depth === 0 && (byte === COMMA || byte === CLOSE_LIST)) return;
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        depth -= 1;
        if (depth <= 0) {
          this.#at += 1;
          return;
        }
      }
    }
  }

  /** To the closing quote. */
  #skipText(): void {
    const content = this.#content;
    for (this.#at += 1; this.#at < content.byteLength; this.#at += 1) {
      const byte = content[this.#at];
      if (byte === QUOTE) return;
      if (byte === BACKSLASH) this.#at += 1;
    }
  }
}

/**
 * Visits the rows of a file: newline-delimited JSON objects (empty lines are skipped), one JSON list of objects, or one
 * object over several lines. Returns how many there were. Throws `INGEST_ROW_JSON`, `…_FORM`, `…_BYTES`,
 * `INGEST_EMPTY`.
 */
export const eachRow = (bytes: Uint8Array, visit: RowVisitor): number => {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkUtf8(content);
  let start = content[0] === 0xef && content[1] === 0xbb && content[2] === 0xbf ? 3 : 0;
  while (isSpace(content[start])) start += 1;
  let rows = 0;
  const counted: RowVisitor = (row, line, text) => {
    rows += 1;
    visit(row, line, text);
  };
  if (content[start] === OPEN_LIST) new ListWalk(content, start).run(counted);
  else eachLine(content, start, counted);
  if (rows === 0) throw fault('INGEST_EMPTY', 'there are no rows', { hint: 'send JSON objects, one a line' });
  return rows;
};
