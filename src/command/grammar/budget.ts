import { fault } from '../../base/errors.ts';
import { REFERENCED_CHARS_MAX } from '../../base/limits.ts';
import type { JsonValue } from '../../codec/json.ts';

/** JSON with integers of more than 16 digits takes so many times longer to read than without. */
export const EXACT_COSTS = 8;

const sizes = new WeakMap<object, number>();

/** Of a value's text. */
export const sizeOf = (value: JsonValue): number => {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  const known = sizes.get(value);
  if (known !== undefined) return known;
  const size = JSON.stringify(value).length;
  sizes.set(value, size);
  return size;
};

/** The same for one line: what its references look through together is bounded, or it would hold up the whole node. */
export const perLine = <L extends object>(lookup: L): L & { readonly spend: (chars: number) => void } => {
  let left = REFERENCED_CHARS_MAX;
  const spend = (chars: number): void => {
    if ((left -= chars) >= 0) return;
    throw fault('COMMAND_REFERENCES', `the variables of this line hold more than ${REFERENCED_CHARS_MAX} characters`, {
      hint: 'each !name, and each step such as [0] or .len behind it, counts with all that the variable holds: name fewer, or smaller ones',
    });
  };
  return { ...lookup, spend };
};
