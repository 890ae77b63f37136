import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsOptions, type TlsTarget } from '../../../src/cli/tls.ts';
import { createCa, createCertificate, HAS_OPENSSL } from '../../support/certificates.ts';

const NONE: TlsTarget = { pinned: undefined, ca: undefined, cert: undefined, key: undefined };

describe.skipIf(!HAS_OPENSSL)('the files of a call over TLS', () => {
  let dir: string;
  let junk: string;
  let ca: ReturnType<typeof createCa>;
  let one: ReturnType<typeof createCertificate>;
  let other: ReturnType<typeof createCertificate>;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
    ca = createCa(dir);
    [one, other] = [createCertificate(ca, dir, 'one'), createCertificate(ca, dir, 'other')];
    writeFileSync((junk = join(dir, 'junk.pem')), 'no certificate\n');
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const refusal = (target: Partial<TlsTarget>): string => {
    try {
      tlsOptions({ ...NONE, ...target });
    } catch (caught) {
      expect(caught).toMatchObject({ code: 'CLI_TLS_FILE' });
      return caught instanceof Error ? caught.message : '';
    }
    return '';
  };

  test('are taken where they are what they should be', () => {
    expect(tlsOptions({ ...NONE, ca: ca.cert, ...one })).toMatchObject({
      ca: expect.stringContaining('BEGIN CERTIFICATE') as string,
      key: expect.stringContaining('PRIVATE KEY') as string,
    });
  });

  test('are named where they are not', () => {
    expect(refusal({ ca: junk })).toContain(`--ca, ${junk}, is not what it should be`);
    expect(refusal({ pinned: junk })).toContain(junk);
    expect(refusal({ cert: junk, key: one.key })).toContain(`--cert, ${junk}`);
    expect(refusal({ cert: one.cert, key: junk })).toContain(`--key, ${junk}`);
    expect(refusal({ cert: one.cert, key: other.key })).toContain(`${other.key} is not that of the certificate`);
    expect(refusal({ cert: one.cert })).toContain('with its key');
    expect(refusal({ ca: join(dir, 'none.pem') })).toContain('cannot be read');
  });
});
