import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A secret that is looked for in what a node says and writes. */
export interface Canary {
  readonly what: string;
  readonly forms: readonly string[];
}

/** Base64 of the bytes wherever they begin in what was encoded, without the signs that hold bits of their neighbours. */
const base64Forms = (bytes: Buffer): readonly string[] =>
  [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    const inner = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [inner, inner.replaceAll('-', '+').replaceAll('_', '/')];
  });

/** A secret as it is, in hex and in base64. */
export const canary = (what: string, secret: string | Buffer): Canary => {
  const bytes = Buffer.from(secret as string);
  const hex = bytes.toString('hex');
  return { what, forms: [...new Set([bytes.toString('latin1'), hex, hex.toUpperCase(), ...base64Forms(bytes)])] };
};

/** The private half of the key in a PEM file, whatever it is written as. */
export const keyCanary = (what: string, path: string): Canary => {
  const { d = '' } = createPrivateKey(readFileSync(path)).export({ format: 'jwk' });
  return canary(what, Buffer.from(d, 'base64url'));
};

/** Which of the secrets a text or file holds. */
export const leaksIn = (said: string | Buffer, canaries: readonly Canary[]): readonly string[] => {
  const text = typeof said === 'string' ? said : said.toString('latin1');
  return canaries.filter(({ forms }) => forms.some((form) => text.includes(form))).map(({ what }) => what);
};

/** `FILE: SECRET` for each file below a directory that holds a secret. */
export const leaksBelow = (dir: string, canaries: readonly Canary[]): readonly string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const path = join(entry.parentPath, entry.name);
      return leaksIn(readFileSync(path), canaries).map((what) => `${relative(dir, path)}: ${what}`);
    })
    .toSorted();
