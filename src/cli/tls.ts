import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { fault, textOf } from '../base/errors.ts';

/** Files of a call over TLS. */
export interface TlsTarget {
  /** The node's own certificate, and no other is believed: for a node of this machine. */
  readonly pinned: string | undefined;
  /** Whose certificates are believed; undefined for the public ones that Node knows. */
  readonly ca: string | undefined;
  /** The certificate to show, and its key. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** The file of an option as it is, and what `parse` makes of it. */
const load = <T>(path: string, option: string, parse: (pem: string) => T): readonly [pem: string, made: T] => {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (caught) {
    throw fault('CLI_TLS_FILE', `the file of ${option}, ${path}, cannot be read: ${textOf(caught)}`, { cause: caught });
  }
  try {
    return [pem, parse(pem)];
  } catch (caught) {
    throw fault('CLI_TLS_FILE', `the file of ${option}, ${path}, is not what it should be: ${textOf(caught)}`, {
      hint: 'certificates and keys are PEM: they begin with -----BEGIN; a key has no password',
      cause: caught,
    });
  }
};

// Loaded here, since most calls have no TLS.
const crypto = () => process.getBuiltinModule('node:crypto');
const certificate = (pem: string) => new (crypto().X509Certificate)(pem);

/** Believes one certificate, whoever signed it and whatever name it has. */
const pinnedTo = (path: string): RequestOptions => {
  const [ca, { fingerprint256 }] = load(path, 'the node’s certificate', certificate);
  return {
    ca,
    allowPartialTrustChain: true,
    checkServerIdentity: (_, shown) =>
      shown.fingerprint256 === fingerprint256 ? undefined : new Error(`it shows another certificate than ${path}`),
  };
};

/** The certificate to show. */
const shownBy = (certPath: string, keyPath: string): RequestOptions => {
  const [cert, x509] = load(certPath, '--cert', certificate);
  const [key, secret] = load(keyPath, '--key', (pem) => crypto().createPrivateKey(pem));
  if (!x509.checkPrivateKey(secret))
    throw fault('CLI_TLS_FILE', `the key ${keyPath} is not that of the certificate ${certPath}`, {
      hint: 'name the two that were made together',
    });
  return { cert, key };
};

/** What `node:https` needs. `CLI_TLS_FILE`. */
export const tlsOptions = ({ pinned, ca, cert, key }: TlsTarget): RequestOptions => {
  if ((cert === undefined) !== (key === undefined))
    throw fault('CLI_TLS_FILE', 'a certificate is shown with its key', { hint: 'give both: --cert FILE --key FILE' });
  return {
    minVersion: 'TLSv1.2',
    ...(pinned === undefined ? {} : pinnedTo(pinned)),
    ...(ca === undefined ? {} : { ca: load(ca, '--ca', certificate)[0] }),
    ...(cert === undefined || key === undefined ? {} : shownBy(cert, key)),
  };
};
