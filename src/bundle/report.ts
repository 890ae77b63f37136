import type { Question } from './question.ts';

/** The first thing that is wrong. */
export interface BundleFault {
  /** The file that it is about. */
  readonly file: string;
  /**
   * `archive`, `manifest`, `query`, `key`, `form`, `name`, `body`, `root`, `state`, `checkpoint`, `receipts`, `proof`,
   * `policy`, or a rule of the ledger's audit: `signature`, `prev` …
   */
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
  /**
   * The root key that was asked for; undefined where whoever checks named none: then this is what the bundle says of
   * itself.
   */
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

/** A node that cosigned, and when by its clock, in seconds since 1970. */
export interface WitnessTime {
  readonly witness: string;
  readonly time: number;
}

/** An entry that is proven by itself, in the first checkpoint that covers it and was cosigned. */
export interface ProvenEntry {
  /** Hash of the entry. */
  readonly entry: string;
  /** Its number in the order in which entries came to the node, from 0. */
  readonly index: number;
  /** Registered nodes, the earliest first: each says that the node had the entry at the latest then. */
  readonly witnesses: readonly WitnessTime[];
}

/** What the node that exports had, when: by its own signature and by the word of the witnesses. */
export interface BundleReceipts {
  /** Which log: network, node, incarnation. */
  readonly origin: string;
  /** Entries that the node had at its newest checkpoint: the first `size` of its receipts, all in the bundle. */
  readonly size: number;
  readonly root: string;
  /** Entries of the bundle that came after the checkpoint: nothing shows when, nor that these are all. */
  readonly later: number;
  /** Registered nodes, the earliest first: each says that the node had all `size` entries at the latest then. */
  readonly witnesses: readonly WitnessTime[];
  readonly proofs: readonly ProvenEntry[];
}

/** What the node that the question names had by the time that was asked for: at least this. */
export interface BundleKnown {
  readonly node: string;
  /** Entries, all in the bundle. */
  readonly size: number;
  readonly root: string;
  /**
   * Nodes that are or were registered, the earliest first: each says that the node had them at the latest then.
   * `registered`: its key still is, by all entries of the bundle.
   */
  readonly witnesses: readonly (WitnessTime & { readonly registered: boolean })[];
}

/** An entry whose body is erased by right: what it said, nobody can prove any more. */
export interface ErasedBody {
  readonly entry: string;
  /** Hash of the erase entry, its author, its stated time (microseconds since 1970) and its reason. */
  readonly by: string;
  readonly author: string;
  readonly time: number;
  readonly reason: string;
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
  /** Of a sound bundle; undefined where the node had signed no checkpoint yet, or left it out. */
  readonly receipts: BundleReceipts | undefined;
  /** Of a sound bundle that was asked what a node knew. */
  readonly known: BundleKnown | undefined;
  /**
   * Of a sound bundle as of a time: how many entries of that moment no registered node's word shows to have been there
   * by then. That they state a time up to it is their authors' word: who had not written for long may have dated them
   * back.
   */
  readonly unshown: number | undefined;
  /** Of a sound bundle, in the order of its entries. */
  readonly erased: readonly ErasedBody[] | undefined;
  /** Of a sound bundle: whether its HOWTO is what this version writes; of another nobody has looked at the commands. */
  readonly ownHowTo: boolean | undefined;
}
