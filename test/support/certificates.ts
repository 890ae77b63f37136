import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether certificates can be made here; tests that need one are skipped, and say so, where not. */
export const HAS_OPENSSL = spawnSync('openssl', ['version']).status === 0;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

const openssl = (args: readonly string[]): void => {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

const newKey = (path: string): void => openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path]);

/** A CA of the test's own, good for a day. */
export const createCa = (dir: string, name = 'ca'): Pair => {
  mkdirSync(dir, { recursive: true });
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  newKey(key);
  openssl(['req', '-x509', '-new', '-key', key, '-out', cert, '-days', '1', '-subj', `/CN=${name}`]);
  return { cert, key };
};

/** A certificate for this machine, signed by it and good for a day. */
export const createCertificate = (ca: Pair, dir: string, name: string): Pair => {
  mkdirSync(dir, { recursive: true });
  const [cert, key, request, extensions] = ['pem', 'key', 'csr', 'ext'].map((end) => join(dir, `${name}.${end}`)) as [
    string,
    string,
    string,
    string,
  ];
  newKey(key);
  openssl(['req', '-new', '-key', key, '-out', request, '-subj', `/CN=${name}`]);
  writeFileSync(extensions, 'subjectAltName=DNS:localhost,DNS:node.example,IP:127.0.0.1\n');
  const signed = ['-CA', ca.cert, '-CAkey', ca.key, '-CAcreateserial', '-days', '1', '-extfile', extensions];
  openssl(['x509', '-req', '-in', request, '-out', cert, ...signed]);
  chmodSync(key, 0o600);
  return { cert, key };
};
