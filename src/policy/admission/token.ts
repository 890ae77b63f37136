import { z } from 'zod';
import { fault } from '../../base/errors.ts';
import { DIAL_TARGETS_MAX, NETWORK_NAME_CHARS_MAX } from '../../base/limits.ts';
import { hash } from '../../codec/fields.ts';
import { ROLES } from '../authority/roles.ts';

/** Raised with the prefix when a field changes its meaning. */
const PREFIX = 'holdfast-invite-1.';
const TOKEN_CHARS_MAX = 16_384;

const schema = z.object({
  net: hash,
  name: z.string().max(NETWORK_NAME_CHARS_MAX),
  seeds: z.array(z.string().max(300)).max(DIAL_TARGETS_MAX),
  grant: hash,
  time: z.int().min(0),
  key: hash,
  roles: z.array(z.enum(ROLES)),
  expires: z.int().min(0),
});

/** Everything that a node needs to join: what `create invite` prints as one line. It is a secret for good. */
export interface InviteToken {
  /** Network id, and its name for people. */
  readonly net: string;
  readonly name: string;
  /** Addresses `HOST:PORT` of nodes that may let it in. */
  readonly seeds: readonly string[];
  /** Hash and stated time (microseconds since 1970) of the invite's entry. */
  readonly grant: string;
  readonly time: number;
  /** Seed of the invite's key pair, 64 hex digits. */
  readonly key: string;
  readonly roles: readonly (typeof ROLES)[number][];
  /** Microseconds since 1970. */
  readonly expires: number;
}

/** The token as one line of text, to be given to `--invite`. */
export const encodeToken = (token: InviteToken): string =>
  PREFIX + Buffer.from(JSON.stringify(token)).toString('base64url');

/** Throws `JOIN_TOKEN_MALFORMED`; the token itself is never part of a message. */
export const decodeToken = (text: string): InviteToken => {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX) || trimmed.length > TOKEN_CHARS_MAX)
    throw malformed(`an invite begins with ${PREFIX}`);
  try {
    return schema.parse(JSON.parse(Buffer.from(trimmed.slice(PREFIX.length), 'base64url').toString('utf8')));
  } catch (caught) {
    // What JSON.parse says quotes what it stumbled over, and that is a part of the secret.
    throw malformed(
      caught instanceof z.ZodError ? 'a part of it is missing or wrong' : 'it is not whole, or was changed',
    );
  }
};

const malformed = (why: string): Error =>
  fault('JOIN_TOKEN_MALFORMED', `the invite cannot be read: ${why}`, {
    hint: 'copy the whole line that `create invite` printed, or ask for another',
  });

/** A text for a log: the lines of invites in it say no more than that they are such. */
export const withoutTokens = (text: string): string => text.replace(/holdfast-invite-1\.[\w-]*/g, `${PREFIX}…`);
