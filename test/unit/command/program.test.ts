import { describe, expect, it } from 'vitest';
import { fault, HoldfastError } from '../../../src/base/errors.ts';
import { SCRIPT_STEPS_MAX, VALUE_CHARS_MAX } from '../../../src/base/limits.ts';
import { atOnce } from '../../../src/base/slices.ts';
import { Flow } from '../../../src/command/grammar/flow.ts';
import { readProgram } from '../../../src/command/grammar/program.ts';
import { splitScript } from '../../../src/command/grammar/script.ts';
import type { Lookup } from '../../../src/command/grammar/values.ts';

const NOTHING: Lookup = { variable: () => undefined, environment: () => undefined };

const flowOf = (script: string): Flow => new Flow(atOnce(readProgram(atOnce(splitScript(script)))));

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (caught) {
    return caught instanceof HoldfastError ? caught.code : String(caught);
  }
  return 'none';
};

describe('the flow of a script', () => {
  /** The lines that it runs, in order; those that are `fail` fail. */
  const ran = (script: string, variables: Readonly<Record<string, string>> = {}): readonly string[] => {
    const flow = flowOf(script);
    const lines: string[] = [];
    const lookup: Lookup = { variable: (name) => variables[name], environment: () => undefined };
    for (let line = flow.next(lookup); line !== undefined; line = flow.next(lookup)) {
      const { command } = line;
      if (command === undefined) continue;
      lines.push(command);
      if (command.startsWith('fail') && flow.failed(fault('COMMAND_VALUE', command)) !== undefined) break;
    }
    return lines;
  };
  const LOOP = 'for loop start where list = !l\nstart !l[+]\nfor loop end\nend';
  const CHOICE = 'if !a then one\ndo two\nelse if !b\ndo three\ndo four\nelse do five\ndo six\nend';

  it.each<readonly [string, readonly string[], Readonly<Record<string, string>>]>([
    [CHOICE, ['one', 'two', 'end'], { a: 'x', b: 'x' }],
    [CHOICE, ['three', 'four', 'end'], { b: 'x' }],
    [CHOICE, ['five', 'six', 'end'], {}],
    ['if not !a then # none\ndo one\nelse two', ['one'], {}],
    ['if !a then if !b then one\nelse two', [], { a: 'x' }],
    ['if !a then one else two\nend', ['one', 'end'], { a: 'x' }],
    ['if !a then one else two\nend', ['two', 'end'], {}],
    ['if !a then one else if !b then two else three', ['three'], {}],
    ['if !a then if !b then one else two', ['two'], { a: 'x' }],
    ['if !a then if !b then one else two else three', ['three'], {}],
    ['if !a then goto out else one\ntwo\n:out:\nend', ['one', 'two', 'end'], {}],
    ['if !a then one\nelse if !b then two else three\nend', ['three', 'end'], {}],
    ['if !a then one\nelse if !b then two else three\nend', ['one', 'end'], { a: 'x', b: 'x' }],
    ['if !a then one\ntwo\nif !a then three', ['two'], {}],
    ['goto b\n:a:\none\ngoto c\n:b: # here\ntwo\ngoto a\n:c:\nthree', ['two', 'one', 'three'], {}],
    ['if !a then goto end-script\none\n:end-script:\nend script\ntwo', [], { a: 'x' }],
    ['if !a then call s\nelse two\nthree\nend script\n:s:\none\nreturn\nfour', ['one', 'three'], { a: 'x' }],
    ['if !a\ndo call s\ndo two\nexit scripts\n:s:\none\nreturn', ['one', 'two'], { a: 'x' }],
    ['one\nreturn\ntwo', ['one'], {}],
    ['fail\none', ['fail'], {}],
    ['on error ignore\nfail\none\non error end script\nfail\ntwo', ['fail', 'one', 'fail'], {}],
    ['on error goto oops\nfail\none\n:oops:\ntwo', ['fail', 'two'], {}],
    ['on error call oops\nfail\none\nend script\n:oops:\ntwo\nreturn', ['fail', 'two', 'one'], {}],
    ['if !a then on error ignore\nelse on error end script\nfail\none', ['fail', 'one'], { a: 'x' }],
    [LOOP, ['start !l[+]', 'start !l[+]', 'end'], { l: '["p", "q"]' }],
    [LOOP, ['end'], {}],
    [
      'for loop start where list = !l\nfor loop start where list = !m\none\nfor loop end\ntwo\nfor loop end',
      'one one two one one two'.split(' '),
      { l: '[1,2]', m: '[1,2]' },
    ],
    [
      'for loop start where list = !l\none\nif !l[+] == 2 then goto out\nfor loop end\n:out:\ntwo',
      ['one', 'one', 'two'],
      { l: '[1,2,3]' },
    ],
    [
      'for loop start where list = !l\nif !l[+] == 2 then goto next\none\n:next:\nfor loop end\ntwo',
      ['one', 'one', 'two'],
      { l: '[1,2,3]' },
    ],
    [
      'for loop start where list = !l\ncall s\nfor loop end\nend script\n:s:\none\nreturn',
      ['one', 'one'],
      { l: '[1,2]' },
    ],
    ['goto in\nfor loop start where list = !l\none\n:in:\ntwo\nfor loop end\nthree', ['two', 'three'], { l: '[1,2]' }],
    ['on error goto oops\nfail\n:oops:\ntwo\nfail\nthree', ['fail', 'two', 'fail'], {}],
    ['on error call oops\nfail\none\nfail\nend script\n:oops:\ntwo\nreturn', ['fail', 'two', 'one', 'fail', 'two'], {}],
    ['on error call oops\nfail\none\n:oops:\ntwo\nfail\nreturn', ['fail', 'two', 'fail'], {}],
    [':again:\non error goto again\nif !x then goto out\nfail\n:out:\nend', ['end'], { x: 'y' }],
  ])('%j', (script, expected, variables) => {
    expect(ran(script, variables)).toEqual(expected);
  });

  it('tells the first failure, and that what it led to failed', () => {
    const flow = flowOf('on error goto oops\nfail\n:oops:\nfail');
    for (const _ of [1, 2]) flow.next(NOTHING);
    expect(flow.failed(fault('COMMAND_VALUE', 'first', { hint: 'do this' }))).toBeUndefined();
    flow.next(NOTHING);
    expect(flow.failed(fault('COMMAND_UNKNOWN', 'second'))).toMatchObject({
      code: 'COMMAND_VALUE',
      message: 'first; what `on error` led to failed as well: second',
      hint: expect.stringMatching(/^do this; .*on error … once more/) as string,
    });
  });

  it('leads away again once the script says so anew', () => {
    const again = ':again:\non error goto again\nfail';
    expect(() => ran(again)).toThrow('has not ended');
  });

  it('refuses a loop over what is no list', () => {
    expect(codeOf(() => ran('for loop start where list = !l\none\nfor loop end', { l: 'text' }))).toBe('COMMAND_VALUE');
  });

  it.each([
    'else one',
    'do one',
    'if !a then one\ntwo\nelse three',
    'if !a then one\n:x:\nelse three',
    'goto nowhere',
    'if !a then goto nowhere',
    'on error call nowhere',
    ':a:\none\n:a:',
    'goto',
    'goto a b',
    'if !a one',
    'on error panic',
    'if !a then one else',
    'if !a then else one',
    'if !a then one else two else three',
    'if !a then one else two\nelse three',
    'if !a then one\nelse if !b then two else three\nelse four',
    'if !a then one else for loop end',
    'if !a then one\nelse two\ndo three\nelse four',
    'for loop start where list = !l\none',
    'one\nfor loop end',
    'for loop start\none\nfor loop end',
    'for loop start where list = one\none\nfor loop end',
    'if !a then for loop start where list = !l\nfor loop end',
    'if !a then if !b then for loop start where list = !l',
    'for loop start where list = !l\nif !a then if !b then for loop end\nfor loop end',
  ])('refuses %j before anything runs', (script) => {
    expect(codeOf(() => ran(script))).toBe('COMMAND_SYNTAX');
  });

  it('gives back each line, also one that only leads on, so that others have their turn in a loop without commands', () => {
    const flow = flowOf(':a:\nif !x then goto a\ngoto a');
    expect([1, 2, 3].map(() => flow.next(NOTHING))).toEqual([1, 2, 3].map(() => ({ command: undefined })));
  });

  it('may go on for ever where a line waits in between', () => {
    const flow = flowOf(':a:\nwait 1\ngoto a');
    for (let turn = 0; turn < SCRIPT_STEPS_MAX; turn += 1)
      if (flow.next(NOTHING)?.command !== undefined && turn % 1_000 === 0) flow.rested();
    expect(flow.next(NOTHING)).toBeDefined();
  });

  it('looks through a bounded amount in each line, and again as much in the next', () => {
    const big = `["${'x'.repeat(VALUE_CHARS_MAX - 4)}"]`;
    const condition = 'if !l.len == 1 and !l.len == 1 then ';
    expect(ran(`${condition}one\n`.repeat(20), { l: big })).toHaveLength(20);
    expect(codeOf(() => ran(`if ${'!l[0] == 1 or '.repeat(20)} !l then one`, { l: big }))).toBe('COMMAND_REFERENCES');
  });

  it('ends what goes round and round, and calls without end', () => {
    expect(codeOf(() => ran(':a:\ngoto a'))).toBe('COMMAND_SCRIPT_STEPS');
    expect(codeOf(() => ran(':a:\none\ngoto a'))).toBe('COMMAND_SCRIPT_STEPS');
    expect(ran('on error goto a\n:a:\nfail\none')).toEqual(['fail', 'fail']);
    expect(codeOf(() => ran(':a:\ncall a'))).toBe('COMMAND_DEPTH');
    expect(ran('on error call a\n:a:\nfail\none')).toEqual(['fail', 'fail']);
  });
});
