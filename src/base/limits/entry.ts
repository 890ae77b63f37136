/** The header of an entry, as canonical JSON; a longer one is refused everywhere (`ENTRY_HEADER_OVERSIZE`). */
export const ENTRY_HEADER_BYTES_MAX = 8_192;
/** The body of an entry; a longer one is refused everywhere (`ENTRY_BODY_OVERSIZE`). */
export const ENTRY_BODY_BYTES_MAX = 65_536;
/** Length of each entry's signature: Ed25519 (RFC 8032). */
export const ENTRY_SIGNATURE_BYTES = 64;
/**
 * Heads of other authors that an entry names, and versions that it replaces; an entry with more is malformed
 * (`ENTRY_SCHEMA`).
 */
export const ENTRY_PARENTS_MAX = 16;
/**
 * Characters of a policy id, a reason or another plain text in an entry; a longer one is malformed (`ENTRY_SCHEMA`).
 */
export const ENTRY_ID_CHARS_MAX = 256;
/** Characters of a network's name, in its genesis and in an invite. */
export const NETWORK_NAME_CHARS_MAX = 128;
/** Public keys kept ready to check signatures with; the oldest is dropped, and made anew when it is needed. */
export const AUTHOR_KEYS_CACHED_MAX = 4_096;
/** An entry dated further ahead of the local clock is held back until then. */
export const ENTRY_FUTURE_MS_MAX = 5 * 60_000;
