import { call, type CastType, type Expression, number } from './ast.ts';

const CAST_TYPES: Readonly<Record<string, CastType>> = {
  int: 'INTEGER', integer: 'INTEGER', bigint: 'INTEGER',
  real: 'REAL', float: 'REAL', double: 'REAL',
  text: 'TEXT', varchar: 'TEXT', char: 'TEXT', str: 'TEXT', string: 'TEXT',
  numeric: 'NUMERIC', decimal: 'NUMERIC',
}; // prettier-ignore
const PADDING_MAX = 200;
const DIGITS_MAX = 15;

/** What may stand behind `::`, for messages. */
export const POSTFIX_CASTS = 'float, float(digits), int, str, ljust(width), rjust(width), lstrip, rstrip';

/** The type of a cast by its word in lower case. */
export const castType = (word: string): CastType | undefined =>
  Object.hasOwn(CAST_TYPES, word) ? CAST_TYPES[word] : undefined;

/** What `operand::word(argument)` means; undefined where it is not accepted. */
export const postfixCast = (
  word: string,
  operand: Expression,
  argument: number | undefined,
): Expression | undefined => {
  const type = castType(word);
  if (argument !== undefined) return type === 'REAL' ? rounded(operand, argument) : padded(word, operand, argument);
  if (type !== undefined) return { kind: 'cast', operand, type };
  if (word === 'lstrip') return call('ltrim', operand);
  return word === 'rstrip' ? call('rtrim', operand) : undefined;
};

const rounded = (operand: Expression, digits: number): Expression | undefined =>
  digits > DIGITS_MAX ? undefined : call('round', { kind: 'cast', operand, type: 'REAL' }, number(digits));

/** Filled up with blanks or cut to a width. */
const padded = (word: string, operand: Expression, width: number): Expression | undefined => {
  if (width < 1 || width > PADDING_MAX) return undefined;
  const blanks: Expression = { kind: 'text', value: ' '.repeat(width) };
  const joined = (left: Expression, right: Expression): Expression => ({ kind: 'binary', operator: '||', left, right });
  if (word === 'ljust') return call('substr', joined(operand, blanks), number(1), number(width));
  return word === 'rjust' ? call('substr', joined(blanks, operand), number(-width)) : undefined;
};
