import { fault } from '../base/errors.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';

/** A JSON value as `JSON.parse` gives it. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A JSON object as `JSON.parse` gives it. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Whether a JSON value is an object, and no array. Of anything but JSON it says nothing. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Nesting depth of JSON text without parsing it (a scalar is 0), so that hostile depth is refused
 * before any recursive code sees it.
 */
export const jsonDepth = (text: string): number => {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return deepest;
};

declare global {
  interface JSON {
    /** A value that `JSON.stringify` writes as the text says. */
    rawJSON(text: string): object;
    isRawJSON(value: unknown): value is { readonly rawJSON: string };
  }
}

/** A number of fewer digits is exact. */
const MAYBE_INEXACT = /[0-9]{16}/;
const WHOLE = /^-?[0-9]+$/;

/** Whether a JSON text may hold integers that a number cannot: only then {@link parseExactly} is worth its price. */
export const mayLoseDigits = (text: string): boolean => MAYBE_INEXACT.test(text);

/** Whether a number may stand for an integer of which it lost digits. */
export const isInexact = (value: number): boolean => Number.isInteger(value) && !Number.isSafeInteger(value);

/** Whether a text is an integer that would be written differently once it is a number. */
export const losesDigits = (text: string): boolean =>
  WHOLE.test(text) && isInexact(Number(text)) && String(Number(text)) !== text;

const keepDigits = (_: string, value: unknown, context?: { readonly source?: string }): unknown => {
  const source = context?.source ?? '';
  return typeof value === 'number' && !Number.isSafeInteger(value) && WHOLE.test(source) ? JSON.rawJSON(source) : value;
};

/**
 * As `JSON.parse`, but integers beyond 2^53 keep their digits: `JSON.stringify` writes them as they were, and
 * {@link digitsOf} gives them. Throws `CODEC_TOO_DEEP`.
 */
export const parseExactly = (text: string): JsonValue => {
  // Revivers recurse.
  checkDepth(text);
  return JSON.parse(text, keepDigits) as JsonValue;
};

/** As `JSON.parse`, some ten times faster than {@link parseExactly}. Throws `CODEC_TOO_DEEP`. */
export const parsePlainly = (text: string): JsonValue => {
  checkDepth(text);
  return JSON.parse(text) as JsonValue;
};

const checkDepth = (text: string): void => {
  if (jsonDepth(text) > JSON_DEPTH_MAX)
    throw fault('CODEC_TOO_DEEP', `JSON is nested deeper than ${JSON_DEPTH_MAX} levels`);
};

/** The digits of an integer that {@link parseExactly} kept; undefined for every other value. */
export const digitsOf = (value: JsonValue | undefined): string | undefined =>
  JSON.isRawJSON(value) ? value.rawJSON : undefined;
