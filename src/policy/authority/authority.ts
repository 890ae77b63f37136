import { GRANT_DEPTH_MAX, ROTATIONS_MAX } from '../../base/limits.ts';
import { ed25519, type Signatures } from '../../entry/signatures.ts';
import type { VoidReason } from '../void-reason.ts';
import { AUTHORITY_OPS, compareFacts, type Fact } from '../facts.ts';
import {
  type AuthorityAct,
  type GrantAct,
  type JoinAct,
  joinText,
  type RevokeAct,
  type RotateAct,
  rotateText,
} from './acts.ts';
import { compareRevocations, Endings } from './endings.ts';
import { GrantGraph, type Link, listIn, type Revocation } from './graph.ts';
import { ALL_RIGHTS, isWithin, type Rights } from './rights.ts';

/** The rules that the genesis entry sets. */
export interface GenesisRules {
  /** The network id. */
  readonly network: string;
  readonly admission: 'open' | 'invite';
  readonly roots: ReadonlySet<string>;
}

/**
 * Who may write, as a pure function of the set of entries (SPEC.md). A verdict on an entry depends on entries above it
 * in the chain of grants only, so there is always one; those on grants are kept, and forgotten when what they rest on
 * moves.
 */
export class Authority {
  readonly graph = new GrantGraph();
  readonly #signatures: Pick<Signatures, 'hold'>;
  #genesis: GenesisRules | undefined;
  readonly #cuts = new Map<string, { readonly seq: number; readonly reason: VoidReason }>();
  /** Whether a join is signed with the key of its invite, a rotation with the new key, by hash: this never changes. */
  readonly #proven = new Map<string, boolean>();
  /** The join that has redeemed an invite. */
  readonly #redeemers = new Map<string, Fact | undefined>();
  /** Verdicts on grants, joins and revocations. */
  readonly #verdicts = new Map<Fact, VoidReason | undefined>();
  /** What links give: an admin may replace the key at the end of a void chain of any length. */
  readonly #rights = new Map<Fact, Rights | undefined>();
  /** By structure first: asking for the verdict of a revocation from below would go round in a circle. */
  readonly #endings = new Endings(this.graph, {
    isAble: ({ fact, act }) => this.#isHolder(fact) && this.#judgeTarget(fact, act) === undefined,
    holds: ({ fact }) => this.reasonOf(fact) === undefined,
  });
  /** Grows with each act of authority: equal numbers mean that nobody's rights have changed. */
  revision = 0;

  /** `signatures`: how the proofs of joins and rotations are checked. */
  constructor(signatures: Pick<Signatures, 'hold'> = ed25519) {
    this.#signatures = signatures;
  }

  get genesis(): GenesisRules | undefined {
    return this.#genesis;
  }

  /** Takes up entries; returns the facts whose verdict may be another now. */
  add(facts: readonly Fact[]): ReadonlySet<Fact> {
    const acts = facts.filter((fact) => this.graph.add(fact));
    const displaced: Fact[] = [];
    for (const fact of acts) {
      this.#redeemers.delete(fact.hash);
      const before = this.#contend(fact);
      if (before !== undefined) displaced.push(before);
    }
    return acts.length === 0 ? NOTHING : this.#affectedBy([...acts, ...displaced]);
  }

  /** The genesis entry has come; returns every fact that was taken up before it. */
  begin(genesis: GenesisRules): ReadonlySet<Fact> {
    this.#genesis = genesis;
    this.#verdicts.clear();
    this.#rights.clear();
    this.#proven.clear();
    this.#redeemers.clear();
    this.#endings.begin();
    this.revision += 1;
    return new Set(this.graph.all());
  }

  /** From `seq` on the author's entries are void; returns the facts whose verdict may be another now. */
  cut(author: string, seq: number, reason: VoidReason): ReadonlySet<Fact> {
    this.#cuts.set(author, { seq, reason });
    return this.#affectedBy(this.graph.ofAuthor(author).filter((fact) => fact.seq >= seq));
  }

  /**
   * What would hold if these entries were here too: the same rules over the acts of authority. Nothing changes here.
   */
  supposing(facts: readonly Fact[]): Authority {
    const other = new Authority(this.#signatures);
    const known = this.graph.acts();
    const hashes = new Set(known.map(({ hash }) => hash));
    // Several introductions may show the same grant.
    const more = facts.filter(({ hash }) => !hashes.has(hash) && hashes.add(hash));
    if (this.#genesis !== undefined) other.begin(this.#genesis);
    for (const [hash, holds] of this.#proven) other.#proven.set(hash, holds);
    for (const [author, { seq, reason }] of this.#cuts) other.cut(author, seq, reason);
    // As they were read: what the fold found out about them does not count there.
    other.add([...known, ...more].map((fact) => ({ ...fact, void: fact.malformed })));
    return other;
  }

  /** What would hold if nothing but these acts were here. */
  byThese(facts: readonly Fact[]): Authority {
    const other = new Authority(this.#signatures);
    if (this.#genesis !== undefined) other.begin(this.#genesis);
    for (const { hash } of facts) {
      const holds = this.#proven.get(hash);
      if (holds !== undefined) other.#proven.set(hash, holds);
    }
    other.add(facts.map((fact) => ({ ...fact, void: fact.malformed })));
    return other;
  }

  /** Whether its author is known to have signed two entries with one number, its own or an earlier one. */
  isForked({ author, seq }: Pick<Fact, 'author' | 'seq'>): boolean {
    return seq >= (this.#cuts.get(author)?.seq ?? Number.POSITIVE_INFINITY);
  }

  /** Why an entry has no authority; undefined where it has, as far as that does not depend on the policy it changes. */
  reasonOf(fact: Fact): VoidReason | undefined {
    if (!AUTHORITY_OPS.has(fact.op)) return this.#judge(fact);
    if (!this.#verdicts.has(fact)) this.#verdicts.set(fact, fact.void ?? this.#judge(fact));
    const verdict = this.#verdicts.get(fact);
    return verdict === REDEEMED ? { ...REDEEMED, by: this.redeemerOf(fact.cap ?? '')?.hash } : verdict;
  }

  /**
   * What the grant that an entry cites lets its author do; undefined for everything. Only of entries with authority.
   */
  rightsOf({ cap }: { readonly cap: string | null }): Rights | undefined {
    const link = cap === this.#genesis?.network ? undefined : this.graph.link(cap);
    return link === undefined ? undefined : this.#rightsBy(link);
  }

  #rightsBy(link: Link): Rights | undefined {
    if (!this.#rights.has(link.fact)) this.#rights.set(link.fact, this.graph.rights(link));
    return this.#rights.get(link.fact);
  }

  /** The revocation in force of a grant, or of what open admission gives to `key`. */
  revocationOf(grant: string, key?: string): Revocation | undefined {
    const isOpen = grant === this.#genesis?.network;
    let earliest: Revocation | undefined;
    for (const revocation of this.#endings.of(grant)) {
      const { fact, act } = revocation;
      if (act.key !== key && (isOpen || (act.key !== undefined && key !== undefined))) continue;
      if (this.reasonOf(fact) !== undefined) continue;
      if (earliest === undefined || compareRevocations(revocation, earliest) < 0) earliest = revocation;
    }
    return earliest;
  }

  /** The join that has redeemed an invite: the first in the ledger's order that is signed with its key, in time. */
  redeemerOf(invite: string): Fact | undefined {
    if (!this.#redeemers.has(invite)) this.#redeemers.set(invite, this.#findRedeemer(invite));
    return this.#redeemers.get(invite);
  }

  /**
   * A new join beside the one that is known: to look through all again at each would let strangers make each dearer
   * than the last. Returns the one that has not redeemed the invite after all; the others go on having come too late.
   */
  #contend(fact: Fact): Fact | undefined {
    const act = this.graph.actOf(fact);
    const link = this.graph.link(fact.cap);
    if (act?.op !== 'join' || link?.act.op !== 'grant' || !this.#redeemers.has(link.fact.hash)) return undefined;
    const known = this.#redeemers.get(link.fact.hash);
    if (known !== undefined && compareFacts(known, fact) <= 0) return undefined;
    if (this.#faultOfJoin(link.fact, link.act, fact, act) !== undefined) return undefined;
    this.#redeemers.set(link.fact.hash, fact);
    return known;
  }

  #findRedeemer(invite: string): Fact | undefined {
    const link = this.graph.link(invite);
    if (link?.act.op !== 'grant') return undefined;
    const { fact: above, act } = link;
    return this.graph.joinsOf(invite).find((join) => this.#faultOfJoin(above, act, join.fact, join.act) === undefined)
      ?.fact;
  }

  /** The rotation after which an author may no longer cite a grant; its own right does not matter (SPEC A10). */
  rotationOf(cap: string, author: string): Fact | undefined {
    let first: Fact | undefined;
    for (const { fact, act } of this.graph.rotationsOf(cap, author))
      if ((first === undefined || fact.seq < first.seq) && this.#isHandedOn(fact, act)) first = fact;
    return first;
  }

  /** Whether who cites `cap` may revoke a grant: only who holds one above it, so no two can revoke each other. */
  standsAbove(cap: string, grant: string): boolean {
    return this.graph.link(grant) !== undefined && this.graph.basesAbove(grant).includes(this.graph.base(cap));
  }

  /**
   * All facts whose verdict may be another on account of these, directly or by others. What a revocation ends is among
   * them only where it ends something now, or did. Its own verdict rests on what ends grants with less above them alone
   * (A7), so these are weighed first.
   */
  #affectedBy(moved: readonly Fact[]): ReadonlySet<Fact> {
    this.revision += 1;
    const affected = new Set(moved);
    const open = [...moved];
    const unweighed = new Map<number, Revocation[]>();
    const goOn = (facts: readonly Fact[]): void => {
      for (const fact of facts) {
        if (affected.has(fact)) continue;
        affected.add(fact);
        open.push(fact);
      }
    };
    for (;;) {
      for (let fact = open.pop(); fact !== undefined; fact = open.pop()) {
        const act = this.graph.actOf(fact);
        if (act === undefined) continue;
        this.#verdicts.delete(fact);
        this.#rights.delete(fact);
        const ending = this.graph.endedBy(fact);
        if (ending !== undefined) {
          this.#endings.file(ending);
          listIn(unweighed, this.graph.basesAbove(ending.act.grant).length).push(ending);
        }
        goOn(this.#restsOn(fact, act));
      }
      // Before genesis is known nothing has a verdict; then all is judged.
      if (unweighed.size === 0 || this.#genesis === undefined) return affected;
      const first = Math.min(...unweighed.keys());
      const next = unweighed.get(first)?.pop();
      if (next === undefined) unweighed.delete(first);
      else goOn(this.#endings.weigh(next));
    }
  }

  #restsOn(fact: Fact, act: AuthorityAct): readonly Fact[] {
    const { graph } = this;
    if (act.op === 'revoke') return [];
    const ended = act.op === 'rotate' ? graph.citingBy(fact.cap ?? '', fact.author) : [];
    const others = graph.revocationsOf(fact.hash).map((each) => each.fact);
    return [...graph.citing(fact.hash), ...others, ...ended.filter(({ seq }) => seq > fact.seq)];
  }

  /**
   * Whether what an entry cites is its author's, by form alone; where it was handed on, by who held it: anybody can
   * write a rotation of what is another's.
   */
  #isHolder({ cap, author }: Pick<Fact, 'cap' | 'author'>): boolean {
    let at = { cap, author };
    for (let rotations = 0; rotations <= ROTATIONS_MAX; rotations += 1) {
      if (this.#genesis?.network === at.cap) return this.#genesis.roots.has(at.author);
      const link = this.graph.link(at.cap);
      if (link === undefined || this.graph.holder(link) !== at.author) return false;
      if (link.act.op !== 'rotate') return true;
      at = link.fact;
    }
    return false;
  }

  #judge(fact: Fact): VoidReason | undefined {
    const genesis = this.#genesis;
    const cut = this.#cuts.get(fact.author);
    if (cut !== undefined && fact.seq >= cut.seq) return cut.reason;
    if (genesis === undefined) return undefined;
    const act = this.graph.actOf(fact);
    if (fact.cap === genesis.network) return this.#judgeByGenesis(genesis, fact, act);
    const link = this.graph.link(fact.cap);
    if (link === undefined) return without(`it cites ${fact.cap ?? 'nothing'}, and no such grant is known`);
    return (
      this.#judgeLink(link, fact) ??
      this.#judgeRevoked(link.fact.hash, fact) ??
      this.#judgeRotated(link.fact.hash, fact) ??
      this.#judgeAct(link, fact, act)
    );
  }

  #judgeByGenesis(
    { admission, roots, network }: GenesisRules,
    fact: Fact,
    act: AuthorityAct | undefined,
  ): VoidReason | undefined {
    if (act?.op === 'join') return without('it cites no invite');
    if (roots.has(fact.author)) return this.#judgeRotated(network, fact) ?? this.#judgeRootAct(fact, act);
    if (admission === 'invite' || act !== undefined) return without('only a root key may cite genesis for this');
    return this.#judgeRevoked(network, fact);
  }

  /** Whether the entry may stand on the grant that it cites. */
  #judgeLink({ fact: above, act }: Link, fact: Fact): VoidReason | undefined {
    const isInvite = act.op === 'grant' && act.expires !== undefined;
    if (isInvite !== (fact.op === 'join'))
      return without(isInvite ? 'it cites an invite, which is redeemed first' : 'it cites no invite', above.hash);
    if (!isInvite && this.graph.holder({ fact: above, act }) !== fact.author)
      return without('it cites a grant to another key', above.hash);
    if (compareFacts(above, fact) >= 0) return without('it cites a grant that comes after it', above.hash);
    if (this.graph.isTooDeep(fact))
      return without(`more than ${GRANT_DEPTH_MAX} grants or ${ROTATIONS_MAX} rotations lie above it`);
    const reason = this.reasonOf(above);
    return reason === undefined ? undefined : without(`the grant that it cites is void: ${reason.text}`, above.hash);
  }

  #judgeRevoked(grant: string, fact: Fact): VoidReason | undefined {
    const revocation = this.revocationOf(grant, fact.author);
    if (revocation === undefined || fact.seq < revocation.act.from) return undefined;
    return {
      rule: 'revoked',
      text: `the grant that it cites is revoked from number ${revocation.act.from} of its author on`,
      by: revocation.fact.hash,
    };
  }

  #judgeAct(link: Link, fact: Fact, act: AuthorityAct | undefined): VoidReason | undefined {
    if (act === undefined) return undefined;
    if (act.op === 'revoke') return this.#judgeTarget(fact, act);
    if (act.op === 'join') return this.#judgeJoin(link, fact, act);
    if (act.op === 'rotate') return this.#judgeRotation(fact, act);
    const rights = this.#rightsBy(link);
    if (rights === undefined || !isWithin(act, rights))
      return without('it grants more than what was granted to its author', link.fact.hash);
    return this.#judgeReplacing(fact, act, rights);
  }

  #judgeRootAct(fact: Fact, act: AuthorityAct | undefined): VoidReason | undefined {
    if (act?.op === 'revoke') return this.#judgeTarget(fact, act);
    if (act?.op === 'rotate') return this.#judgeRotation(fact, act);
    return act?.op === 'grant' ? this.#judgeReplacing(fact, act, ALL_RIGHTS) : undefined;
  }

  /** Who is an admin and may revoke a grant may give its place to another key. */
  #judgeReplacing(fact: Fact, { replaces }: GrantAct, { roles }: Rights): VoidReason | undefined {
    if (replaces === undefined) return undefined;
    if (!roles.includes('admin')) return without('only an admin may replace the key of another');
    return this.standsAbove(fact.cap ?? '', replaces.grant)
      ? undefined
      : without('only the holder of a grant above it may replace a grant', replaces.grant);
  }

  #judgeRotation(fact: Fact, act: RotateAct): VoidReason | undefined {
    return this.#isHandedOn(fact, act) ? undefined : without('it is not signed with the new key');
  }

  /** What was handed to another key is held by that key alone. */
  #judgeRotated(cap: string, fact: Fact): VoidReason | undefined {
    const rotation = this.rotationOf(cap, fact.author);
    return rotation === undefined || fact.seq <= rotation.seq
      ? undefined
      : { rule: 'rotated', text: 'its author has handed what it held to another key', by: rotation.hash };
  }

  #judgeJoin({ fact: invite, act: above }: Link, fact: Fact, act: JoinAct): VoidReason | undefined {
    if (above.op !== 'grant') return without('it cites no invite', invite.hash);
    const wrong = this.#faultOfJoin(invite, above, fact, act);
    if (wrong !== undefined) return wrong;
    const first = this.redeemerOf(invite.hash);
    return first === undefined || first === fact ? undefined : REDEEMED;
  }

  /** What is wrong with a join by itself, whoever else has redeemed the invite. */
  #faultOfJoin(invite: Fact, above: GrantAct, fact: Fact, act: JoinAct): VoidReason | undefined {
    if (compareFacts(invite, fact) >= 0) return without('it cites an invite that comes after it', invite.hash);
    if (fact.time > (above.expires ?? 0)) return without('the invite had expired', invite.hash);
    return this.#isProven(above, fact, act)
      ? undefined
      : without('it is not signed with the key of the invite', invite.hash);
  }

  /** Only who holds a grant above may revoke, so no two can revoke each other. */
  #judgeTarget(fact: Fact, act: RevokeAct): VoidReason | undefined {
    if (act.grant === this.#genesis?.network)
      return this.graph.base(fact.cap ?? '') === act.grant && act.key !== undefined
        ? undefined
        : without('what genesis gives is revoked by a root key, for one key');
    if (this.graph.link(act.grant) === undefined) return without(`it revokes ${act.grant}, and no such grant is known`);
    return this.standsAbove(fact.cap ?? '', act.grant)
      ? undefined
      : without('only the holder of a grant above it may revoke a grant', act.grant);
  }

  #isProven(invite: GrantAct, fact: Fact, { proof }: JoinAct): boolean {
    return this.#holds(fact, invite.key, joinText(this.#genesis?.network ?? '', fact.cap ?? '', fact.author), proof);
  }

  #isHandedOn(fact: Fact, { key, proof }: RotateAct): boolean {
    const text = rotateText(this.#genesis?.network ?? '', fact.cap ?? '', fact.author, key);
    return key !== fact.author && this.#holds(fact, key, text, proof);
  }

  #holds(fact: Fact, key: string, text: string, proof: string): boolean {
    let holds = this.#proven.get(fact.hash);
    if (holds === undefined) {
      holds = this.#signatures.hold(key, Buffer.from(text), Buffer.from(proof, 'hex'));
      this.#proven.set(fact.hash, holds);
    }
    return holds;
  }
}

const NOTHING: ReadonlySet<Fact> = new Set();

/** By whom is said when it is asked: that may have become another, by form alone, and nothing else has. */
const REDEEMED: VoidReason = { rule: 'invite-redeemed', text: 'the invite was redeemed before', by: undefined };

const without = (text: string, by?: string): VoidReason => ({ rule: 'no-authority', text, by });
