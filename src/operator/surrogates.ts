import { rowFault } from './rows.ts';

const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const ESCAPE_LENGTH = 6;

/** Value of a hexadecimal digit by its byte; -1 for any other byte. */
const DIGITS = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()),
);

/**
 * The code unit of the escape `\\uXXXX` at a place; undefined where there is none. Without a string: large files have
 * millions.
 */
const unitAt = (content: Uint8Array, at: number): number | undefined => {
  if (content[at] !== BACKSLASH || content[at + 1] !== LETTER_U) return undefined;
  let unit = 0;
  for (let place = at + 2; place < at + ESCAPE_LENGTH; place += 1) {
    const digit = DIGITS[content[place] ?? 0] ?? -1;
    if (digit < 0) return undefined;
    unit = unit * 16 + digit;
  }
  return unit;
};

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number | undefined): boolean => unit !== undefined && unit >= 0xdc00 && unit <= 0xdfff;

/** Where the first escape stands that is half a pair; -1 where there is none. */
const loneAt = (content: Buffer): number => {
  let at = content.indexOf(BACKSLASH);
  while (at >= 0 && at < content.length) {
    if (content[at] !== BACKSLASH) {
      at += 1;
      continue;
    }
    const unit = unitAt(content, at);
    if (unit === undefined || !(isHigh(unit) || isLow(unit))) {
      // A backslash that is escaped itself begins no escape.
      at += 2;
      continue;
    }
    if (!isHigh(unit) || !isLow(unitAt(content, at + ESCAPE_LENGTH))) return at;
    at += 2 * ESCAPE_LENGTH;
  }
  return -1;
};

/**
 * Refuses new data with half a surrogate pair, which no text keeps: what is read back would differ from what was sent.
 * No rule of the mapping, since files that are stored map as they did. Looks at escapes alone: bytes that are UTF-8
 * hold none. Throws `INGEST_ROW_VALUE`.
 */
export const refuseLoneSurrogates = (bytes: Uint8Array): void => {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = loneAt(content);
  if (at < 0) return;
  throw rowFault(
    'VALUE',
    content.toString('latin1', 0, at).split('\n').length,
    `${content.toString('latin1', at, at + ESCAPE_LENGTH)} is half a surrogate pair, which no text can keep`,
    'send the character whole, or leave it out',
  );
};
