/** An audit bundle is read whole. */
export const BUNDLE_BYTES_MAX = 1_024 * 1_048_576;
export const BUNDLE_ENTRIES_MAX = 200_000;
export const BUNDLE_FILES_MAX = 5 * BUNDLE_ENTRIES_MAX;
/** Entries that a bundle proves one by one: about 2 KB each. */
export const BUNDLE_PROOFS_MAX = 1_000;
/** Bundles that a node computes the answers of at the same time. */
export const BUNDLE_EXPORTS_MAX = 2;
