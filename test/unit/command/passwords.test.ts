import { expect, test } from 'vitest';
import { asFault } from '../../../src/base/errors.ts';
import { readPairs } from '../../../src/command/grammar/pairs.ts';
import { tokenize } from '../../../src/command/grammar/lexer.ts';
import { anyText, NO_LOOKUP, optional, readOptions } from '../../../src/command/options.ts';

const SECRET = 'Kx7-first-horse';
const table = { name: optional(anyText, ''), password: optional(anyText, '') };

/** Everything that the refusal of options says. */
const refusalOf = (options: string): string => {
  try {
    readOptions(readPairs(tokenize(options)), table, NO_LOOKUP);
  } catch (caught) {
    const { stack, hint, data } = asFault(caught);
    return `${stack} ${hint} ${JSON.stringify(data)}`;
  }
  throw new Error('it is not refused');
};

test.each([
  `name = ann and password = "${SECRET}`,
  `name = ann and password = '${SECRET}`,
  `name = ann and password = x(${SECRET}`,
  `name = ann and password = {${SECRET}`,
  `name = ann and password = x and ${SECRET}`,
  `name = ann and password = x and ${SECRET} = y`,
  `name = ann and password = x and =${SECRET}`,
  `password = x and ${SECRET} and name = ann`,
  `password = "x" and (${SECRET})`,
])('no part of a password is in the refusal of its command: %s', (options) => {
  const said = refusalOf(options);
  expect(said).not.toContain(SECRET);
  expect(said).not.toContain(SECRET.toLowerCase());
});

test('where the password is not to blame, the refusal shows what is', () => {
  expect(refusalOf('password = x and name = a and nmae = b')).toContain("unknown option 'nmae'");
  expect(refusalOf('password = x and nmae = b')).toContain('quote a password that has and in it');
});
