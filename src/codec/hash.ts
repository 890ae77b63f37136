import { hash } from 'node:crypto';

/** SHA-256 as 64 hex digits. */
export const sha256Hex = (data: Uint8Array | string): string => hash('sha256', data, 'hex');
