import { nodeKindOf } from './node.ts';

/** A node that hands data to operators. */
export const publisherKind = nodeKindOf('publisher');
