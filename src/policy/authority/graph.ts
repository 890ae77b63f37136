import { GRANT_DEPTH_MAX } from '../../base/limits.ts';
import { AUTHORITY_OPS, compareFacts, type Fact } from '../facts.ts';
import { type AuthorityAct, type GrantAct, type JoinAct, readAct, type RevokeAct } from './acts.ts';
import type { Rights } from './rights.ts';

/** A grant to a key, an invite, or the join that redeemed one: what an entry can cite. */
export interface Link {
  readonly fact: Fact;
  readonly act: GrantAct | JoinAct;
}

export interface Revocation {
  readonly fact: Fact;
  readonly act: RevokeAct;
}

/** Who cites what: every fact under the grant that it names, whether or not that grant is known, or good for anything. */
export class GrantGraph {
  readonly #acts = new Map<string, { readonly fact: Fact; readonly act: AuthorityAct }>();
  /** Facts by the grant that they cite, then by author. */
  readonly #citing = new Map<string, Map<string, Fact[]>>();
  readonly #revocations = new Map<string, Revocation[]>();

  /** Takes up a fact; returns whether it is a well-formed act of authority. A malformed one gets its reason. */
  add(fact: Fact): boolean {
    this.#file(fact);
    if (!AUTHORITY_OPS.has(fact.op)) return false;
    const act = readAct(fact.op, fact.content);
    if ('malformed' in act) {
      fact.void = { rule: 'structure', text: act.malformed, by: undefined };
      return false;
    }
    this.#acts.set(fact.hash, { fact, act });
    if (act.op === 'revoke') this.#revocations.set(act.grant, [...this.revocationsOf(act.grant), { fact, act }]);
    return true;
  }

  actOf(fact: Fact): AuthorityAct | undefined {
    return this.#acts.get(fact.hash)?.act;
  }

  link(hash: string | null): Link | undefined {
    const found = hash === null ? undefined : this.#acts.get(hash);
    return found === undefined || found.act.op === 'revoke' ? undefined : { fact: found.fact, act: found.act };
  }

  /** All of them, in the ledger's order. */
  links(): readonly Link[] {
    const links = [...this.#acts.keys()].flatMap((hash) => this.link(hash) ?? []);
    return links.sort((a, b) => compareFacts(a.fact, b.fact));
  }

  /** All well-formed acts of authority. */
  acts(): readonly Fact[] {
    return [...this.#acts.values()].map(({ fact }) => fact);
  }

  citing(cap: string): readonly Fact[] {
    return [...(this.#citing.get(cap)?.values() ?? [])].flat();
  }

  citingBy(cap: string, author: string): readonly Fact[] {
    return this.#citing.get(cap)?.get(author) ?? [];
  }

  ofAuthor(author: string): readonly Fact[] {
    return [...this.#citing.values()].flatMap((byAuthor) => byAuthor.get(author) ?? []);
  }

  all(): readonly Fact[] {
    return [...this.#citing.keys()].flatMap((cap) => this.citing(cap));
  }

  revocationsOf(grant: string): readonly Revocation[] {
    return this.#revocations.get(grant) ?? [];
  }

  /** The joins that cite an invite, in the ledger's order. */
  joinsOf(invite: string): readonly { readonly fact: Fact; readonly act: JoinAct }[] {
    const joins = this.citing(invite).flatMap((fact) => {
      const act = this.actOf(fact);
      return act?.op === 'join' ? { fact, act } : [];
    });
    return joins.sort((a, b) => compareFacts(a.fact, b.fact));
  }

  /** What a link gives: a join what its invite says. */
  rights({ fact, act }: Link): Rights | undefined {
    if (act.op === 'grant') return act;
    const invite = this.link(fact.cap)?.act;
    return invite?.op === 'grant' ? invite : undefined;
  }

  /** The grants above a fact, nearest first, up to the network id; cut off where there are more than the bound. */
  above(fact: Fact): readonly string[] {
    const caps: string[] = [];
    let cap = fact.cap;
    while (cap !== null && caps.length <= GRANT_DEPTH_MAX) {
      caps.push(cap);
      cap = this.#acts.get(cap)?.fact.cap ?? null;
    }
    return caps;
  }

  #file(fact: Fact): void {
    const cap = fact.cap ?? '';
    let byAuthor = this.#citing.get(cap);
    if (byAuthor === undefined) {
      byAuthor = new Map<string, Fact[]>();
      this.#citing.set(cap, byAuthor);
    }
    const list = byAuthor.get(fact.author);
    if (list === undefined) byAuthor.set(fact.author, [fact]);
    else list.push(fact);
  }
}
