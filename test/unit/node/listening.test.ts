import { expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { createLogger, silentLogger } from '../../../src/base/log.ts';
import { listenedAt, listening } from '../../../src/node/listening.ts';

const ANY = '127.0.0.1:0';

test.each([
  [{ listen: ANY, listened: '127.0.0.1:41000' }, '127.0.0.1:41000'],
  [{ listen: ANY, listened: '10.0.0.1:41000' }, ANY],
  [{ listen: ANY, listened: undefined }, ANY],
  [{ listen: '127.0.0.1:7', listened: '127.0.0.1:41000' }, '127.0.0.1:7'],
  [{ listen: '[::1]:0', listened: '[::1]:41000' }, '[::1]:41000'],
])('port 0 is the one of the start before: %j', async (told, wanted) => {
  expect(await listening(told, silentLogger, async (listen) => listen)).toBe(wanted);
});

test('where that is taken another is, and the node says so; other failures stay', async () => {
  const said: string[] = [];
  const log = createLogger(({ level, text }) => said.push(`${level} ${text}`));
  const told = { listen: ANY, listened: '127.0.0.1:41000' };
  const start = (code: string) => async (listen: string) => {
    if (listen !== ANY) throw fault(code, 'no');
    return listen;
  };
  expect(await listening(told, log, start('NETWORK_PORT_TAKEN'))).toBe(ANY);
  expect(said).toEqual([expect.stringMatching(/^warn .*127\.0\.0\.1:41000.*another port/)]);
  await expect(listening(told, log, start('NETWORK_LISTEN_FAILED'))).rejects.toMatchObject({
    code: 'NETWORK_LISTEN_FAILED',
  });
});

test('what is kept has the host as it was told', () => {
  expect([listenedAt('localhost:0', '127.0.0.1:41000'), listenedAt('127.0.0.1:7', '127.0.0.1:7')]).toEqual([
    'localhost:41000',
    undefined,
  ]);
});
