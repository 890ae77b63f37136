import canonicalize from 'canonicalize';
import { fault, textOf } from '../base/errors.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';
import { jsonDepth, type JsonValue } from './json.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** RFC 8785 text of a value. Throws `CODEC_NOT_CANONICAL` for what has none (NaN, lone surrogates). */
export const canonicalJson = (value: JsonValue): string => {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch (caught) {
    throw fault('CODEC_NOT_CANONICAL', `value has no canonical JSON form: ${textOf(caught)}`);
  }
  if (text === undefined) throw fault('CODEC_NOT_CANONICAL', 'value has no canonical JSON form');
  return text;
};

/** UTF-8 bytes of {@link canonicalJson}. */
export const canonicalBytes = (value: JsonValue): Uint8Array => Buffer.from(canonicalJson(value), 'utf8');

/**
 * Parses bytes that must be their own canonical form. That alone refuses duplicate keys, odd numbers,
 * white space and lone surrogates. Throws `CODEC_MALFORMED`, `CODEC_TOO_DEEP` or `CODEC_NOT_CANONICAL`.
 */
export const parseCanonical = (bytes: Uint8Array): JsonValue => {
  let text: string;
  let value: JsonValue;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw fault('CODEC_MALFORMED', 'bytes are not UTF-8');
  }
  if (jsonDepth(text) > JSON_DEPTH_MAX)
    throw fault('CODEC_TOO_DEEP', `JSON is nested deeper than ${JSON_DEPTH_MAX} levels`);
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (caught) {
    throw fault('CODEC_MALFORMED', `bytes are not JSON: ${textOf(caught)}`);
  }
  if (canonicalJson(value) !== text) throw fault('CODEC_NOT_CANONICAL', 'JSON is not in its canonical form (RFC 8785)');
  return value;
};
