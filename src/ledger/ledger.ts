import type { EventEmitter } from 'node:events';
import type { Resource } from '../base/lifecycle.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Entry, EntryOp, RawEntry } from '../entry/entry.ts';
import type { PeerKey, Verdict } from '../network/network.ts';

/** What a writer wishes to have appended; the ledger adds author, seq, prev, parents, time and signature. */
export interface Proposal {
  readonly op: EntryOp;
  readonly type: string | null;
  readonly id: string | null;
  readonly replaces: string | readonly string[] | null;
  readonly content: JsonObject;
}

/** Position in the local order of arrival: the number of entries that came before. Local to this node. */
export type Cursor = number;

/** An entry as this node holds it. */
export interface HeldEntry {
  readonly entry: Entry;
  readonly cursor: Cursor;
  /** Wall clock of this node when it accepted the entry, milliseconds. */
  readonly receivedMs: number;
}

/** author → highest contiguous `seq` held. */
export type LedgerClock = ReadonlyMap<string, number>;

/** Two entries of one author with one `seq`: proof of equivocation, checkable without context. */
export interface Equivocation {
  readonly author: string;
  /** From this seq on the author's entries are void. */
  readonly seq: number;
  readonly entries: readonly [RawEntry, RawEntry];
}

/** The outcome of offering an entry of someone else; `code` and `text` say why where it is not `accept`. */
export interface Acceptance {
  readonly verdict: Verdict;
  readonly code?: string;
  readonly text?: string;
}

export interface LedgerNotices {
  /** Entries were made durable; read them with `follow`. */
  'ledger:appended': [Cursor];
  'ledger:equivocation': [Equivocation];
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
  /** 32 hex digits over the sorted heads: equal on two nodes exactly when they hold the same entries. */
  readonly version: string;

  /** Signs, writes (group commit), fsyncs, then resolves. `LEDGER_NO_NETWORK`, `LEDGER_OWN_LOG_BEHIND`, `LEDGER_DISK_FAILED`, `LEDGER_ENTRY_OVERSIZE`. */
  append(proposal: Proposal): Promise<HeldEntry>;
  /** The one way in for foreign entries (gossip, sync, import). Resolves when what was accepted is durable. */
  offer(entries: readonly RawEntry[], from: PeerKey): Promise<readonly Acceptance[]>;

  clock(): LedgerClock;
  /** Hash of each author's newest entry. */
  heads(): ReadonlyMap<string, string>;
  equivocations(): readonly Equivocation[];

  /** Entries in order of arrival from `cursor` on, at most `limit`. */
  follow(cursor: Cursor, limit: number): Promise<readonly HeldEntry[]>;
  /** An author's entries from `seq` on, oldest first, until `bytes` are full (at least one). */
  log(author: string, fromSeq: number, bytes: number): Promise<readonly HeldEntry[]>;
  byHash(hash: string): Promise<HeldEntry | undefined>;
  /** All entries of one policy in the ledger's order. */
  byPolicy(id: string): Promise<readonly HeldEntry[]>;
}
