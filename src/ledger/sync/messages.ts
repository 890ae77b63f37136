import { z } from 'zod';
import { fault, textOf } from '../../base/errors.ts';
import {
  ENTRIES_WANTED_MAX,
  ENTRY_BODY_BYTES_MAX,
  ENTRY_HEADER_BYTES_MAX,
  ENTRY_SIGNATURE_BYTES,
  SYNC_BATCH_BYTES_MAX,
  SYNC_CLOCK_PAGE_MAX,
  SYNC_PROOFS_MAX,
} from '../../base/limits.ts';
import { canonicalJson, parseCanonical } from '../../codec/canonical.ts';
import { hash } from '../../codec/fields.ts';
import type { RawEntry } from '../../entry/entry.ts';

/** SPEC §1: major only. */
export const LEDGER_SYNC_ID = '/holdfast/ledger-sync/2';
/** The major before, which knows nothing of archived bodies: spoken with nodes that know no other. */
export const LEDGER_SYNC_BEFORE_ID = '/holdfast/ledger-sync/1';

/** SPEC §5: the gossip topic of a network. */
export const ledgerTopic = (network: string): string => `/holdfast/ledger/1/${network}`;

const seq = z.int().min(1);
const net = hash.nullable();
const version = z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hex digits');
/** [author, seq, hash of the author's entry with that seq] */
const heads = z.array(z.tuple([hash, seq, hash])).max(SYNC_CLOCK_PAGE_MAX);
/** [author, seq from which on the author is void] */
const forks = z.array(z.tuple([hash, seq])).max(SYNC_CLOCK_PAGE_MAX);

const control = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ask'), net, version }),
  z.strictObject({
    ...{ kind: z.literal('is'), net, version, same: z.boolean() },
    /** Bodies are archived here. */
    archived: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('clock'), heads, forks, more: z.boolean() }),
  z.strictObject({
    kind: z.literal('want'),
    /** [author, first seq, last seq] */
    ranges: z.array(z.tuple([hash, seq, seq])).max(SYNC_CLOCK_PAGE_MAX),
    proofs: z.array(hash).max(SYNC_PROOFS_MAX),
    hashes: z.array(hash).max(ENTRIES_WANTED_MAX),
    /** Also without their bodies, where a snapshot covers them. */
    bare: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('end') }),
  z.strictObject({ kind: z.literal('have'), net, version, heads, forks }),
]);

/** A message that is JSON. */
export type ControlMessage = z.infer<typeof control>;
/** What the asking side begins an exchange with: its network and metadata version. */
export type AskMessage = Extract<ControlMessage, { kind: 'ask' }>;
/** What the asking side lacks: sequences of logs, proofs of forks, entries by hash. */
export type WantMessage = Extract<ControlMessage, { kind: 'want' }>;
/** News that a node tells unasked: heads and forks that have changed since it told them last. */
export type HaveMessage = Extract<ControlMessage, { kind: 'have' }>;
/** Entries as their authors made them (SPEC §3); as gossip exactly one. */
export interface EntriesMessage {
  readonly kind: 'entries';
  readonly entries: readonly RawEntry[];
}
/** Entries that prove a snapshot: whole ones, to be looked at and not to be kept. */
export interface ProofMessage {
  readonly kind: 'proof';
  readonly entries: readonly RawEntry[];
}
/** Hashes of the entries that it covers, 32 bytes each. */
export interface LogsMessage {
  readonly kind: 'logs';
  readonly logs: readonly { readonly author: string; readonly hashes: Uint8Array }[];
}
/** Any message of the ledger sync, in either direction (SPEC §2, §3). */
export type SyncMessage = ControlMessage | EntriesMessage | ProofMessage | LogsMessage;

/** SPEC §2: the first byte of a frame. */
const CONTROL = 1;
const ENTRIES = 2;
const PROOF = 3;
const LOGS = 4;

const LENGTH_BYTES = 4;
const HASH_BYTES = 32;
const ENTRY_OVERHEAD_BYTES = 2 * LENGTH_BYTES + ENTRY_SIGNATURE_BYTES;

/** The frame of a message that is JSON, in canonical form (SPEC §2). */
export const encodeControl = (message: ControlMessage): Uint8Array => {
  const text = canonicalJson(message);
  const frame = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  frame[0] = CONTROL;
  frame.write(text, 1);
  return frame;
};

/** Whether a frame that was made here has entries in it. */
export const isEntries = (frame: Uint8Array): boolean => frame[0] === ENTRIES;

/** Bytes that an entry takes in a frame. */
const encodedBytes = ({ header, body }: RawEntry): number => ENTRY_OVERHEAD_BYTES + header.byteLength + body.byteLength;

/** SPEC §3: entries as their exact bytes. */
export const encodeEntries = (entries: readonly RawEntry[], kind: 'entries' | 'proof' = 'entries'): Uint8Array => {
  const frame = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + encodedBytes(entry), 1));
  frame[0] = kind === 'entries' ? ENTRIES : PROOF;
  let at = 1;
  const put = (piece: Uint8Array): void => {
    frame.set(piece, at);
    at += piece.byteLength;
  };
  const putSized = (piece: Uint8Array): void => {
    at = frame.writeUInt32BE(piece.byteLength, at);
    put(piece);
  };
  for (const { header, signature, body } of entries) {
    putSized(header);
    put(signature);
    putSized(body);
  }
  return frame;
};

/** SPEC §3: a part of what a snapshot covers. */
export const encodeLogs = (logs: LogsMessage['logs']): Uint8Array =>
  Buffer.concat([
    Buffer.of(LOGS),
    ...logs.flatMap(({ author, hashes }) => {
      const count = Buffer.alloc(LENGTH_BYTES);
      count.writeUInt32BE(hashes.byteLength / HASH_BYTES);
      return [Buffer.from(author, 'hex'), count, hashes];
    }),
  ]);

const malformed = (text: string, cause?: unknown): Error =>
  fault('LEDGER_SYNC_MALFORMED', `ledger sync: ${text}`, { cause });

const decodeEntries = (frame: Buffer, kind: 'entries' | 'proof'): EntriesMessage | ProofMessage => {
  const entries: RawEntry[] = [];
  let at = 1;
  const take = (bytes: number): Uint8Array => {
    if (at + bytes > frame.byteLength) throw malformed('an entry is cut off');
    at += bytes;
    return frame.subarray(at - bytes, at);
  };
  const takeSized = (piece: string, most: number): Uint8Array => {
    if (at + LENGTH_BYTES > frame.byteLength) throw malformed('an entry is cut off');
    const bytes = frame.readUInt32BE(at);
    if (bytes > most) throw malformed(`${piece} of ${bytes} bytes; at most ${most}`);
    at += LENGTH_BYTES;
    return take(bytes);
  };
  while (at < frame.byteLength) {
    const header = takeSized('header', ENTRY_HEADER_BYTES_MAX);
    const signature = take(ENTRY_SIGNATURE_BYTES);
    entries.push({ header, signature, body: takeSized('body', ENTRY_BODY_BYTES_MAX) });
  }
  if (entries.length === 0) throw malformed('a frame of entries without an entry');
  return { kind, entries };
};

const decodeLogs = (frame: Buffer): LogsMessage => {
  const logs: { author: string; hashes: Uint8Array }[] = [];
  let at = 1;
  const take = (bytes: number): Buffer => {
    if (at + bytes > frame.byteLength) throw malformed('a log is cut off');
    at += bytes;
    return frame.subarray(at - bytes, at);
  };
  while (at < frame.byteLength) {
    const author = take(HASH_BYTES).toString('hex');
    const count = take(LENGTH_BYTES).readUInt32BE();
    if (count === 0) throw malformed('a log without an entry');
    logs.push({ author, hashes: take(count * HASH_BYTES) });
  }
  if (logs.length === 0) throw malformed('a frame of logs without a log');
  return { kind: 'logs', logs };
};

const decodeControl = (bytes: Uint8Array): ControlMessage => {
  let value: unknown;
  try {
    value = parseCanonical(bytes);
  } catch (caught) {
    throw malformed(textOf(caught), caught);
  }
  const parsed = control.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw malformed(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
};

/** A frame of either side. `LEDGER_SYNC_MALFORMED`. The entries are views of the frame. */
export const decodeMessage = (frame: Uint8Array): SyncMessage => {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (bytes[0] === CONTROL) return decodeControl(bytes.subarray(1));
  if (bytes[0] === ENTRIES) return decodeEntries(bytes, 'entries');
  if (bytes[0] === PROOF) return decodeEntries(bytes, 'proof');
  if (bytes[0] === LOGS) return decodeLogs(bytes);
  throw malformed(`unknown kind of frame ${bytes[0] ?? 'without a byte'}`);
};

/** SPEC §5: a gossip message is a frame of one entry. `LEDGER_SYNC_MALFORMED`. */
export const decodeGossip = (data: Uint8Array): RawEntry => {
  const message = decodeMessage(data);
  const [entry, ...rest] = message.kind === 'entries' ? message.entries : [];
  if (entry === undefined || rest.length > 0) throw malformed('gossip is not one entry');
  return entry;
};

/** Cuts entries into frames of at most `SYNC_BATCH_BYTES_MAX` and one entry. */
export class EntryBatch {
  #entries: RawEntry[] = [];
  #bytes = 0;

  /** Adds an entry; returns the frame that it fills, if it does. */
  add(entry: RawEntry): Uint8Array | undefined {
    this.#entries.push(entry);
    this.#bytes += encodedBytes(entry);
    return this.#bytes >= SYNC_BATCH_BYTES_MAX ? this.take() : undefined;
  }

  /** The frame of what is left, if anything is. */
  take(): Uint8Array | undefined {
    if (this.#entries.length === 0) return undefined;
    const frame = encodeEntries(this.#entries);
    this.#entries = [];
    this.#bytes = 0;
    return frame;
  }
}
