import { crc32 } from 'node:zlib';
import { ENTRY_BODY_BYTES_MAX, ENTRY_HEADER_BYTES_MAX } from '../base/limits.ts';
import { sha256Hex } from '../codec/hash.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Entry, EntryHeader, RawEntry } from '../entry/entry.ts';

const TAB = 0x09;
/** The byte that ends each line of the journal: none is within one. */
export const NEWLINE = 0x0a;
const BLANK = 0x20;
/** In the place of a body that others keep. */
const ARCHIVED = 0x7e;
const COLUMNS = 5;
/** Largest line, its newline included. */
export const JOURNAL_LINE_BYTES_MAX = ENTRY_HEADER_BYTES_MAX + ENTRY_BODY_BYTES_MAX + 256;

/** A line as it was written: the columns, not yet looked into. */
export interface JournalLine {
  readonly raw: RawEntry;
  /** Wall clock of this node when it accepted the entry, whole milliseconds. */
  readonly receivedMs: number;
  /** Its body was dropped here, and is kept by others. */
  readonly isArchived: boolean;
}

/**
 * One entry: header, signature in base64, body, milliseconds of arrival, CRC-32 of all that as 8 hex digits; tabs
 * between, a newline after. Canonical JSON holds neither, so `cut` and `sha256sum` work on it. Where the body was erased there
 * are blanks in its place, or nothing; where it was dropped since others keep it, `~`.
 */
export const encodeLine = (
  { header, signature, body: given }: RawEntry,
  receivedMs: number,
  isArchived = false,
): Buffer => {
  const body = isArchived ? Buffer.of(ARCHIVED) : given;
  const signed = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString('base64');
  const line = Buffer.allocUnsafe(header.byteLength + body.byteLength + signed.length + 32);
  line.set(header, 0);
  let at = header.byteLength;
  at += line.write(`\t${signed}\t`, at, 'latin1');
  line.set(body, at);
  at += body.byteLength;
  at += line.write(`\t${receivedMs}`, at, 'latin1');
  at += line.write(`\t${crcOf(line.subarray(0, at))}\n`, at, 'latin1');
  return line.subarray(0, at);
};

/** Splits a line (without its newline); undefined where its CRC or its form does not hold. */
export const decodeLine = (line: Buffer): JournalLine | undefined => {
  const ends: number[] = [];
  for (let at = line.indexOf(TAB); at !== -1 && ends.length < COLUMNS; at = line.indexOf(TAB, at + 1)) ends.push(at);
  const [header = 0, signature = 0, body = 0, received = 0] = ends;
  if (ends.length !== COLUMNS - 1 || line.toString('latin1', received + 1) !== crcOf(line.subarray(0, received)))
    return undefined;
  // Canonical JSON begins with a brace.
  const isArchived = line[signature + 1] === ARCHIVED;
  const isGone = isArchived || line[signature + 1] === BLANK;
  return {
    raw: {
      header: line.subarray(0, header),
      signature: Buffer.from(line.toString('latin1', header + 1, signature), 'base64'),
      body: isGone ? Buffer.alloc(0) : line.subarray(signature + 1, body),
    },
    receivedMs: Number(line.toString('latin1', body + 1, received)),
    isArchived,
  };
};

/** The milliseconds of arrival of a line, whole or not; undefined where they cannot be read. */
export const arrivalOf = (line: Buffer): string | undefined =>
  /\t(\d{1,16})\t[0-9a-f]{8}$/.exec(line.toString('latin1', Math.max(0, line.byteLength - 32)))?.[1];

/** The line once its body is erased: of the same length, with blanks in its place. Of a line that {@link decodeLine} reads. */
export const erasedLine = (line: Buffer): Buffer => {
  const erased = Buffer.from(line);
  const signature = line.indexOf(TAB, line.indexOf(TAB) + 1);
  erased.fill(BLANK, signature + 1, line.indexOf(TAB, signature + 1));
  const received = line.lastIndexOf(TAB);
  erased.write(crcOf(erased.subarray(0, received)), received + 1, 'latin1');
  return erased;
};

const crcOf = (bytes: Uint8Array): string => crc32(bytes).toString(16).padStart(8, '0');

/**
 * The entry of a line that passed `parseEntry` before it was written: its CRC holds, so the bytes are the same and only
 * the header's hash is compared. Undefined where they are not those of `hash`.
 */
export const reviveEntry = ({ raw, isArchived }: JournalLine, hash: string): Entry | undefined => {
  if (sha256Hex(raw.header) !== hash) return undefined;
  // Both were checked by parseEntry before they were written.
  const header = JSON.parse(raw.header.toString()) as EntryHeader;
  if (raw.body.byteLength === 0)
    return { raw, hash, header, content: {}, bodiless: true, ...(isArchived ? { archived: true } : {}) };
  const { content } = JSON.parse(raw.body.toString()) as { readonly content: JsonObject };
  return { raw, hash, header, content };
};

/** What can be read of the author and seq in a damaged line. */
export const identifyLine = (line: Buffer): { author: string | undefined; seq: number | undefined } => {
  const text = line.toString('latin1', 0, ENTRY_HEADER_BYTES_MAX);
  const seq = /"seq":(\d{1,15})[,}]/.exec(text)?.[1];
  return {
    author: /"author":"([0-9a-f]{64})"/.exec(text)?.[1],
    seq: seq === undefined ? undefined : Number(seq),
  };
};

/** Cuts complete lines out of bytes, without their newlines. */
export function* linesOf(bytes: Buffer): Iterable<{ readonly offset: number; readonly line: Buffer }> {
  for (let offset = 0; offset < bytes.byteLength;) {
    const end = bytes.indexOf(NEWLINE, offset);
    if (end === -1) return;
    yield { offset, line: bytes.subarray(offset, end) };
    offset = end + 1;
  }
}
