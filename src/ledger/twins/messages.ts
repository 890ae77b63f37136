import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import { TWINS_MAX } from '../../base/limits.ts';
import { decodeMessage } from '../../codec/message.ts';
import { type SigningKey, signWith, verifySignature } from '../../entry/keys.ts';

/** SPEC: only the major is in the id; a new major is a new folder. */
export const TWINS_PROTOCOL = '/holdfast/twins/1';

const MESSAGE_BYTES_MAX = 16_384;
const instance = z.string().regex(/^[0-9a-f]{32}$/);
const presence = z.object({
  /** Random, of one run of a node. */
  instance,
  /** Whether it may append. */
  writes: z.boolean(),
  /** Other instances with the same key that it has been told of, sorted. */
  seen: z.array(instance).max(TWINS_MAX),
  /** Ed25519 by the key that all of them share, 128 hex digits. */
  signature: z.string().regex(/^[0-9a-f]{128}$/),
});
/** What an instance says of itself; whoever passes it on cannot change it. */
export type Presence = z.infer<typeof presence>;

const answer = z.object({ others: z.array(presence).max(TWINS_MAX) });

const signedBytes = (author: string, { instance: id, writes, seen }: Omit<Presence, 'signature'>): Buffer =>
  Buffer.from(`${TWINS_PROTOCOL}\n${author}\n${id}\n${writes ? 'writes' : 'waits'}\n${seen.join(',')}`);

/** What this instance says of itself, signed with the key that it shares with its twins. */
export const makePresence = (key: SigningKey, about: Omit<Presence, 'signature'>): Presence => ({
  ...about,
  signature: Buffer.from(signWith(key, signedBytes(key.author, about))).toString('hex'),
});

/** Whether the signature holds under that key (`author`, 64 hex digits). */
export const presenceHolds = (author: string, about: Presence): boolean =>
  verifySignature(author, signedBytes(author, about), Buffer.from(about.signature, 'hex'));

/** One frame, as the question: JSON in UTF-8. */
export const encodePresence = (about: Presence): Uint8Array => Buffer.from(JSON.stringify(about));
/** One frame, as the answer: the instances that the peer knows beside the one that asked. */
export const encodeOthers = (others: readonly Presence[]): Uint8Array => Buffer.from(JSON.stringify({ others }));

const malformed = (what: string): HoldfastError => fault('LEDGER_TWINS_MALFORMED', what);

const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T => {
  if (frame.byteLength > MESSAGE_BYTES_MAX) throw malformed(`a message of ${frame.byteLength} bytes`);
  return decodeMessage(schema, frame, malformed);
};

/** Throws `LEDGER_TWINS_MALFORMED`. */
export const decodePresence = (frame: Uint8Array): Presence => decode(presence, frame);
/** Throws `LEDGER_TWINS_MALFORMED`. */
export const decodeOthers = (frame: Uint8Array): readonly Presence[] => decode(answer, frame).others;
