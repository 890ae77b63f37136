import { nodeKindOf } from './node.ts';

/** Kept for scripts that ask for the master's address; nothing here depends on one. */
export const masterKind = nodeKindOf('master');
