import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger, type LogRecord } from '../../../src/base/log.ts';
import type { Person, ShownCertificate } from '../../../src/command/access/access.ts';
import { readTlsFiles } from '../../../src/rest/tls.ts';
import { createCa, createCertificate, HAS_OPENSSL } from '../../support/certificates.ts';
import { rawRequest, type RestNode, startRestNode } from '../../support/rest-node.ts';

type Asked = Omit<RequestOptions, 'headers'> & { readonly headers?: Readonly<Record<string, string>> };

const of = (socket: Socket): TLSSocket => {
  if (socket instanceof TLSSocket) return socket;
  throw new Error('the connection has no TLS');
};

const ANN: Person = { by: 'certificate', name: 'ann', admin: false };

describe.skipIf(!HAS_OPENSSL)('REST over TLS (skipped where openssl is missing)', () => {
  let made: string;
  let dir: string;
  let records: LogRecord[];
  const log = createLogger((record) => records.push(record));
  const file = (name: string): string => join(made, name);
  const put = (from: string, name: string): void => copyFileSync(file(from), join(dir, name));

  beforeAll(() => {
    made = mkdtempSync(join(tmpdir(), 'holdfast-certificates-'));
    const ca = createCa(made);
    createCertificate(ca, made, 'node');
    createCertificate(ca, made, 'renewed');
    createCertificate(ca, made, 'ann');
    createCertificate(createCa(made, 'other-ca'), made, 'stranger');
  });
  afterAll(() => rmSync(made, { recursive: true }));
  beforeEach(() => {
    records = [];
    dir = mkdtempSync(join(made, 'tls-'));
    put('node.pem', 'cert.pem');
    put('node.key', 'key.pem');
    put('ca.pem', 'ca.pem');
    chmodSync(join(dir, 'key.pem'), 0o600);
  });

  const read = (wallMs: number = Date.now()) => readTlsFiles(dir, { clock: { wallMs: () => wallMs }, log });

  test('takes a pair, with or without a CA for clients', async () => {
    expect(await read()).toMatchObject({ ca: readFileSync(file('ca.pem'), 'utf8') });
    rmSync(join(dir, 'ca.pem'));
    expect((await read()).ca).toBeUndefined();
    expect(records).toEqual([]);
    chmodSync(join(dir, 'key.pem'), 0o640);
    await read();
    expect(records).toMatchObject([{ level: 'warn', text: expect.stringContaining('chmod 600') as string }]);
  });

  const DAY_MS = 86_400_000;
  const breaks: readonly [string, string, RegExp, () => unknown][] = [
    ['no certificate', 'cert.pem', /is not there/, () => rmSync(join(dir, 'cert.pem'))],
    ['no key', 'key.pem', /is not there/, () => rmSync(join(dir, 'key.pem'))],
    ['the key of another', 'key.pem', /is not the key of/, () => put('ann.key', 'key.pem')],
    ['a key in place of the certificate', 'cert.pem', /has no certificate/, () => put('node.key', 'cert.pem')],
    ['a certificate in place of the key', 'key.pem', /no private key/, () => put('node.pem', 'key.pem')],
    ['an empty CA', 'ca.pem', /has no certificate/, () => writeFileSync(join(dir, 'ca.pem'), '')],
    [
      'a certificate cut off',
      'cert.pem',
      /has a certificate that cannot be read/,
      () => writeFileSync(join(dir, 'cert.pem'), readFileSync(file('node.pem'), 'utf8').replace(/\n[^\n]{20}/, '\n')),
    ],
  ];
  test.each(breaks)('%s is refused with the name of the file and what to do', async (_, name, words, spoil) => {
    spoil();
    await expect(read()).rejects.toMatchObject({
      code: 'REST_TLS',
      message: expect.stringMatching(words) as string,
      data: { path: join(dir, name) },
      hint: expect.stringMatching(/\w/) as string,
    });
  });

  test('a certificate that has expired, or is not valid yet, is refused', async () => {
    await expect(read(Date.now() + 2 * DAY_MS)).rejects.toMatchObject({ message: /cert\.pem has expired: CN=node/ });
    await expect(read(Date.now() - 2 * DAY_MS)).rejects.toMatchObject({ message: /is not valid yet/ });
  });

  describe('a running server', () => {
    let node: RestNode;
    let shown: (ShownCertificate | undefined)[];
    const start = async (): Promise<void> => {
      shown = [];
      node = await startRestNode({
        tls: dir,
        log,
        access: {
          async admit(_, __, certificate) {
            shown.push(certificate);
            return ANN;
          },
        },
      });
    };
    const ask = (options: Asked = {}): Promise<{ status: number; body: string; certificate: string }> =>
      new Promise((resolve, reject) => {
        const headers = { 'User-Agent': 'AnyLog/1.23', command: 'get status', ...options.headers };
        const ca = readFileSync(file('ca.pem'));
        const asked = request(
          { port: node.port, host: '127.0.0.1', servername: 'localhost', ca, agent: false, ...options, headers },
          (reply) => {
            const { subject } = of(reply.socket).getPeerCertificate();
            const status = reply.statusCode ?? 0;
            void text(reply).then((body) => resolve({ status, body, certificate: String(subject.CN) }), reject);
          },
        );
        asked.on('error', reject).end();
      });
    const pair = (name: string) => ({
      cert: readFileSync(file(`${name}.pem`)),
      key: readFileSync(file(`${name}.key`)),
    });

    test('answers, and passes on whom a certificate names, with the key by which policies name it', async () => {
      await start();
      try {
        expect(await ask()).toMatchObject({ status: 200, body: 'answer to get status', certificate: 'node' });
        await ask(pair('ann'));
        await ask(pair('stranger'));
        await ask({ ...pair('ann'), maxVersion: 'TLSv1.2' });
        const [nobody, ann, stranger, again] = shown;
        expect(nobody).toBeUndefined();
        expect(ann).toMatchObject({ subject: 'CN=ann', wrong: undefined });
        expect(ann?.key).toMatch(/^[0-9a-f]{64}$/);
        expect(again).toEqual(ann);
        expect(stranger).toMatchObject({ subject: 'CN=stranger', wrong: expect.stringMatching(/\w/) as string });
      } finally {
        await node.close();
      }
    });

    test('speaks neither plain HTTP nor TLS 1.1, and is known by the names of its certificate', async () => {
      await start();
      try {
        expect(await rawRequest(node.port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')).not.toContain('200');
        await expect(
          ask({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
        ).rejects.toThrow(/version|protocol|handshake/i);
        expect((await ask({ headers: { host: 'node.example' } })).status).toBe(200);
        expect((await ask({ headers: { host: 'evil.example' } })).status).toBe(403);
        const own = { host: 'node.example', origin: 'https://node.example' };
        expect((await ask({ headers: own })).status).toBe(200);
        expect((await ask({ headers: { ...own, origin: 'https://evil.example' } })).status).toBe(403);
      } finally {
        await node.close();
      }
    });

    test('files that are read again hold from then on; wrong ones change nothing', async () => {
      await start();
      try {
        put('renewed.pem', 'cert.pem');
        await expect(node.reloadTls()).rejects.toMatchObject({ code: 'REST_TLS' });
        expect((await ask()).certificate).toBe('node');
        put('renewed.key', 'key.pem');
        await node.reloadTls();
        expect((await ask()).certificate).toBe('renewed');
        rmSync(join(dir, 'ca.pem'));
        await expect(node.reloadTls()).rejects.toMatchObject({ message: /has come or gone/ });
      } finally {
        await node.close();
      }
    });

    test('a connection that says nothing holds no stop: it is ended before its handshake would time out', async () => {
      await start();
      const silent = connect(node.port, '127.0.0.1');
      const ended = once(silent, 'close');
      await once(silent, 'connect');
      await ask(); // so that the server has taken the one before, too
      await node.close();
      await ended;
      expect(records.filter(({ text }) => /handshake/i.test(text))).toEqual([]);
    }, 4_000);

    test('does not start on wrong files', async () => {
      rmSync(join(dir, 'key.pem'));
      await expect(start()).rejects.toMatchObject({ code: 'REST_TLS' });
    });
  });
});
