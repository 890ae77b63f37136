import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { asTyped, printFault, printText } from '../../../src/cli/terminal.ts';

const HOSTILE = 'a\u001b]0;title\u0007\u001b[31m\u009b2J\rb\u202e\n\tc';
const SHOWN = 'a\\u001b]0;title\\u0007\\u001b[31m\\u009b2J\\rb\\u202e\n\tc\n';

const stream = (isTTY: boolean) => Object.assign(new PassThrough(), { isTTY });
const written = (to: PassThrough): string => String(to.read() ?? '');

test('what others wrote does not drive a terminal; a file has it byte for byte', () => {
  const [terminal, file] = [stream(true), stream(false)];
  printText(terminal, HOSTILE);
  printText(file, HOSTILE);
  expect(written(terminal)).toBe(SHOWN);
  expect(written(file)).toBe(`${HOSTILE}\n`);
});

test('nor does an error with its hint, nor what was printed before', () => {
  const [stdout, stderr] = [stream(true), stream(true)];
  const error = fault('CLI_COMMAND_FAILED', HOSTILE, { hint: HOSTILE, data: { printed: [HOSTILE] } });
  printFault({ stdin: new PassThrough(), stdout, stderr }, error);
  expect(written(stdout)).toBe(SHOWN);
  const [message, hint] = written(stderr).split('  hint: ');
  expect(message?.endsWith(` ${SHOWN}`)).toBe(true);
  expect(hint).toBe(SHOWN);
});

test('who began the program by npx is told to type it so', () => {
  for (const [text, typed] of [
    ['start it: holdfast start --dir /a/holdfast start', 'start it: npx holdfast start --dir /a/holdfast start'],
    ['see holdfast --help', 'see npx holdfast --help'],
    [
      'npx holdfast exec "x"; ./holdfast exec "x"; holdfast is',
      'npx holdfast exec "x"; ./holdfast exec "x"; holdfast is',
    ],
  ] as const) {
    expect(asTyped({ byNpx: true }, text)).toBe(typed);
    expect(asTyped({}, text)).toBe(text);
  }
  const stderr = stream(false);
  const error = fault('CLI_TARGET', 'no', { hint: 'holdfast exec' });
  printFault({ stdin: new PassThrough(), stdout: stream(false), stderr, byNpx: true }, error);
  expect(written(stderr)).toContain('hint: npx holdfast exec');
});
