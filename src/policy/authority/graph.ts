import { GRANT_CHAIN_MAX, GRANT_DEPTH_MAX, ROTATIONS_MAX } from '../../base/limits.ts';
import { AUTHORITY_OPS, compareFacts, type Fact } from '../facts.ts';
import { type AuthorityAct, type GrantAct, type JoinAct, readAct, type RevokeAct, type RotateAct } from './acts.ts';
import { ALL_RIGHTS, type Rights } from './rights.ts';

/** A grant to a key, an invite, the join that redeemed one, or a rotation: what an entry can cite. */
export interface Link {
  readonly fact: Fact;
  readonly act: GrantAct | JoinAct | RotateAct;
}

/** An entry that revokes a grant, and what it says. */
export interface Revocation {
  readonly fact: Fact;
  readonly act: RevokeAct;
}

interface Rotation {
  readonly fact: Fact;
  readonly act: RotateAct;
}

interface Join {
  readonly fact: Fact;
  readonly act: JoinAct;
}

/**
 * Who cites what: every fact under the grant that it names, whether or not that grant is known, or good for anything.
 */
export class GrantGraph {
  readonly #acts = new Map<string, { readonly fact: Fact; readonly act: AuthorityAct }>();
  /** Facts by the grant that they cite, then by author. */
  readonly #citing = new Map<string, Map<string, Fact[]>>();
  readonly #revocations = new Map<string, Revocation[]>();
  readonly #ending = new Map<Fact, Revocation>();
  /** Links by their holder. */
  readonly #held = new Map<string, Link[]>();
  /** By the invite that they cite, in the ledger's order. */
  readonly #joins = new Map<string, Join[]>();
  /** By the grant that is handed on and its holder: asked for at each entry. */
  readonly #rotations = new Map<string, Rotation[]>();

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
    if (act.op !== 'revoke') listIn(this.#held, this.holder({ fact, act })).push({ fact, act });
    const revocation = revocationIn(act);
    if (revocation !== undefined) {
      const ending = { fact, act: revocation };
      this.#ending.set(fact, ending);
      listIn(this.#revocations, revocation.grant).push(ending);
    }
    if (act.op === 'join') this.#fileJoin({ fact, act });
    if (act.op === 'rotate') listIn(this.#rotations, rotationKey(fact.cap ?? '', fact.author)).push({ fact, act });
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

  /** What a key holds or held, in the ledger's order. */
  linksOf(key: string): readonly Link[] {
    return [...(this.#held.get(key) ?? [])].sort((a, b) => compareFacts(a.fact, b.fact));
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

  /** What an act ends, by right or not. */
  endedBy(fact: Fact): Revocation | undefined {
    return this.#ending.get(fact);
  }

  /** All that end something, or would. */
  revocations(): Iterable<Revocation> {
    return this.#ending.values();
  }

  revocationsOf(grant: string): readonly Revocation[] {
    return this.#revocations.get(grant) ?? [];
  }

  /** The joins that cite an invite, in the ledger's order. */
  joinsOf(invite: string): readonly Join[] {
    return this.#joins.get(invite) ?? [];
  }

  /** The rotations by which an author hands on what it holds by a grant. */
  rotationsOf(cap: string, author: string): readonly Rotation[] {
    return this.#rotations.get(rotationKey(cap, author)) ?? [];
  }

  /** Whose a link is. */
  holder({ fact, act }: Link): string {
    return act.op === 'join' ? fact.author : act.key;
  }

  /**
   * What a link gives, with the keys that its holder stands in for. Only of links in force: a chain of void ones may be
   * of any length.
   */
  rights(link: Link): Rights | undefined {
    const granted = this.granted(link);
    const former = this.#formerOf(link);
    return granted === undefined || former.length === 0 ? granted : { ...granted, former };
  }

  /**
   * What a link gives: a join what its invite says, a rotation what it hands on; undefined where that is nothing, or
   * lies too deep.
   */
  granted(link: Link): Rights | undefined {
    let at: Link | undefined = link;
    for (let steps = 0; at !== undefined && steps <= GRANT_CHAIN_MAX; steps += 1) {
      const { fact, act }: Link = at;
      if (act.op === 'grant') return { roles: act.roles, scope: act.scope, grants: act.grants };
      const above = this.link(fact.cap);
      if (act.op === 'join') at = above?.act.op === 'grant' ? above : undefined;
      else if (above === undefined) return ALL_RIGHTS;
      else at = above;
    }
    return undefined;
  }

  /**
   * The keys that the holder of a link stands in for, oldest first: of those who handed it on, and of whom a grant
   * replaces.
   */
  #formerOf(link: Link): readonly string[] {
    const keys: string[] = [];
    for (let at: Link | undefined = link; at !== undefined;) {
      const { fact, act }: Link = at;
      if (act.op === 'grant') {
        at = act.replaces === undefined ? undefined : this.link(act.replaces.grant);
        if (at !== undefined) keys.push(this.holder(at));
      } else {
        if (act.op === 'rotate') keys.push(fact.author);
        const above = this.link(fact.cap);
        at = act.op === 'join' && above?.act.op !== 'grant' ? undefined : above;
      }
    }
    return keys.reverse();
  }

  /** What a grant was before it was handed to other keys; the network id where genesis gave it. */
  base(cap: string): string {
    let at = cap;
    for (let steps = 0; steps <= GRANT_CHAIN_MAX; steps += 1) {
      const found = this.#acts.get(at);
      if (found?.act.op !== 'rotate' || found.fact.cap === null) return at;
      at = found.fact.cap;
    }
    return at;
  }

  /** What lies above a grant, rotations left out: who holds one of these, by whichever key, may revoke it. */
  basesAbove(grant: string): readonly string[] {
    const start = this.#acts.get(this.base(grant));
    if (start === undefined) return [];
    const above = this.above(start.fact);
    const last = above.at(-1);
    // What a rotation above was before stands above as well.
    return last === undefined ? [] : [...above.filter((cap) => !this.#isRotation(cap)), this.base(last)];
  }

  /** Whether more lies above an entry than may: grants, or rotations of their holders' keys. */
  isTooDeep(fact: Fact): boolean {
    const above = this.above(fact);
    const rotations = above.filter((cap) => this.#isRotation(cap)).length;
    return rotations > ROTATIONS_MAX || above.length - rotations > GRANT_DEPTH_MAX;
  }

  #isRotation(cap: string): boolean {
    return this.#acts.get(cap)?.act.op === 'rotate';
  }

  /** The grants above a fact, nearest first, up to the network id; cut off where there are more than the bound. */
  above(fact: Fact): readonly string[] {
    const caps: string[] = [];
    let cap = fact.cap;
    while (cap !== null && caps.length <= GRANT_CHAIN_MAX) {
      caps.push(cap);
      cap = this.#acts.get(cap)?.fact.cap ?? null;
    }
    return caps;
  }

  #fileJoin(join: Join): void {
    const joins = listIn(this.#joins, join.fact.cap ?? '');
    let [low, high] = [0, joins.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const at = joins[middle];
      if (at !== undefined && compareFacts(at.fact, join.fact) <= 0) low = middle + 1;
      else high = middle;
    }
    joins.splice(low, 0, join);
  }

  #file(fact: Fact): void {
    const cap = fact.cap ?? '';
    let byAuthor = this.#citing.get(cap);
    if (byAuthor === undefined) {
      byAuthor = new Map<string, Fact[]>();
      this.#citing.set(cap, byAuthor);
    }
    listIn(byAuthor, fact.author).push(fact);
  }
}

/** The list under a key, which may be new. */
export const listIn = <Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] => {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
};

const rotationKey = (cap: string, author: string): string => `${cap} ${author}`;

/** What an act ends: a grant that replaces another's does so as well. */
const revocationIn = (act: AuthorityAct): RevokeAct | undefined => {
  if (act.op === 'revoke') return act;
  if (act.op !== 'grant' || act.replaces === undefined) return undefined;
  return { op: 'revoke', ...act.replaces, key: undefined, reason: 'replaced' };
};
