import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { fault } from '../base/errors.ts';

/** Who may be meant and who may ask. */
export interface GuardOptions {
  /** The host that REST was bound to, as configured. */
  readonly boundHost: string;
  /** Whether the node's certificate has the name: then a browser has made sure that it speaks to this node. */
  readonly isCertified?: (name: string) => boolean;
}

/** The name in `name:port`, lower case, without the brackets of an IPv6 address; undefined where it is malformed. */
const nameOf = (host: string): string | undefined => {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(host);
  return (found?.[1] ?? found?.[2])?.toLowerCase();
};

/**
 * A page of another site may make a browser on this machine speak to this node: by a name that it lets point here (the
 * `Host` is then foreign), or openly (the `Origin` is). An address in the `Host` cannot have been pointed anywhere.
 */
const isOwnHost = (host: string, { boundHost, isCertified }: GuardOptions): boolean => {
  const name = nameOf(host);
  if (name === undefined) return false;
  const own = hostname().toLowerCase();
  return (
    isIP(name) !== 0 ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === boundHost.toLowerCase() ||
    name === own ||
    name === `${own}.local` ||
    isCertified?.(name) === true
  );
};

const isOwnOrigin = (origin: string, host: string | undefined): boolean => {
  const parsed = URL.parse(origin);
  if (parsed === null || parsed.host === '') return false;
  return parsed.host === host?.toLowerCase().replace(parsed.protocol === 'https:' ? /:443$/ : /:80$/, '');
};

/** Headers of a request that say where it comes from. */
export interface Provenance {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`: how a browser relates the page that asks to this node. */
  readonly site: string | undefined;
}

/** Throws `REST_HOST` or `REST_ORIGIN` for what another site's page sends through a browser. */
export const checkProvenance = ({ host, origin, site }: Provenance, options: GuardOptions): void => {
  if (host !== undefined && !isOwnHost(host, options))
    throw fault(
      'REST_HOST',
      `the request is for the host ${JSON.stringify(host.slice(0, 200))}, which is not this node`,
      {
        hint: 'use an IP address, localhost or the host’s name, or start the node with --rest NAME:PORT',
      },
    );
  const foreign = origin === undefined ? site === 'cross-site' || site === 'same-site' : !isOwnOrigin(origin, host);
  if (foreign)
    throw fault(
      'REST_ORIGIN',
      `a page of ${origin === undefined ? 'another site' : JSON.stringify(origin.slice(0, 200))} may not command this node`,
      {
        hint: 'let the page’s own server ask the node',
      },
    );
};
