import { ENTRY_ID_CHARS_MAX, ENTRY_PARENTS_MAX } from '../base/limits.ts';
import type { EntryHeader } from './entry.ts';
import { isAscending } from '../codec/fields.ts';

const HASH = '[0-9a-f]{64}';
/** Printable ASCII that JSON writes as it is. */
const TEXT = `[ !#-\\[\\]-~]{1,${ENTRY_ID_CHARS_MAX}}`;

const PLAIN = new RegExp(
  `^\\{"author":"(${HASH})","body":"(${HASH})","cap":"(${HASH})","id":(?:null|"(${TEXT})"),"net":"(${HASH})",` +
    `"op":"([a-z][a-z0-9-]{0,31})","parents":\\[((?:"${HASH}"(?:,"${HASH}"){0,${ENTRY_PARENTS_MAX - 1}})?)\\],` +
    `"prev":(?:null|"(${HASH})"),"replaces":(?:null|"(${HASH})"),"seq":([1-9]\\d{0,15}),"time":(0|[1-9]\\d{0,15}),` +
    `"type":(?:null|"(${TEXT})"),"v":1\\}$`,
);

const HASH_DIGITS = 64;
/** Where the id begins: everything before has one length. */
const ID_AT = '{"author":"","body":"","cap":"","id":"'.length + 3 * HASH_DIGITS;
/** From the end of the type on. */
const AFTER_TYPE = '","v":1}'.length;

/** Groups of the expression. */
const [AUTHOR, BODY, CAP, ID, NET, OP, PARENTS, PREV, REPLACES, SEQ, TIME, TYPE] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
];

/**
 * The header that the bytes are, where they are of the form that almost all have: one expression says that they are
 * canonical JSON and that each field is as the schema has it, at a third of the price of parsing, writing again and the
 * schema. Undefined for any other: it may be a header too.
 */
export const plainHeader = (bytes: Uint8Array): EntryHeader | undefined => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const match = PLAIN.exec(buffer.toString('latin1'));
  if (match === null) return undefined;
  // Id and type are kept for long, and a part of a text would keep the whole.
  const copy = (text: string | undefined, from: number): string | null =>
    text === undefined ? null : buffer.toString('latin1', from, from + text.length);
  const [seq, time] = [Number(match[SEQ]), Number(match[TIME])];
  const parents = hashesIn(textOf(match, PARENTS));
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(time) || !isAscending(parents)) return undefined;
  if (match[OP] === 'genesis' || (match[PREV] === undefined) !== (seq === 1)) return undefined;
  return {
    author: textOf(match, AUTHOR),
    body: textOf(match, BODY),
    cap: textOf(match, CAP),
    id: copy(match[ID], ID_AT),
    net: textOf(match, NET),
    op: textOf(match, OP),
    parents,
    prev: match[PREV] ?? null,
    replaces: match[REPLACES] ?? null,
    seq,
    time,
    type: copy(match[TYPE], bytes.byteLength - AFTER_TYPE - textOf(match, TYPE).length),
    v: 1,
  };
};

const textOf = (match: RegExpExecArray, group: number): string => match[group] ?? '';

const hashesIn = (list: string): readonly string[] => (list === '' ? [] : list.slice(1, -1).split('","'));
