export const ENTRY_HEADER_BYTES_MAX = 8_192;
export const ENTRY_BODY_BYTES_MAX = 65_536;
export const ENTRY_SIGNATURE_BYTES = 64;
export const ENTRY_PARENTS_MAX = 16;
export const ENTRY_ID_CHARS_MAX = 256;
export const NETWORK_NAME_CHARS_MAX = 128;
export const AUTHOR_KEYS_CACHED_MAX = 4_096;
/** An entry dated further ahead of the local clock is held back until then. */
export const ENTRY_FUTURE_MS_MAX = 5 * 60_000;
