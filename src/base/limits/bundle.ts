/** An audit bundle, which is read whole; a larger one is neither made (`BUNDLE_OVERSIZE`) nor read. */
export const BUNDLE_BYTES_MAX = 1_024 * 1_048_576;
/** Entries in one audit bundle: of a longer ledger none is made (`BUNDLE_OVERSIZE`), and none with more is read. */
export const BUNDLE_ENTRIES_MAX = 200_000;
/** Files in the archive of a bundle that is read: of each entry its three pieces, its proof and its author's key. */
export const BUNDLE_FILES_MAX = 5 * BUNDLE_ENTRIES_MAX;
/** Entries that a bundle proves one by one, about 2 KB each: of more those that came last. */
export const BUNDLE_PROOFS_MAX = 1_000;
/** Bundles that a node computes the answers of at the same time; the next is refused (`BUNDLE_BUSY`). */
export const BUNDLE_EXPORTS_MAX = 2;
