import type { z } from 'zod';

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const bound = (issue: { readonly origin: string }, text: string): string => {
  if (issue.origin === 'number' || issue.origin === 'int') return text;
  return issue.origin === 'string' ? `${text} characters long` : `${text} items long`;
};

/**
 * What a value must be, in our words, of an issue of a schema: `must be at most 65535`. Messages of our own stay as
 * they are.
 */
export const sentenceOf = (issue: z.core.$ZodIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'too_big':
      return bound(issue, `must be at most ${issue.maximum}`);
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1
        ? 'is empty'
        : bound(issue, `must be at least ${issue.minimum}`);
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_union':
      return 'is of no form that is taken';
    case 'unrecognized_keys':
      return `has what is unknown: ${issue.keys.join(', ')}`;
    default:
      return issue.message;
  }
};
