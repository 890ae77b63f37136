import { fault, type HoldfastError } from '../../base/errors.ts';

/** A line that does not follow the grammar: says where, what stands there and what was expected (number 2). */
export const syntaxFault = (text: string, at: number, found: string, expected: string, hint?: string): HoldfastError =>
  fault('COMMAND_SYNTAX', `${text} (at character ${at + 1}${found === '' ? '' : `, near ${quoted(found)}`})`, {
    data: { at: at + 1, found: shortened(found), expected },
    hint: hint ?? `expected ${expected}`,
  });

const SHOWN_CHARS_MAX = 60;

/** At most 60 characters, so that an error never repeats a megabyte back. */
export const shortened = (text: string): string =>
  text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX - 1)}…`;

/** What a user typed, as an error shows it. */
export const quoted = (text: string): string => `'${shortened(text)}'`;
