import type { IncomingHttpHeaders } from 'node:http';
import { fault } from '../base/errors.ts';

/** What a request says in its headers or, in the URL form, after each `?`. Names are lower case. */
export type RestHeaders = ReadonlyMap<string, string>;

const NAMES = [
  'user-agent',
  'anylog-agent',
  'command',
  'destination',
  'standing',
  'subset',
  'timeout',
  'assignment',
  'topic',
  'type',
  'dbms',
  'table',
  'mode',
  'source',
  'instructions',
  'format',
  'titles',
] as const;

/** Every `?` starts another header; one that is not before a known name is part of a value. */
const NEXT_NAME = new RegExp(`[?&](?=(?:${NAMES.join('|')})=)`, 'gi');

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Node reads header bytes as latin1; clients send UTF-8. */
const asUtf8 = (value: string): string => {
  if (!/[\u0080-\u00ff]/.test(value)) return value;
  try {
    return UTF8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
};

const decoded = (value: string): string => {
  const blanks = value.includes('%20') ? value : value.replaceAll('+', ' ');
  try {
    return decodeURIComponent(blanks);
  } catch {
    throw fault('REST_HEADERS', `the URL is not well encoded: ${JSON.stringify(value.slice(0, 80))}`, {
      hint: 'write a percent sign as %25',
    });
  }
};

/** What a request is about: its path without the query, and its headers by name. */
export interface RestTarget {
  readonly path: string;
  readonly headers: RestHeaders;
}

/** Path and headers of a request; what the URL says goes over the headers. Throws `REST_HEADERS`. */
export const readTarget = (url: string, given: IncomingHttpHeaders): RestTarget => {
  const headers = new Map<string, string>();
  for (const name of NAMES) {
    const value = given[name];
    if (value !== undefined) headers.set(name, asUtf8(Array.isArray(value) ? value.join(', ') : value).trim());
  }
  const local = url.replace(/^https?:\/\/[^/?]*/i, '');
  const query = local.indexOf('?');
  const path = query < 0 ? local : local.slice(0, query);
  for (const part of query < 0 ? [] : local.slice(query).split(NEXT_NAME)) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).toLowerCase();
    if (NAMES.some((known) => known === name)) headers.set(name, decoded(part.slice(equals + 1)).trim());
  }
  return { path: path === '' ? '/' : path, headers };
};
