import type { EventEmitter } from 'node:events';
import type { HoldfastError } from '../base/errors.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Entry, EntryOp, RawEntry } from '../entry/entry.ts';
import type { PeerKey, Verdict } from '../network/network.ts';
import type { CoveredLogs } from './cover.ts';

/** What a writer wishes to have appended; the ledger adds author, seq, prev, parents, time and signature. */
export interface Proposal {
  readonly op: EntryOp;
  readonly type: string | null;
  readonly id: string | null;
  readonly replaces: string | readonly string[] | null;
  readonly content: JsonObject;
  /** Hash of the grant that allows it; undefined: the genesis hash. */
  readonly cap?: string | undefined;
}

/**
 * Position in the local order of arrival: the number of entries that came before. Local to this node and good while
 * the ledger is open: a damaged line may shift it at the next start, so it is never kept on disk.
 */
export type Cursor = number;

/** An entry as this node holds it. */
export interface HeldEntry {
  readonly entry: Entry;
  readonly cursor: Cursor;
  /** Wall clock of this node when it accepted the entry, milliseconds. */
  readonly receivedMs: number;
}

/** author → highest contiguous `seq` held; for an author that equivocated, the last seq before that. */
export type LedgerClock = ReadonlyMap<string, number>;

/** Two entries of one author with one `seq`: proof of equivocation, checkable without context. */
export interface Equivocation {
  readonly author: string;
  /** From this seq on the author's entries are void. Becomes smaller when the branches turn out to part earlier. */
  readonly seq: number;
  /**
   * The two; then, where one's own signature does not hold, the later entries of its branch that vouch for it. Pass all
   * on.
   */
  readonly entries: readonly [RawEntry, RawEntry, ...RawEntry[]];
}

/** A line of the journal that cannot be read: kept out of the clock, so that sync asks for the entry again. */
export interface DamagedLine {
  readonly file: string;
  readonly offset: number;
  /** Where they can still be read, from the line or from the index. */
  readonly author: string | undefined;
  readonly seq: number | undefined;
}

/** What grants say of erase entries, whether or not they are taken in yet. */
export interface ErasureJudge {
  /**
   * Whether one of these erase entries, or one that is held, may have been right somewhere: by the grants that it rests
   * on, whatever has ended them since. True where they are not all held, `find` does not know the rest either, and
   * those that are known do not rule it out; or where the network is not known yet.
   */
  mayErase(target: Entry, heard: readonly Entry[], find: (hash: string) => Entry | undefined): Promise<boolean>;
}

/** What an erase entry is about, as the book judges it now. */
export interface ErasureNote {
  /** Hash of the entry whose body it is about. It need not be held. */
  readonly target: string;
  /** Hash of the erase entry. */
  readonly by: string;
  /** Whether it was made by right; otherwise it binds nobody. */
  readonly inForce: boolean;
}

/** How the ledger stands, as plain data for `get status` and the like. */
export interface LedgerStatus {
  readonly entries: number;
  /** Entries that wait for another entry, and those that wait for their time. */
  readonly waiting: number;
  readonly heldBack: number;
  /** How far ahead of this node's clock its newest entry is dated: its clock was ahead when that was written. */
  readonly ownAheadMs: number;
  /** Authors that equivocated. */
  readonly voidAuthors: number;
  /**
   * Single signatures: checked and holding; still to be checked in the background; not holding though vouched for by a
   * later entry.
   */
  readonly signatures: { readonly checked: number; readonly unchecked: number; readonly bad: number };
  /** Lines whose entries may be lacking; and how many others are damaged, whose entries are held again. */
  readonly damaged: readonly DamagedLine[];
  readonly mended: number;
  /**
   * Bodies that are erased and still on the disk, which cannot be written; and bodies that are missing though nobody
   * erased them by right.
   */
  readonly bodies: { readonly erasing: number; readonly missing: number };
  readonly mayAppend: boolean;
  /** Why it was forbidden, where it was (`LEDGER_KEY_IN_USE`, `LEDGER_RESTORED`). */
  readonly forbidden: { readonly code: string; readonly text: string } | undefined;
  /** Why nothing can be written just now; undefined while all is well. It is tried again all the time. */
  readonly failure: string | undefined;
  /** `level`, or `memory` while level cannot be opened and the journal was read instead. */
  readonly index: 'level' | 'memory';
}

/**
 * The outcome of offering an entry of someone else; `code` and `text` say why where it is not `accept`, and `code`
 * names an acceptance that the next node might not share.
 */
export interface Acceptance {
  readonly verdict: Verdict;
  readonly code?: string;
  readonly text?: string;
  /**
   * Of an accepted entry that does not stand by itself: it proves a fork of its author, or a later one vouches for it.
   */
  readonly restsOn?: 'fork' | 'voucher';
}

/** What a ledger tells while it runs: of entries of any origin, and of authors who contradict themselves. */
export interface LedgerNotices {
  /** Entries were made durable; read them with `follow`. */
  'ledger:appended': [Cursor];
  'ledger:equivocation': [Equivocation];
}

/** A part of an author's log: from `fromSeq` on, until `bytes` are full, at least one entry. */
export interface LogPiece {
  readonly author: string;
  readonly fromSeq: number;
  readonly bytes: number;
}

/** The searches for vouchers of one answer: they share what they found, and what they may cost. */
export interface VoucherSearch {
  /** By the hash of an entry, how many entries after it in its branch the one that vouches stands. */
  readonly found: Map<string, number>;
  /** Entries that may still be read. */
  left: number;
}

/** All entries that this node holds: chains, order, disk. It knows nothing of what policies mean. */
export interface Ledger extends Resource {
  readonly notices: EventEmitter<LedgerNotices>;
  /** The own key. */
  readonly author: PeerKey;
  /** Network id (genesis hash); undefined until this node has created or joined one. */
  readonly network: string | undefined;
  /** Number of entries held; also the cursor after the newest. */
  readonly size: Cursor;
  /**
   * 32 hex digits over the sorted heads and the proofs of forks: equal on two nodes exactly when the same entries count
   * and the same prove forks.
   */
  readonly version: string;

  /**
   * Makes this node the first of a new network: appends the genesis entry; from then on `append` is allowed.
   * `LEDGER_NETWORK_EXISTS` where the node has a network already.
   */
  createNetwork(name: string, admission: 'open' | 'invite'): Promise<HeldEntry>;
  /**
   * Says that this node's own log is complete here, as far as its peers know. Sync calls it once `ownLogKnown`
   * resolves; after each start `append` refuses until then, so that a disk restored from a backup never uses a seq
   * twice.
   */
  allowAppend(): void;
  /** From now on `append` refuses with the reason; the function that is returned lifts it. */
  forbidAppend(reason: HoldfastError): () => void;
  /**
   * Signs, writes (group commit), fsyncs, then resolves. `LEDGER_NO_NETWORK`, `LEDGER_OWN_LOG_BEHIND`,
   * `LEDGER_DISK_FAILED`, `LEDGER_ENTRY_OVERSIZE`, `LEDGER_AUTHOR_VOID` (the own key was proven to equivocate),
   * `LEDGER_BUSY`, `LEDGER_CLOSED`.
   */
  append(proposal: Proposal): Promise<HeldEntry>;
  /**
   * The one way in for foreign entries (gossip, sync, import). Resolves when what was accepted is durable. `covered`:
   * what a proven snapshot covers; of that, entries without body are taken in as archived.
   */
  offer(
    entries: readonly RawEntry[],
    from: PeerKey,
    covered?: Pick<CoveredLogs, 'has'>,
  ): Promise<readonly Acceptance[]>;

  clock(): LedgerClock;
  /** Hash of each author's newest entry; same keys as `clock()`. */
  heads(): ReadonlyMap<string, string>;
  /** Every proof held; pass them on before anything else. */
  equivocations(): readonly Equivocation[];
  /**
   * Hashes of entries that are missed by name, at most `ENTRIES_WANTED_MAX`: those that waiting entries build on, and
   * those that lead to where two branches of one log part. Clocks do not show them: ask any peer for them by hash
   * (`byHash` there) and `offer` what comes. Of more than that, those from a place on: whoever names what nobody has
   * can keep out nothing else then.
   */
  wanted(from?: number): readonly string[];
  status(): LedgerStatus;
  /**
   * The book says what becomes of a body. In force: from now on it is not given out any more, and it goes from disk and
   * memory. Otherwise one that went is asked for again.
   */
  noteErasure(note: ErasureNote): void;
  /** From now on an entry without body comes in only where this says that it may have been erased by right. */
  judgeErasures(judge: ErasureJudge): void;
  /** Hash of the erase entry in force of an entry, as the book has told. */
  erasedBy(hash: string): string | undefined;
  /** Hashes of all entries that are erased by right, as the book has told. */
  erased(): readonly string[];
  /**
   * Hashes of entries whose body is missing though nobody erased it by right, at most `ENTRIES_WANTED_MAX`; the first
   * of them at `from` where there are more.
   */
  missedBodies(from?: number): readonly string[];
  /**
   * Every known peer was asked for all it holds, and nothing of it is lacking here: then no damaged line holds anything
   * that is.
   */
  nothingLacks(): void;

  /**
   * Entries in order of arrival from `cursor` on, at most `limit` (and `LEDGER_FOLLOW_ENTRIES_MAX`); empty at the end.
   * Go on at the last one's cursor + 1: an entry that cannot be read any more leaves a gap. `stored`: as they lie on
   * disk, not from memory.
   */
  follow(cursor: Cursor, limit: number, source?: 'stored'): Promise<readonly HeldEntry[]>;
  /** An author's entries from `seq` on, oldest first, until `bytes` are full (at least one). */
  log(author: string, fromSeq: number, bytes: number): Promise<readonly HeldEntry[]>;
  /** The same of several authors, read together: in the journal their entries lie between one another. */
  logs(pieces: readonly LogPiece[]): Promise<readonly (readonly HeldEntry[])[]>;
  byHash(hash: string): Promise<HeldEntry | undefined>;
  /**
   * The held entries after one whose own signature does not hold, up to the nearest that is signed well: they vouch for
   * it. None where it holds, or where the search has found them before; undefined where the search may read no more.
   */
  vouchers(hash: string, search: VoucherSearch): Promise<readonly Entry[] | undefined>;
  /** Hash of the entry at a cursor, from memory; undefined for one that cannot be read any more. */
  hashAt(cursor: Cursor): string | undefined;
  /** All entries of one policy in the ledger's order. `LEDGER_READ_OVERSIZE` above `LEDGER_READ_BYTES_MAX`. */
  byPolicy(id: string): Promise<readonly HeldEntry[]>;
}
