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

const read = (path: string, option: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (caught) {
    throw fault('CLI_TLS_FILE', `the file of ${option}, ${path}, cannot be read: ${textOf(caught)}`, { cause: caught });
  }
};

/** Believes one certificate, whoever signed it and whatever name it has. */
const pinnedTo = (path: string): RequestOptions => {
  const pem = read(path, 'the node’s certificate');
  // Loaded here, since most calls have no TLS.
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  const { fingerprint256 } = new X509Certificate(pem);
  return {
    ca: pem,
    allowPartialTrustChain: true,
    checkServerIdentity: (_, shown) =>
      shown.fingerprint256 === fingerprint256 ? undefined : new Error(`it shows another certificate than ${path}`),
  };
};

/** What `node:https` needs. `CLI_TLS_FILE`. */
export const tlsOptions = ({ pinned, ca, cert, key }: TlsTarget): RequestOptions => {
  if ((cert === undefined) !== (key === undefined))
    throw fault('CLI_TLS_FILE', 'a certificate is shown with its key', { hint: 'give both: --cert FILE --key FILE' });
  return {
    minVersion: 'TLSv1.2',
    ...(pinned === undefined ? {} : pinnedTo(pinned)),
    ...(ca === undefined ? {} : { ca: read(ca, '--ca') }),
    ...(cert === undefined || key === undefined ? {} : { cert: read(cert, '--cert'), key: read(key, '--key') }),
  };
};
