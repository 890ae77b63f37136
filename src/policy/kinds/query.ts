import { nodeKindOf } from './node.ts';

/** A node that plans and merges network queries. */
export const queryKind = nodeKindOf('query');
