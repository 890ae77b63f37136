import { z } from 'zod';
import { compareEntries, type Entry } from '../../src/entry/entry.ts';
import { ed25519, type Signatures } from '../../src/entry/signatures.ts';
import { joinText, rotateText } from '../../src/policy/authority/acts.ts';

const DEPTH_MAX = 16;
const ROTATIONS_MAX = 160;

const genesisContent = z.object({ admission: z.string(), roots: z.array(z.string()) });
const grantContent = z.object({
  key: z.string(),
  roles: z.array(z.string()),
  scope: z.object({ types: z.array(z.string()).optional(), company: z.string().optional() }),
  grants: z.boolean(),
  expires: z.number().optional(),
  replaces: z.object({ grant: z.string(), from: z.number() }).optional(),
});
const rotateContent = z.object({ key: z.string(), proof: z.string() });
const revokeContent = z.object({ grant: z.string(), from: z.number(), key: z.string().optional() });
const joinContent = z.object({ proof: z.string() });
const insertContent = z.object({ company: z.string() });

type Grant = z.infer<typeof grantContent>;

/**
 * Which entries have authority: the rules of `authority/SPEC.md` read aloud, with all entries at hand. A second
 * implementation that shares nothing with the first but the rules: no order of arrival, nothing kept but the verdicts
 * of one reading.
 */
export class AuthorityRules {
  readonly #entries: readonly Entry[];
  readonly #genesis: Entry;
  readonly #cuts: ReadonlyMap<string, number>;
  readonly #verdicts = new Map<string, boolean>();
  readonly #signed = new Map<Entry, boolean>();
  readonly #signatures: Signatures;

  constructor(entries: readonly Entry[], cuts: ReadonlyMap<string, number>, signatures = ed25519) {
    this.#signatures = signatures;
    this.#entries = entries;
    this.#genesis = entries.find(({ header }) => header.op === 'genesis')!;
    this.#cuts = cuts;
  }

  hasAuthority(entry: Entry): boolean {
    const known = this.#verdicts.get(entry.hash);
    if (known !== undefined) return known;
    const verdict = entry === this.#genesis || this.#judge(entry);
    this.#verdicts.set(entry.hash, verdict);
    return verdict;
  }

  #judge(entry: Entry): boolean {
    const { author, seq, cap } = entry.header;
    // A1
    if (seq >= (this.#cuts.get(author) ?? Infinity)) return false;
    return cap === this.#genesis.hash ? this.#judgeByGenesis(entry) : this.#judgeByLink(entry);
  }

  /** A2, A7 */
  #judgeByGenesis(entry: Entry): boolean {
    const { author, seq, op } = entry.header;
    const { roots, admission } = genesisContent.parse(this.#genesis.content);
    if (op === 'join') return false;
    if (roots.includes(author)) {
      if (seq > this.#rotatedAt(this.#genesis.hash, author)) return false;
      if (op === 'revoke') return this.#mayRevoke(entry);
      if (op === 'rotate') return this.#isSignedByNewKey(entry);
      return op !== 'grant' || this.#mayReplace(entry, ['admin']);
    }
    return admission === 'open' && op === 'insert' && seq < this.#revokedFrom(this.#genesis.hash, author);
  }

  /** A3, A4, A5, then what the operation asks. */
  #judgeByLink(entry: Entry): boolean {
    const { author, seq, op, cap } = entry.header;
    const link = this.#linkOf(cap);
    if (link === undefined || this.#isTooDeep(entry)) return false;
    if (isInvite(link) !== (op === 'join')) return false;
    if (op !== 'join' && holderOf(link) !== author) return false;
    if (compareEntries(link.header, entry.header) >= 0 || !this.hasAuthority(link)) return false;
    if (seq >= this.#revokedFrom(link.hash, author) || seq > this.#rotatedAt(link.hash, author)) return false;
    if (op === 'rotate') return this.#isSignedByNewKey(entry);
    if (op === 'revoke') return this.#mayRevoke(entry);
    if (op === 'join') return this.#isFirstJoin(entry, link);
    const rights = this.#rightsOf(link);
    if (op !== 'grant') return mayInsert(rights, entry);
    return mayGrant(rights, grantContent.parse(entry.content)) && this.#mayReplace(entry, rights.roles);
  }

  #rightsOf({ header, content }: Entry): Grant {
    if (header.op === 'grant') return grantContent.parse(content);
    return header.cap === this.#genesis.hash ? EVERYTHING : this.#rightsOf(this.#linkOf(header.cap)!);
  }

  /** A10 */
  #rotatedAt(cap: string, author: string): number {
    const rotations = this.#entries.filter(
      ({ header }) => header.op === 'rotate' && header.cap === cap && header.author === author,
    );
    return Math.min(
      Infinity,
      ...rotations.filter((each) => this.#isSignedByNewKey(each)).map(({ header }) => header.seq),
    );
  }

  #isSignedByNewKey(entry: Entry): boolean {
    const {
      header: { author, cap },
      content,
    } = entry;
    const { key, proof } = rotateContent.parse(content);
    const signed = Buffer.from(rotateText(this.#genesis.hash, cap ?? '', author, key));
    return key !== author && this.#holds(entry, key, signed, proof);
  }

  /** Each is asked for many times; half of the time of a history went there. */
  #holds(entry: Entry, key: string, signed: Uint8Array, proof: string): boolean {
    let holds = this.#signed.get(entry);
    if (holds === undefined) {
      holds = this.#signatures.hold(key, signed, Buffer.from(proof, 'hex'));
      this.#signed.set(entry, holds);
    }
    return holds;
  }

  /** A11 */
  #mayReplace({ header, content }: Entry, roles: readonly string[]): boolean {
    const { replaces } = grantContent.parse(content);
    return replaces === undefined || (roles.includes('admin') && this.#isAbove(header.cap, replaces.grant));
  }

  /** What was granted at first, before any rotation. */
  #origin(hash: string | null): string {
    const link = this.#linkOf(hash);
    return link?.header.op === 'rotate' ? this.#origin(link.header.cap) : (hash ?? '');
  }

  /** Whether a grant, or what it is a rotation of, lies above another. */
  #isAbove(cap: string | null, grant: string): boolean {
    if (this.#linkOf(grant) === undefined) return false;
    const of = this.#linkOf(this.#origin(grant));
    return of !== undefined && this.#above(of).some((each) => this.#origin(each) === this.#origin(cap));
  }

  /** A5 */
  #revokedFrom(cap: string, author: string): number {
    let from = Infinity;
    for (const revoke of this.#entries) {
      const ends = this.#endOf(revoke);
      if (ends === undefined || ends.grant !== cap || (ends.key !== undefined && ends.key !== author)) continue;
      if (this.#mayEnd(revoke, ends) && this.hasAuthority(revoke)) from = Math.min(from, ends.from);
    }
    return from;
  }

  /** What an entry ends: a revocation, or a grant that replaces another. */
  #endOf({ header, content }: Entry): z.infer<typeof revokeContent> | undefined {
    if (header.op === 'revoke') return revokeContent.parse(content);
    return header.op === 'grant' ? grantContent.parse(content).replaces : undefined;
  }

  /** A7 */
  #mayRevoke(entry: Entry): boolean {
    return this.#mayEnd(entry, revokeContent.parse(entry.content));
  }

  #mayEnd({ header }: Entry, { grant, key }: z.infer<typeof revokeContent>): boolean {
    if (grant === this.#genesis.hash) return this.#origin(header.cap) === grant && key !== undefined;
    return this.#isAbove(header.cap, grant);
  }

  /** A8 */
  #isFirstJoin(entry: Entry, invite: Entry): boolean {
    const joins = this.#entries.filter((join) => this.#redeems(join, invite));
    return joins.sort((a, b) => compareEntries(a.header, b.header))[0] === entry;
  }

  #redeems(join: Entry, invite: Entry): boolean {
    const { header, content } = join;
    if (header.op !== 'join' || header.cap !== invite.hash) return false;
    const { key, expires = 0 } = grantContent.parse(invite.content);
    const signed = Buffer.from(joinText(this.#genesis.hash, invite.hash, header.author));
    return (
      header.time <= expires &&
      compareEntries(invite.header, header) < 0 &&
      this.#holds(join, key, signed, joinContent.parse(content).proof)
    );
  }

  #linkOf(hash: string | null): Entry | undefined {
    return this.#entries.find((entry) => entry.hash === hash && ['grant', 'join', 'rotate'].includes(entry.header.op));
  }

  #isTooDeep(entry: Entry): boolean {
    const above = this.#above(entry);
    const rotations = above.filter((cap) => this.#linkOf(cap)?.header.op === 'rotate').length;
    return rotations > ROTATIONS_MAX || above.length - rotations > DEPTH_MAX;
  }

  #above(entry: Entry): readonly string[] {
    const caps: string[] = [];
    for (let at: Entry | undefined = entry; at !== undefined && caps.length < 400;) {
      const cap: string | null = at.header.cap;
      if (cap !== null) caps.push(cap);
      at = this.#entries.find(({ hash }) => hash === cap);
    }
    return caps;
  }
}

const isInvite = ({ header, content }: Entry): boolean => header.op === 'grant' && content['expires'] !== undefined;

const EVERYTHING: Grant = { key: '', roles: ['admin'], scope: {}, grants: true };

const holderOf = ({ header, content }: Entry): string => {
  if (header.op === 'grant') return grantContent.parse(content).key;
  return header.op === 'rotate' ? rotateContent.parse(content).key : header.author;
};

/** A6 */
const mayGrant = (whole: Grant, part: Grant): boolean =>
  whole.grants &&
  (whole.roles.includes('admin') || part.roles.every((role) => whole.roles.includes(role))) &&
  (whole.scope.types === undefined || part.scope.types?.every((type) => whole.scope.types?.includes(type)) === true) &&
  (whole.scope.company === undefined || part.scope.company?.startsWith(whole.scope.company) === true);

/** A9, for inserts of types that stand for nothing. */
const mayInsert = ({ roles, scope }: Grant, { header, content }: Entry): boolean =>
  (roles.includes('admin') || (roles.includes('member') && scope.types !== undefined)) &&
  (scope.types === undefined || scope.types.includes(header.type ?? '')) &&
  (scope.company === undefined || insertContent.parse(content).company.startsWith(scope.company));
