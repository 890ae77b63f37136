import { z } from 'zod';
import type { PolicyBook } from '../book.ts';
import { MEMBER_TYPES } from '../kinds/member.ts';

/** What a member policy says of a key. */
export interface MemberPolicy {
  readonly type: (typeof MEMBER_TYPES)[number];
  readonly name: string;
  readonly public_key: string;
}

/** What an erasure has left may be less. */
const schema = z.object({ type: z.enum(MEMBER_TYPES), name: z.string(), public_key: z.string() });

/** The member policies in force. */
export const memberPolicies = (book: Pick<PolicyBook, 'ofType'>): readonly MemberPolicy[] =>
  book.ofType('member').flatMap(({ value }) => {
    const read = schema.safeParse(value);
    return read.success ? [read.data] : [];
  });

/** Name of the member of type certificate with that key; undefined where there is none. */
export const certificateMember = (book: Pick<PolicyBook, 'ofType'>, key: string): string | undefined =>
  memberPolicies(book).find(({ type, public_key }) => type === 'certificate' && public_key === key)?.name;
