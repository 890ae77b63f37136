import {
  SYNC_ANCESTORS_MAX,
  SYNC_COVERED_FRAME_MAX,
  SYNC_COVERED_LOG_HASHES,
  SYNC_LOGS_MERGED_MAX,
  SYNC_READ_AHEAD_BYTES,
} from '../../base/limits.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { compareEntries, type Entry, type EntryHeader, type RawEntry } from '../../entry/entry.ts';
import type { Cover } from '../cover.ts';
import type { Ledger, VoucherSearch } from '../ledger.ts';
import { voucherSearch } from '../proof.ts';
import { encodeEntries, encodeLogs, EntryBatch, type WantMessage } from './messages.ts';

/** What an answer needs of a ledger. */
export type AnswerLedger = Pick<Ledger, 'log' | 'logs' | 'byHash' | 'vouchers' | 'equivocations' | 'erasedBy'>;

type Range = WantMessage['ranges'][number];

/**
 * Frames of entries that answer a `want`: proofs first, then what is missed by name with what leads to it, then the
 * ranges in the ledger's order, so that causes come before effects (SPEC L4). Before an entry whose body is erased
 * comes what erased it; one whose body is archived goes only to whom takes it so, behind what proves the snapshot that
 * covers it; one whose body is missing is left out.
 */
export async function* answerFrames(
  ledger: AnswerLedger,
  want: WantMessage,
  coverHere: () => Promise<Cover | undefined> = async () => undefined,
  search: VoucherSearch = voucherSearch(),
): AsyncGenerator<Uint8Array, void, undefined> {
  const batch = new EntryBatch();
  let cover: Promise<Cover | undefined> | undefined;
  let isProven = false;
  for await (const entries of answerEntries(ledger, want, search))
    for (const entry of entries) {
      const erasure = entry.body.byteLength > 0 ? [] : await erasureOf(ledger, entry);
      if (erasure === undefined) {
        cover ??= want.bare === true ? coverHere() : Promise.resolve(undefined);
        const found = await cover;
        if (found?.logs.has(placed(entry)) !== true) continue;
        if (!isProven) yield* proofFrames(found, batch);
        isProven = true;
      }
      for (const next of [...(erasure ?? []), entry]) {
        const frame = batch.add(next);
        if (frame !== undefined) yield frame;
      }
    }
  const rest = batch.take();
  if (rest !== undefined) yield rest;
}

/** Of an entry that is held. */
const placed = ({ header }: RawEntry): Pick<Entry, 'hash' | 'header'> => ({
  hash: sha256Hex(header),
  header: JSON.parse(Buffer.from(header).toString()) as EntryHeader,
});

/** What comes before the proof goes first: it needs none. */
function* proofFrames({ proof, logs }: Cover, batch: EntryBatch): Generator<Uint8Array, void, undefined> {
  const before = batch.take();
  if (before !== undefined) yield before;
  yield encodeEntries(proof, 'proof');
  let parts: { readonly author: string; readonly hashes: Uint8Array }[] = [];
  let room = FRAME_HASHES * HASH_BYTES;
  for (const author of logs.authors()) {
    const log = logs.log(author);
    for (let at = 0; at < log.byteLength;) {
      const hashes = log.subarray(at, at + room);
      parts.push({ author, hashes });
      at += hashes.byteLength;
      room -= hashes.byteLength + SYNC_COVERED_LOG_HASHES * HASH_BYTES;
      if (room >= HASH_BYTES) continue;
      yield encodeLogs(parts);
      [parts, room] = [[], FRAME_HASHES * HASH_BYTES];
    }
  }
  if (parts.length > 0) yield encodeLogs(parts);
}

const HASH_BYTES = 32;
const FRAME_HASHES = SYNC_COVERED_FRAME_MAX;

/** What goes along with an entry without body; undefined where nothing does: then the entry is not given out. */
const erasureOf = async (ledger: AnswerLedger, { header }: RawEntry): Promise<readonly RawEntry[] | undefined> => {
  const by = ledger.erasedBy(sha256Hex(header));
  const held = by === undefined ? undefined : await ledger.byHash(by);
  return held === undefined ? undefined : [held.entry.raw];
};

async function* answerEntries(
  ledger: AnswerLedger,
  { proofs, hashes, ranges }: WantMessage,
  search: VoucherSearch,
): AsyncGenerator<readonly RawEntry[], void, undefined> {
  const wanted = new Set(proofs);
  for (const proof of ledger.equivocations()) if (wanted.has(proof.author)) yield proof.entries;
  const comesAnyway = rangeCheck(ranges);
  const sent = new Set<string>();
  for (const hash of hashes) {
    const vouchers = await ledger.vouchers(hash, search);
    // No more may be looked for: whoever wants it asks again. What is well signed needs nothing to be looked for.
    if (vouchers === undefined) continue;
    const line = await lineage(ledger, hash, comesAnyway, sent, vouchers.length);
    const others = vouchers.filter((entry) => !sent.has(entry.hash));
    for (const entry of others) sent.add(entry.hash);
    yield [...line, ...others.map(({ raw }) => raw)];
  }
  for (let at = 0; at < ranges.length; at += SYNC_LOGS_MERGED_MAX)
    yield* inOrder(ledger, ranges.slice(at, at + SYNC_LOGS_MERGED_MAX));
}

const rangeCheck = (ranges: readonly Range[]): ((header: EntryHeader) => boolean) => {
  const byAuthor = new Map(ranges.map(([author, from, to]) => [author, { from, to }]));
  return ({ author, seq }) => {
    const range = byAuthor.get(author);
    return range !== undefined && seq >= range.from && seq <= range.to;
  };
};

/**
 * The entry with that hash and those before it in its log, oldest first, except what the ranges bring anyway: with what
 * vouches for it no more than may come for a hash.
 */
const lineage = async (
  ledger: AnswerLedger,
  hash: string,
  comesAnyway: (header: EntryHeader) => boolean,
  sent: Set<string>,
  vouchers: number,
): Promise<readonly RawEntry[]> => {
  const line: RawEntry[] = [];
  let next: string | undefined = hash;
  while (next !== undefined && !sent.has(next) && line.length + vouchers <= SYNC_ANCESTORS_MAX) {
    const entry: Entry | undefined = (await ledger.byHash(next))?.entry;
    // What is held under that hash off the log is a branch, and no range brings it.
    if (entry === undefined || (comesAnyway(entry.header) && (await isOnLog(ledger, entry)))) break;
    sent.add(next);
    line.push(entry.raw);
    next = entry.header.prev ?? undefined;
  }
  return line.reverse();
};

const isOnLog = async (ledger: AnswerLedger, { hash, header }: Entry): Promise<boolean> => {
  const [held] = await ledger.log(header.author, header.seq, 1);
  return held?.entry.hash === hash;
};

interface Source {
  readonly author: string;
  readonly to: number;
  /** First seq that was not read yet. */
  next: number;
  entries: Entry[];
  /** Entries of the piece that was read last. */
  piece: number;
}

/**
 * Merges logs by the ledger's order without holding more than a piece of each: what is older than the newest entry read
 * of every unfinished log cannot be preceded by anything unread. Where one is used up, all that are nearly so are read
 * on with it.
 */
async function* inOrder(ledger: AnswerLedger, ranges: readonly Range[]): AsyncGenerator<RawEntry[], void, undefined> {
  const pieceBytes = Math.ceil(SYNC_READ_AHEAD_BYTES / Math.max(1, ranges.length));
  let sources: Source[] = ranges.map(([author, from, to]) => ({ author, to, next: from, entries: [], piece: 0 }));
  while (sources.length > 0) {
    const short = sources.filter(({ entries, next, to, piece }) => next <= to && entries.length * 2 <= piece);
    if (short.some(({ entries }) => entries.length === 0)) await readOn(ledger, short, pieceBytes);
    let horizon: Entry | undefined;
    for (const source of sources) {
      const last = source.next <= source.to ? source.entries.at(-1) : undefined;
      if (last !== undefined && (horizon === undefined || compareEntries(last.header, horizon.header) < 0))
        horizon = last;
    }
    const ready: Entry[] = [];
    for (const source of sources) {
      const end = horizon;
      const count = source.entries.findIndex(
        (entry) => end !== undefined && compareEntries(entry.header, end.header) > 0,
      );
      ready.push(...source.entries.splice(0, count === -1 ? source.entries.length : count));
    }
    yield ready.sort((a, b) => compareEntries(a.header, b.header)).map(({ raw }) => raw);
    sources = sources.filter(({ entries, next, to }) => entries.length > 0 || next <= to);
  }
}

/** Reads the next piece of each log; a log that is shorter than thought ends there. */
const readOn = async (ledger: AnswerLedger, sources: readonly Source[], bytes: number): Promise<void> => {
  const pieces = await ledger.logs(sources.map(({ author, next }) => ({ author, fromSeq: next, bytes })));
  for (const [at, source] of sources.entries()) {
    const held = pieces[at] ?? [];
    for (const { entry } of held) if (entry.header.seq <= source.to) source.entries.push(entry);
    source.piece = held.length;
    source.next = held.length === 0 ? source.to + 1 : source.next + held.length;
  }
};
