import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { fault, type HoldfastError, systemCode, textOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ShownCertificate } from '../command/access/access.ts';

/** What the directory of `--rest-tls` holds, checked. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Who signs certificates of clients; undefined where none are asked for. */
  readonly ca: string | undefined;
  /** The node's own: first in `cert.pem`. */
  readonly certificate: X509Certificate;
}

interface Ports {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
}

const refused = (path: string, what: string, hint: string, cause?: unknown): HoldfastError =>
  fault('REST_TLS', `${path} ${what}`, { data: { path }, hint, cause });

const readPem = async (path: string, hint: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (caught) {
    const why = systemCode(caught) === 'ENOENT' ? 'is not there' : `cannot be read: ${textOf(caught)}`;
    throw refused(path, why, hint, caught);
  }
};

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Every certificate of a file, each within its time. */
const certificatesIn = (path: string, pem: string, nowMs: number): readonly [X509Certificate, ...X509Certificate[]] => {
  const [first, ...others] = (pem.match(BLOCK) ?? []).map((block) => {
    try {
      return new X509Certificate(block);
    } catch (caught) {
      throw refused(path, `has a certificate that cannot be read: ${textOf(caught)}`, 'make it anew, in PEM', caught);
    }
  });
  if (first === undefined)
    throw refused(path, 'has no certificate', 'it is PEM text: -----BEGIN CERTIFICATE-----, the node’s own first');
  for (const { subject, validFromDate, validToDate } of [first, ...others]) {
    const name = subject.replaceAll('\n', ', ');
    if (nowMs > validToDate.getTime())
      throw refused(path, `has expired: ${name}, on ${validToDate.toISOString()}`, 'put a new certificate there');
    if (nowMs < validFromDate.getTime())
      throw refused(
        path,
        `is not valid yet: ${name}, from ${validFromDate.toISOString()} on`,
        'check the clock of this machine',
      );
  }
  return [first, ...others];
};

const readKey = (path: string, pem: string): KeyObject => {
  try {
    return createPrivateKey(pem);
  } catch (caught) {
    throw refused(
      path,
      `has no private key that can be used: ${textOf(caught)}`,
      'it is PEM text without a passphrase; its file’s mode protects it: chmod 600',
      caught,
    );
  }
};

/** `cert.pem`, `key.pem` and, where clients show certificates, `ca.pem`. `REST_TLS` names the file and what to do. */
export const readTlsFiles = async (dir: string, { clock, log }: Ports): Promise<TlsFiles> => {
  const paths = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), ca: join(dir, 'ca.pem') };
  const hint = 'the directory of --rest-tls holds cert.pem, key.pem and, for certificates of clients, ca.pem';
  const [cert, key] = [await readPem(paths.cert, hint), await readPem(paths.key, hint)];
  const hasCa = await stat(paths.ca).then(
    () => true,
    (caught: unknown) => systemCode(caught) !== 'ENOENT', // what cannot be looked at is not taken for missing
  );
  const ca = hasCa ? await readPem(paths.ca, 'let the user of the node read it, or remove it') : undefined;
  const [certificate] = certificatesIn(paths.cert, cert, clock.wallMs());
  if (ca !== undefined) certificatesIn(paths.ca, ca, clock.wallMs());
  if (!certificate.checkPrivateKey(readKey(paths.key, key)))
    throw refused(
      paths.key,
      `is not the key of ${paths.cert}`,
      'put the pair there: the node’s own certificate is the first in cert.pem',
    );
  if (((await stat(paths.key)).mode & 0o077) !== 0)
    log.warn(`other users of this machine may read ${paths.key}: chmod 600 it, and if they could, make a new pair`);
  return { cert, key, ca, certificate };
};

/** The files as Node's server takes them. */
export const secureOptions = ({ cert, key, ca }: TlsFiles): ServerOptions => ({
  cert,
  key,
  minVersion: 'TLSv1.2',
  // A certificate that does not hold is refused with words, and who shows none may still show a token.
  ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
});

const shown = new WeakMap<Socket, ShownCertificate>();

/** The key of a certificate as `member` policies name it: SHA-256 of its SubjectPublicKeyInfo. */
const certificateKey = ({ publicKey }: X509Certificate): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/** What the client of a connection has shown and proved to hold; undefined where it showed no certificate. */
export const certificateOf = (socket: Socket): ShownCertificate | undefined => {
  if (!(socket instanceof TLSSocket)) return undefined;
  const known = shown.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const read = {
    key: certificateKey(certificate),
    subject: certificate.subject.replaceAll('\n', ', ').slice(0, 200),
    untilMs: certificate.validToDate.getTime(),
    wrong: socket.authorized ? undefined : String(socket.authorizationError),
  };
  shown.set(socket, read);
  return read;
};
