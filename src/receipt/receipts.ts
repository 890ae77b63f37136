import type { EventEmitter } from 'node:events';
import type { HoldfastError } from '../base/errors.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { PeerKey } from '../network/network.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { WitnessedState } from './desk.ts';
import type { ReceiptEvidence } from './evidence.ts';
import type { WitnessState } from './keeper.ts';
import type { SplitView } from './split-view.ts';

/** What a node had accepted by a time, as it signed and others witnessed. */
export interface KnownAt {
  /** The last checkpoint that counts up to the time, with the cosignatures of those whose word counts. */
  readonly checkpoint: Checkpoint;
  /**
   * Hashes of the entries (64 hex digits), in the order in which they came to that node: checked against the
   * checkpoint.
   */
  readonly entries: readonly string[];
  /** Who gave the answer: the node itself, or one that witnesses it. */
  readonly source: PeerKey;
  /** Whether no later checkpoint can count up to that time; a moment after it, one may still be on its way. */
  readonly final: boolean;
}

/** That a node's receipts name an entry, proven; or why it is not known. */
export type Named =
  | { readonly node: PeerKey; readonly index: number; readonly checkpoint: Checkpoint }
  | { readonly node: PeerKey; readonly error: string };

/** How the receipts stand. */
export interface ReceiptStatus {
  /** The origin of the own log; undefined before it is open. */
  readonly origin: string | undefined;
  readonly checkpoint: Checkpoint | undefined;
  readonly witnesses: readonly WitnessState[];
  /** Logs of others that this node witnesses. */
  readonly witnessed: readonly WitnessedState[];
  /** Why nothing can be written or signed just now; it is tried again. */
  readonly failure: string | undefined;
}

/** What the receipts tell while they are kept. */
export interface ReceiptNotices {
  /** A node was found to show two histories. */
  'receipt:split': [SplitView];
}

/** Who knew what, when: this node's own receipts, those that it witnesses, and the questions to others. */
export interface Receipts extends Resource {
  readonly notices: EventEmitter<ReceiptNotices>;
  readonly evidence: ReceiptEvidence;
  status(): Promise<ReceiptStatus>;
  /**
   * Resolves once a node that belongs to a network has tried, since its start, to sign what it holds; at once where
   * that is long ago.
   */
  firstSigned(): Promise<void>;
  /** Files that were found damaged since the start. */
  damages(): readonly HoldfastError[];
  /** Proofs against nodes that showed two histories. */
  splits(): readonly SplitView[];
  /**
   * What a node had accepted by a time (seconds since 1970): asks it, its witnesses, then others that are connected.
   * `RECEIPT_UNKNOWN` where nobody that is reached can tell.
   */
  knownAt(node: PeerKey, time: number, signal?: AbortSignal): Promise<KnownAt>;
  /** Which of the registered nodes' receipts name an entry (64 hex digits), in the order of their keys. */
  named(entry: string, signal?: AbortSignal): Promise<readonly Named[]>;
}
