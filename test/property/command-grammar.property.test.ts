import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HoldfastError } from '../../src/base/errors.ts';
import { atOnce } from '../../src/base/slices.ts';
import { complete } from '../../src/command/completion.ts';
import { allCommands } from '../../src/command/commands/all.ts';
import { parseDate } from '../../src/command/grammar/dates.ts';
import { tokenize } from '../../src/command/grammar/lexer.ts';
import { parseLine } from '../../src/command/grammar/line.ts';
import { readPairs } from '../../src/command/grammar/pairs.ts';
import { splitScript } from '../../src/command/grammar/script.ts';
import { literalOf, typedForm, valueOfRun } from '../../src/command/grammar/values.ts';
import { NO_LOOKUP } from '../../src/command/options.ts';
import { Registry } from '../../src/command/registry.ts';
import { parseDestination } from '../../src/command/remote/destination.ts';
import { renderTable } from '../../src/command/table.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 500);

/** Runs `work`; anything but a typed error is a failure. */
const onlyOurs = (work: () => unknown): void => {
  try {
    work();
  } catch (caught) {
    if (!(caught instanceof HoldfastError)) throw caught;
  }
};

/** Text made of what the grammar gives a meaning to, so that most of it is nearly right. */
const word = fc.constantFrom(
  'get',
  'blockchain',
  'where',
  'and',
  'bring',
  'run client',
  'sql',
  '=',
  '==',
  '(',
  ')',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '`',
  '!x',
  '!!x.int',
  '$HOME',
  ',',
  '<',
  '>',
  '#',
  '\\',
  ':',
  'if',
  'then',
  'not',
  'set',
  'policy',
  'insert',
  '-30d',
  '10.0.0.1:7848',
  'where format = json',
  '{"a": 1}',
  "{'a': !x}",
  '[a][b]',
  'and [c] + v',
  '\n',
  '\u0000',
  '😀',
  '__proto__',
  '..',
  '/',
  '%',
  '*',
);
const line = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.array(word, { maxLength: 14 }).map((words) => words.join(' ')),
  fc.array(word, { maxLength: 14 }).map((words) => words.join('')),
);

const registry = new Registry(allCommands());

describe('the grammar answers or throws a typed error, whatever it is given', () => {
  it.each<readonly [string, (text: string) => unknown]>([
    ['tokens', tokenize],
    ['lines', parseLine],
    ['scripts', (text) => atOnce(splitScript(text))],
    ['options', (text) => readPairs(tokenize(text))],
    ['JSON', (text) => literalOf(text, NO_LOOKUP)],
    ['dates', (text) => parseDate(text, 0)],
    ['destinations', (text) => parseDestination(text, NO_LOOKUP)],
    ['commands', (text) => registry.get(tokenize(text))],
    ['completion', (text) => complete(registry, text, tokenize(text))],
  ])('%s', (_, parse) => {
    fc.assert(
      fc.property(line, (text) => onlyOurs(() => parse(text))),
      { numRuns },
    );
  });
});

describe('what is written is read again', () => {
  it('a value in its typed form is itself', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        // A backslash before a quote is the escape itself; NUL is refused.
        fc.pre(!/[\\\0]/.test(text) && !/^[!$]/.test(text));
        const tokens = tokenize(`x = ${typedForm(text)}`);
        return valueOfRun(tokens.slice(2), NO_LOOKUP) === text;
      }),
      { numRuns },
    );
  });

  it('JSON is JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        return JSON.stringify(literalOf(text, NO_LOOKUP)) === JSON.stringify(JSON.parse(text));
      }),
      { numRuns },
    );
  });
});

it('every line of a table is as wide as its dashes, whatever the cells hold', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 250 }),
    fc.integer(),
    fc.boolean(),
    fc.constant(undefined),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 6 }), (rows) => {
      const lines = renderTable(['One', ['Two', 'Lines']], rows).split('\n');
      const widths = new Set(lines.map((each) => Array.from(each).length));
      const cells = new Set(lines.slice(2).map((each) => each.split('|').length));
      return widths.size === 1 && cells.size === 1;
    }),
    { numRuns },
  );
});
