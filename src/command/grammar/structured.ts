import { hasCode } from '../../base/errors.ts';
import { STRUCTURED_KEPT_CHARS_MAX, STRUCTURED_KEPT_MAX } from '../../base/limits.ts';
import {
  isInexact,
  isJsonObject,
  mayLoseDigits,
  parseExactly,
  parsePlainly,
  type JsonValue,
} from '../../codec/json.ts';
import { EXACT_COSTS } from './budget.ts';

/**
 * The texts that were read last, the latest at the end: a line, and a loop over a list, ask for them again and again.
 */
const kept = new Map<string, JsonValue>();
let keptChars = 0;

const keep = (text: string, value: JsonValue): void => {
  kept.set(text, value);
  keptChars += text.length;
  for (const [oldest] of kept) {
    if (kept.size <= 1 || (kept.size <= STRUCTURED_KEPT_MAX && keptChars <= STRUCTURED_KEPT_CHARS_MAX)) return;
    kept.delete(oldest);
    keptChars -= oldest.length;
  }
};

const holdsInexact = (value: JsonValue): boolean => {
  if (typeof value === 'number') return isInexact(value);
  if (Array.isArray(value)) return (value as readonly JsonValue[]).some(holdsInexact);
  return isJsonObject(value) && Object.values(value).some(holdsInexact);
};

/** With all digits, at the price of that only where there are integers that need it. */
const parsed = (text: string, spend: (chars: number) => void): JsonValue => {
  const plain = parsePlainly(text);
  if (!mayLoseDigits(text) || !holdsInexact(plain)) return plain;
  spend(EXACT_COSTS * text.length);
  return parseExactly(text);
};

/** The list or object that a text holds as JSON, as the output of a command does; any other value as it is. */
export const structured = (value: JsonValue, spend: (chars: number) => void = () => {}): JsonValue => {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  const known = kept.get(value);
  if (known !== undefined) return known;
  let read: JsonValue;
  try {
    read = parsed(value, spend);
  } catch (caught) {
    if (hasCode(caught, 'COMMAND_REFERENCES')) throw caught;
    return value;
  }
  keep(value, read);
  return read;
};
