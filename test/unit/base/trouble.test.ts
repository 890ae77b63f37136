import { expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { createLogger } from '../../../src/base/log.ts';
import { Trouble } from '../../../src/base/trouble.ts';

test('a trouble is said when it begins, when it is of another kind, and when it is over', () => {
  const said: string[] = [];
  const trouble = new Trouble(
    createLogger(({ level, text }) => said.push(`${level}: ${text}`)),
    'well again',
  );
  trouble.ends();
  for (const free of [3, 2, 1])
    trouble.meets(fault('DISK_NO_ROOM', `${free} MB are free`, { hint: 'free some' }), `not stored: ${free}`);
  const code = (name: string): Error => Object.assign(new Error(name), { code: name });
  trouble.meets(code('ENOSPC'), 'no space');
  trouble.meets(code('EROFS'), 'read-only');
  trouble.meets(code('ENOSPC'), 'no space again');
  trouble.ends();
  trouble.ends();
  trouble.meets(code('EROFS'), 'anew');
  expect(said).toEqual([
    'error: not stored: 3',
    'error: no space',
    'error: read-only',
    'info: well again',
    'error: anew',
  ]);
});
