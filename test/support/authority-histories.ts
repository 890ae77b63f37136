import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { joinText, rotateText } from '../../src/policy/authority/acts.ts';
import { authorKey, entryOf } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';

const START = 1_600_000_000_000_000;
const ROOT = authorKey('0');
/** Keys that may follow others: what they sign is looked at. */
const NEXT_KEYS = [3, 4, 5].map((number) => signingKeyFromSeed(Buffer.alloc(32, number)));
const KEYS = [ROOT, ...['a', 'b', 'c', 'd', 'e'].map(authorKey), ...NEXT_KEYS.map(({ author }) => author)];
const INVITE_KEYS = [1, 2].map((number) => signingKeyFromSeed(Buffer.alloc(32, number)));
const TYPES = ['site', 'pump'];
const NO_GRANT = 'e'.repeat(64);
const ROLES = [['admin'], ['admin'], ['admin'], ['member'], ['auditor'], ['member', 'auditor']];
const SCOPES: readonly JsonObject[] = [{}, {}, { types: ['site'] }, { types: TYPES, company: 'ab' }, { company: 'a' }];

/** The key that a grant, or the join that redeemed one, gives something to. */
const holderOf = ({ header, content }: Entry): string => {
  const { key } = content;
  return header.op !== 'join' && typeof key === 'string' ? key : header.author;
};

const isInvite = ({ content }: Entry): boolean => content['expires'] !== undefined;

/** Entries of a history in which anybody cites, grants, revokes and joins as it likes; about half of it in good order. */
export const hostileHistory = (random: SeededRandom, steps: number): readonly Entry[] => {
  const maker = new HistoryMaker(random);
  for (let step = 0; step < steps; step += 1) maker.step();
  return maker.entries;
};

class HistoryMaker {
  readonly entries: Entry[];
  readonly #random: SeededRandom;
  readonly #net: string;
  readonly #seqs = new Map([[ROOT, 1]]);
  #time = START;

  constructor(random: SeededRandom) {
    this.#random = random;
    const content = { v: 1, name: 'n', admission: random.chance(0.8) ? 'invite' : 'open', roots: [ROOT] };
    const genesis = entryOf({ op: 'genesis', net: '', cap: null, author: ROOT, seq: 1, time: START, content });
    this.#net = genesis.hash;
    this.entries = [genesis];
  }

  step(): void {
    const random = this.#random;
    const nodes = this.#links().filter((link) => !isInvite(link));
    const link = nodes.length > 0 && random.chance(0.6) ? random.pick(nodes) : undefined;
    const holder = link === undefined ? ROOT : holderOf(link);
    const author = random.chance(0.15) ? random.pick(KEYS) : holder;
    const cap = random.chance(0.1) ? this.#anyCap() : (link?.hash ?? this.#net);
    const dice = random.fraction();
    if (dice < 0.36) this.#add(author, 'grant', cap, this.#grant(link));
    else if (dice < 0.54) this.#revoke(author, cap);
    else if (dice < 0.67) this.#join(cap);
    else if (dice < 0.8) this.#rotate(author, cap);
    else this.#add(author, 'insert', cap, { company: random.pick(['ab', 'abc', 'x']) });
  }

  #add(author: string, op: string, cap: string, content: JsonObject): void {
    const seq = (this.#seqs.get(author) ?? 0) + 1;
    this.#seqs.set(author, seq);
    this.#time += this.#random.integer(0, 2);
    const policy = op === 'insert' ? { type: this.#random.pick(TYPES), id: `p${this.entries.length}` } : {};
    this.entries.push(entryOf({ op, net: this.#net, cap, author, seq, time: this.#time, content, ...policy }));
  }

  #grant(link: Entry | undefined): JsonObject {
    const random = this.#random;
    const invites = random.chance(0.3);
    const links = this.#links();
    const { roles, scope } = link?.header.op === 'grant' && random.chance(0.6) ? link.content : {};
    return {
      v: 1,
      key: invites ? random.pick(INVITE_KEYS).author : random.pick(KEYS),
      roles: roles ?? random.pick(ROLES),
      scope: scope ?? random.pick(SCOPES),
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
      ...(random.chance(0.2) ? { key: random.pick(KEYS) } : {}),
    });
  }

  #rotate(author: string, cap: string): void {
    const random = this.#random;
    const next = random.pick(NEXT_KEYS);
    const signer = random.chance(0.9) ? next : random.pick(NEXT_KEYS);
    const text = rotateText(this.#net, cap, random.chance(0.95) ? author : random.pick(KEYS), next.author);
    const proof = Buffer.from(signWith(signer, Buffer.from(text))).toString('hex');
    this.#add(author, 'rotate', cap, { v: 1, key: next.author, proof });
  }

  #join(cap: string): void {
    const random = this.#random;
    const invites = this.#links().filter(isInvite);
    const invite = invites.length > 0 && random.chance(0.9) ? random.pick(invites) : undefined;
    const author = random.pick(KEYS);
    const key = INVITE_KEYS.find((each) => each.author === invite?.content['key']) ?? random.pick(INVITE_KEYS);
    const signer = random.chance(0.85) ? key : random.pick(INVITE_KEYS);
    const text = joinText(this.#net, invite?.hash ?? this.#net, random.chance(0.9) ? author : random.pick(KEYS));
    const proof = Buffer.from(signWith(signer, Buffer.from(text))).toString('hex');
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
