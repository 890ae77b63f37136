import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { ed25519, type Signatures } from '../../src/entry/signatures.ts';
import { joinText, rotateText } from '../../src/policy/authority/acts.ts';
import { authorKey, entryOf, type EntrySketch } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';

const START = 1_600_000_000_000_000;
/** Keys that may follow others: what they sign is looked at. */
export const NEXT_KEYS = [3, 4, 5].map((number) => signingKeyFromSeed(Buffer.alloc(32, number)));
/** Pairs of keys that invites of a history are made for. */
export const INVITE_KEYS = [1, 2].map((number) => signingKeyFromSeed(Buffer.alloc(32, number)));
const TYPES = ['site', 'pump'];
const NO_GRANT = 'e'.repeat(64);
const ROLES = [['admin'], ['admin'], ['admin'], ['member'], ['auditor'], ['archive'], ['member', 'auditor']];
const SCOPES: readonly JsonObject[] = [{}, {}, { types: ['site'] }, { types: TYPES, company: 'ab' }, { company: 'a' }];

/** The key that a grant, or the join that redeemed one, gives something to. */
const holderOf = ({ header, content }: Entry): string => {
  const { key } = content;
  return header.op !== 'join' && typeof key === 'string' ? key : header.author;
};

const isInvite = ({ content }: Entry): boolean => content['expires'] !== undefined;

/** Who writes a history, and how an entry is made of what it says. The first key is the root. */
export interface HistoryWorld {
  readonly keys: readonly string[];
  make(sketch: EntrySketch & { readonly author: string }): Entry;
  /** By how many microseconds entries follow each other at least: 0 also gives entries of one time. */
  readonly step: number;
  /** What joins and rotations are proven with; default: Ed25519. */
  readonly signatures?: Signatures;
  /** What authors say of policies; default: inserts of two free types. */
  readonly policies?: PolicyHabits;
}

export interface PolicyHabits {
  /** Roles and scopes of grants, beside the usual ones. */
  readonly roles: readonly (readonly string[])[];
  readonly scopes: readonly JsonObject[];
  /** An insert, update or delete by an author who has seen these entries. */
  sketch(random: SeededRandom, author: string, entries: readonly Entry[]): EntrySketch;
  /** Inserts in good order: the policy of the author's own node, and what arises from data on it. */
  own(random: SeededRandom, author: string, entries: readonly Entry[]): EntrySketch;
  arising(random: SeededRandom, entries: readonly Entry[]): EntrySketch;
}

/** Entries that nobody signed, at any time. */
export const UNSIGNED: HistoryWorld = {
  keys: [...['0', 'a', 'b', 'c', 'd', 'e'].map(authorKey), ...NEXT_KEYS.map(({ author }) => author)],
  make: entryOf,
  step: 0,
};

/**
 * Entries of a history in which anybody cites, grants, revokes and joins as it likes; about half of it in good order.
 */
export const hostileHistory = (random: SeededRandom, steps: number, world = UNSIGNED): readonly Entry[] => {
  const maker = new HistoryMaker(random, world);
  for (let step = 0; step < steps; step += 1) maker.step();
  return maker.entries;
};

class HistoryMaker {
  readonly entries: Entry[];
  readonly #random: SeededRandom;
  readonly #net: string;
  readonly #world: HistoryWorld;
  readonly #signatures: Signatures;
  readonly #root: string;
  readonly #seqs: Map<string, number>;
  #time = START;

  constructor(random: SeededRandom, world: HistoryWorld) {
    this.#random = random;
    this.#world = world;
    this.#signatures = world.signatures ?? ed25519;
    const [root = ''] = world.keys;
    this.#root = root;
    this.#seqs = new Map([[root, 1]]);
    const content = { v: 1, name: 'n', admission: random.chance(0.8) ? 'invite' : 'open', roots: [root] };
    const genesis = world.make({ op: 'genesis', net: '', cap: null, author: root, seq: 1, time: START, content });
    this.#net = genesis.hash;
    this.entries = [genesis];
  }

  step(): void {
    const random = this.#random;
    const nodes = this.#links().filter((link) => !isInvite(link));
    const link = nodes.length > 0 && random.chance(0.6) ? random.pick(nodes) : undefined;
    const holder = link === undefined ? this.#root : holderOf(link);
    const author = random.chance(0.15) ? random.pick(this.#world.keys) : holder;
    const cap = random.chance(0.1) ? this.#anyCap() : (link?.hash ?? this.#net);
    const { policies } = this.#world;
    if (policies !== undefined && random.chance(0.05)) {
      this.#scene(policies);
      return;
    }
    if (policies !== undefined && random.chance(0.6)) {
      this.#put(author, cap, policies.sketch(random, author, this.entries));
      return;
    }
    const dice = random.fraction();
    if (dice < 0.36) this.#add(author, 'grant', cap, this.#grant(link));
    else if (dice < 0.54) this.#revoke(author, cap);
    else if (dice < 0.67) this.#join(cap);
    else if (dice < 0.8) this.#rotate(author, cap);
    else this.#add(author, 'insert', cap, { company: random.pick(['ab', 'abc', 'x']) });
  }

  /**
   * A node with few rights is let in and writes its policies; its key is rotated or replaced, and its policy follows.
   */
  #scene(policies: PolicyHabits): void {
    const random = this.#random;
    const key = random.pick(this.#world.keys.slice(1));
    const rights = {
      roles: random.pick(policies.roles),
      scope: random.pick(policies.scopes),
      grants: random.chance(0.5),
    };
    this.#add(this.#root, 'grant', this.#net, { v: 1, key, ...rights });
    const grant = this.#lastHash();
    const own = policies.own(random, key, this.entries);
    this.#put(key, grant, own);
    for (let more = random.integer(0, 3); more > 0; more -= 1) {
      const isChange = random.chance(0.5);
      this.#put(
        key,
        grant,
        isChange ? policies.sketch(random, key, this.entries) : policies.arising(random, this.entries),
      );
    }
    if (random.chance(0.4)) {
      const scope = random.pick([rights.scope, ...policies.scopes]);
      const content = { v: 1, key: random.pick(this.#world.keys), ...rights, scope };
      this.#add(key, 'grant', grant, content);
      const replaces = { grant: this.#lastHash(), from: 1 };
      if (random.chance(0.5)) this.#add(key, 'grant', grant, { ...content, replaces });
    }
    const next = random.pick(NEXT_KEYS);
    const isRotated = random.chance(0.5);
    if (isRotated) {
      const text = rotateText(this.#net, grant, key, next.author);
      const proof = Buffer.from(this.#signatures.sign(next, Buffer.from(text))).toString('hex');
      this.#add(key, 'rotate', grant, { v: 1, key: next.author, proof });
    } else {
      const replaces = { grant, from: (this.#seqs.get(key) ?? 0) + 1 };
      this.#add(this.#root, 'grant', this.#net, { v: 1, key: next.author, ...rights, replaces });
    }
    const cap = this.#lastHash();
    const id = own.id ?? null;
    this.#put(next.author, cap, {
      op: 'update',
      id,
      content: random.chance(0.8) ? { peer: next.author } : { name: 'x' },
    });
    if (random.chance(0.3)) this.#put(next.author, cap, { op: 'delete', id });
    if (random.chance(0.3)) this.#put(key, grant, { op: 'update', id, content: { name: 'y' } });
  }

  #lastHash(): string {
    return this.entries.at(-1)?.hash ?? '';
  }

  #add(author: string, op: string, cap: string, content: JsonObject): void {
    const policy = op === 'insert' ? { type: this.#random.pick(TYPES), id: `p${this.entries.length}` } : {};
    this.#put(author, cap, { op, content, ...policy });
  }

  #put(author: string, cap: string, sketch: EntrySketch): void {
    const seq = (this.#seqs.get(author) ?? 0) + 1;
    this.#seqs.set(author, seq);
    this.#time += this.#random.integer(this.#world.step, 2);
    // A clock that is behind: after the author's own entry before, and maybe before what it cites.
    const last = this.entries.findLast(({ header }) => header.author === author);
    const isBehind = this.#world.policies !== undefined && this.#random.chance(0.05);
    const time = isBehind ? (last?.header.time ?? START) + 1 : this.#time;
    this.entries.push(this.#world.make({ net: this.#net, cap, author, seq, time, ...sketch }));
  }

  #grant(link: Entry | undefined): JsonObject {
    const random = this.#random;
    const invites = random.chance(0.3);
    const links = this.#links();
    const { roles, scope } = link?.header.op === 'grant' && random.chance(0.6) ? link.content : {};
    return {
      v: 1,
      key: invites ? random.pick(INVITE_KEYS).author : random.pick(this.#world.keys),
      roles: roles ?? random.pick([...ROLES, ...(this.#world.policies?.roles ?? [])]),
      scope: scope ?? random.pick([...SCOPES, ...(this.#world.policies?.scopes ?? [])]),
      grants: random.chance(0.8),
      ...(invites ? { expires: this.#time + random.integer(0, 30) } : {}),
      ...(links.length > 0 && random.chance(0.2)
        ? { replaces: { grant: random.pick(links).hash, from: random.integer(1, 6) } }
        : {}),
    };
  }

  #revoke(author: string, cap: string): void {
    const random = this.#random;
    const links = this.#links();
    const target = links.length > 0 && random.chance(0.9) ? random.pick(links) : undefined;
    const above = target === undefined ? [] : this.#above(target);
    const by = above.length > 0 && random.chance(0.7) ? random.pick(above) : cap;
    const granter = this.entries.find(({ hash }) => hash === by);
    this.#add(random.chance(0.15) || granter === undefined ? author : holderOf(granter), 'revoke', by, {
      v: 1,
      grant: target?.hash ?? this.#net,
      from: random.integer(1, 6),
      ...(random.chance(0.2) ? { key: random.pick(this.#world.keys) } : {}),
    });
  }

  #rotate(author: string, cap: string): void {
    const random = this.#random;
    const next = random.pick(NEXT_KEYS);
    const signer = random.chance(0.9) ? next : random.pick(NEXT_KEYS);
    const text = rotateText(this.#net, cap, random.chance(0.95) ? author : random.pick(this.#world.keys), next.author);
    const proof = Buffer.from(this.#signatures.sign(signer, Buffer.from(text))).toString('hex');
    this.#add(author, 'rotate', cap, { v: 1, key: next.author, proof });
  }

  #join(cap: string): void {
    const random = this.#random;
    const invites = this.#links().filter(isInvite);
    const invite = invites.length > 0 && random.chance(0.9) ? random.pick(invites) : undefined;
    const author = random.pick(this.#world.keys);
    const key = INVITE_KEYS.find((each) => each.author === invite?.content['key']) ?? random.pick(INVITE_KEYS);
    const signer = random.chance(0.85) ? key : random.pick(INVITE_KEYS);
    const text = joinText(
      this.#net,
      invite?.hash ?? this.#net,
      random.chance(0.9) ? author : random.pick(this.#world.keys),
    );
    const proof = Buffer.from(this.#signatures.sign(signer, Buffer.from(text))).toString('hex');
    this.#add(author, 'join', invite?.hash ?? cap, { v: 1, proof });
  }

  #links(): readonly Entry[] {
    return this.entries.filter(({ header }) => ['grant', 'join', 'rotate'].includes(header.op));
  }

  #above({ header }: Entry): readonly string[] {
    const above = this.entries.find(({ hash }) => hash === header.cap);
    return above === undefined ? [] : [above.hash, ...this.#above(above)];
  }

  #anyCap(): string {
    const links = this.#links();
    if (links.length > 0 && this.#random.chance(0.7)) return this.#random.pick(links).hash;
    return this.#random.chance(0.9) ? this.#net : NO_GRANT;
  }
}
