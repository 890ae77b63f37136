import { z } from 'zod';
import { publicKey, text } from './fields.ts';
import { claimList, claimOn, type PolicyKind } from './kind.ts';

/** What a member policy stands for. */
export const MEMBER_TYPES = ['root', 'node', 'user', 'certificate'] as const;

/**
 * Gives a key a name: that of a node, of a person, or (SHA-256 of the public key) of a TLS certificate. It gives no
 * rights: those come by grants and assignments.
 */
export const memberKind: PolicyKind = {
  type: 'member',
  schema: z.looseObject({
    type: z.enum(MEMBER_TYPES),
    name: text,
    public_key: publicKey,
    company: text.optional(),
  }),
  isNode: false,
  givesRights: true,
  claims: (value) =>
    claimList(
      claimOn('member', ['public_key'], value),
      value['type'] === 'root' ? claimOn('member', ['type'], value) : undefined,
    ),
};
