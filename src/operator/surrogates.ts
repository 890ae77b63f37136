import { rowFault } from './rows.ts';

const BACKSLASH = 0x5c;
const ESCAPE = Buffer.from('\\u');
const ESCAPE_LENGTH = 6;

/** The code unit of the escape `\\uXXXX` at a place; undefined where there is none. */
const unitAt = (content: Buffer, at: number): number | undefined => {
  const text = content.toString('latin1', at, at + ESCAPE_LENGTH);
  return /^\\u[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text.slice(2), 16) : undefined;
};

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number | undefined): boolean => unit !== undefined && unit >= 0xdc00 && unit <= 0xdfff;

const isEscaped = (content: Buffer, at: number): boolean => {
  let before = at;
  while (content[before - 1] === BACKSLASH) before -= 1;
  return (at - before) % 2 === 1;
};

/**
 * Refuses new data with half a surrogate pair, which no text keeps: what is read back would differ from what was sent. No rule
 * of the mapping, since files that are stored map as they did. Looks at escapes alone: bytes that are UTF-8 hold none. Throws
 * `INGEST_ROW_VALUE`.
 */
export const refuseLoneSurrogates = (bytes: Uint8Array): void => {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = content.indexOf(ESCAPE); at >= 0;) {
    const unit = isEscaped(content, at) ? undefined : unitAt(content, at);
    const paired = unit !== undefined && isHigh(unit) && isLow(unitAt(content, at + ESCAPE_LENGTH));
    if (unit !== undefined && !paired && (isHigh(unit) || isLow(unit))) {
      const line = content.toString('latin1', 0, at).split('\n').length;
      throw rowFault(
        'VALUE',
        line,
        `${content.toString('latin1', at, at + ESCAPE_LENGTH)} is half a surrogate pair, which no text can keep`,
        'send the character whole, or leave it out',
      );
    }
    at = content.indexOf(ESCAPE, at + (paired ? 2 * ESCAPE_LENGTH : ESCAPE.byteLength));
  }
};
