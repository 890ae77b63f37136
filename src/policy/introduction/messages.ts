import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import { GRANT_CHAIN_MAX, INTRODUCTION_BYTES_MAX } from '../../base/limits.ts';
import { hash } from '../../codec/fields.ts';
import { decodeMessage } from '../../codec/message.ts';
import type { RawEntry } from '../../entry/entry.ts';
import { entryPieces, piecesOf, rawOf } from '../admission/messages.ts';

/** SPEC: only the major is in the id; a new major is a new folder. */
export const INTRODUCE_PROTOCOL = '/holdfast/introduce/1';

const introduction = z.object({
  net: hash.nullable(),
  entries: z.array(entryPieces).max(GRANT_CHAIN_MAX + 1),
});

/** What a node shows of itself. */
export interface Introduction {
  /** Its network; null while it belongs to none. */
  readonly net: string | null;
  /** From the grant that cites genesis down to its own. */
  readonly entries: readonly RawEntry[];
}

const malformed = (what: string): HoldfastError => fault('JOIN_MALFORMED', what);

/** Throws `JOIN_MALFORMED` where the chain is longer than a node may send. */
export const encodeIntroduction = ({ net, entries }: Introduction): Uint8Array => {
  const frame = Buffer.from(JSON.stringify({ net, entries: entries.map(piecesOf) }));
  if (frame.byteLength > INTRODUCTION_BYTES_MAX)
    throw malformed('the grants above this node’s own are too long to show');
  return frame;
};

/** Unchecked but for its form. Throws `JOIN_MALFORMED`. */
export const decodeIntroduction = (frame: Uint8Array): Introduction => {
  if (frame.byteLength > INTRODUCTION_BYTES_MAX) throw malformed(`an introduction of ${frame.byteLength} bytes`);
  const { net, entries } = decodeMessage(introduction, frame, malformed);
  return { net, entries: entries.map(rawOf) };
};
