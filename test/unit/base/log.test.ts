import { expect, test } from 'vitest';
import { logLine } from '../../../src/base/log.ts';

const line = (text: string, data?: Readonly<Record<string, unknown>>): string =>
  logLine({ level: 'warn', area: 'operator', text, data });

test('a notice is one line, whatever the names in it hold', () => {
  expect(line('a.json failed', { text: 'x\ny', count: 2 })).toBe(
    'warn operator: a.json failed {"text":"x\\ny","count":2}\n',
  );
  expect(line('a\nerror: the disk is gone\r\u2028\u0085\u001b[2K\u202eb\t')).toBe(
    'warn operator: a\\nerror: the disk is gone\\r\\u2028\\u0085\\u001b[2K\\u202eb\\t\n',
  );
  expect(line('Zürich 日本語 👩‍🔧', {})).toBe('warn operator: Zürich 日本語 👩‍🔧\n');
});
