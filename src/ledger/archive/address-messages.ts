import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import { ARCHIVE_ADDRESSES_MAX } from '../../base/limits.ts';
import { hash } from '../../codec/fields.ts';
import { decodeMessage } from '../../codec/message.ts';

/** SPEC: only the major is in the id. */
export const ARCHIVE_ADDRESSES_PROTOCOL = '/holdfast/archive-addresses/1';

const FRAME_BYTES = 65_536;
/** Of an address that is told. */
export const ADDRESS_CHARS_MAX = 300;
const address = z.string().max(ADDRESS_CHARS_MAX);
const question = z.strictObject({ ask: z.literal('addresses') });
const answer = z.strictObject({
  /** Where the node that answers listens. */
  listen: address,
  archives: z.array(z.strictObject({ key: hash, address })).max(ARCHIVE_ADDRESSES_MAX),
});
/** Asks a peer where it listens and what it knows of archives (SPEC, Where they are). */
export type AddressesQuestion = z.infer<typeof question>;
/** What the peer says: its own address, and those of archives by their keys. */
export type AddressesAnswer = z.infer<typeof answer>;

const malformed = (what: string): HoldfastError => fault('LEDGER_ARCHIVE_MALFORMED', `archive addresses: ${what}`);

/** One frame: JSON in UTF-8. */
export const encodeAddresses = (message: AddressesQuestion | AddressesAnswer): Uint8Array =>
  Buffer.from(JSON.stringify(message));

const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T => {
  if (frame.byteLength > FRAME_BYTES) throw malformed(`a message of ${frame.byteLength} bytes`);
  return decodeMessage(schema, frame, malformed);
};

/** Throws `LEDGER_ARCHIVE_MALFORMED`. */
export const decodeAddressesQuestion = (frame: Uint8Array): AddressesQuestion => decode(question, frame);
/** Throws `LEDGER_ARCHIVE_MALFORMED`. */
export const decodeAddressesAnswer = (frame: Uint8Array): AddressesAnswer => decode(answer, frame);
