import { hash } from 'node:crypto';

/** SHA-256 as 64 hex digits. */
export const sha256Hex = (data: Uint8Array | string): string => hash('sha256', data, 'hex');

/** MD5 as 32 hex digits: only where the command language documents it (data file names), never for security. */
export const md5Hex = (data: Uint8Array | string): string => hash('md5', data, 'hex');
