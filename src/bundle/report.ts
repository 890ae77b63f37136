import type { Question } from './question.ts';

/** The first thing that is wrong. */
export interface BundleFault {
  /** The file that it is about. */
  readonly file: string;
  /** `archive`, `manifest`, `query`, `key`, `form`, `name`, `body`, `root`, `state`, or a rule of the ledger's audit: `signature`, `prev` … */
  readonly rule: string;
  readonly text: string;
}

/** Whom everything in the bundle comes from: the network's first entry. */
export interface TrustedRoot {
  /** Network id: the hash of the genesis entry. */
  readonly network: string;
  readonly name: string;
  readonly admission: string;
  readonly roots: readonly string[];
  /** The root key that was asked for; undefined where whoever checks named none: then this is what the bundle says of itself. */
  readonly demanded: string | undefined;
}

/** What was checked, by number. */
export interface BundleCounts {
  readonly files: number;
  readonly entries: number;
  readonly authors: number;
  readonly signatures: number;
  /** Badly signed, and vouched for by a later entry of the same log. */
  readonly vouched: number;
  readonly links: number;
  readonly equivocations: number;
  /** Policies of the answer. */
  readonly policies: number;
  /** Entries of the moment without effect. */
  readonly void: number;
}

/** The outcome of checking a bundle. Plain data. */
export interface BundleReport {
  readonly sound: boolean;
  readonly fault: BundleFault | undefined;
  /** As far as it was read before the fault. */
  readonly question: Question | undefined;
  readonly trusted: TrustedRoot | undefined;
  /** Root of the state (policy SPEC §3); of a sound bundle. */
  readonly root: string | undefined;
  readonly checked: BundleCounts | undefined;
}
