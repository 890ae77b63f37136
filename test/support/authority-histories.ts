import type { JsonObject } from '../../src/codec/json.ts';
import { compareEntries, type Entry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed, signWith, verifySignature } from '../../src/entry/keys.ts';
import { joinText } from '../../src/policy/authority/acts.ts';
import { authorKey, entryOf } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';

const START = 1_600_000_000_000_000;
const ROOT = authorKey('0');
const KEYS = [ROOT, ...['a', 'b', 'c', 'd', 'e'].map(authorKey)];
const INVITE_KEYS = [1, 2].map((number) => signingKeyFromSeed(Buffer.alloc(32, number)));
const TYPES = ['site', 'pump'];
const DEPTH_MAX = 16;

/** What a history is made of, genesis first; causes before effects, as honest and hostile authors write them. */
export interface History {
  readonly entries: readonly Entry[];
  readonly root: string;
}

/** A history in which anybody cites, grants, revokes and joins as it likes; about half of it in good order. */
export const hostileHistory = (random: SeededRandom, steps: number): History => {
  const genesis = entryOf({
    op: 'genesis',
    net: '',
    cap: null,
    author: ROOT,
    seq: 1,
    time: START,
    content: { v: 1, name: 'n', admission: random.chance(0.8) ? 'invite' : 'open', roots: [ROOT] },
  });
  const net = genesis.hash;
  const entries = [genesis];
  const seqs = new Map([[ROOT, 1]]);
  let time = START;
  const add = (author: string, op: string, cap: string, content: JsonObject): void => {
    const seq = (seqs.get(author) ?? 0) + 1;
    seqs.set(author, seq);
    time += random.integer(0, 2);
    const policy = op === 'insert' ? { type: random.pick(TYPES), id: `p${entries.length}` } : {};
    entries.push(entryOf({ op, net, cap, author, seq, time, content, ...policy }));
  };
  for (let step = 0; step < steps; step += 1) {
    const links = entries.filter(({ header }) => header.op === 'grant' || header.op === 'join');
    const nodes = links.filter(({ content }) => content['expires'] === undefined);
    const link = nodes.length > 0 && random.chance(0.6) ? random.pick(nodes) : undefined;
    const author = random.chance(0.15) ? random.pick(KEYS) : link === undefined ? ROOT : holderOf(link);
    const cap = random.chance(0.1) ? capAtRandom(random, net, links) : (link?.hash ?? net);
    const dice = random.fraction();
    if (dice < 0.4) add(author, 'grant', cap, grantContent(random, time, link));
    else if (dice < 0.6) {
      const target = links.length > 0 && random.chance(0.9) ? random.pick(links) : undefined;
      const caps = target === undefined ? [] : capsAbove(entries, target);
      const by = caps.length > 0 && random.chance(0.7) ? random.pick(caps) : cap;
      const granter = entries.find(({ hash }) => hash === by);
      const revoker = random.chance(0.15) || granter === undefined ? author : holderOf(granter);
      add(revoker, 'revoke', by, revokeContent(random, target?.hash ?? net));
    } else if (dice < 0.75) {
      const invites = links.filter(({ content }) => content['expires'] !== undefined);
      const invite = invites.length > 0 && random.chance(0.9) ? random.pick(invites) : undefined;
      const joiner = random.pick(KEYS);
      add(joiner, 'join', invite?.hash ?? cap, joinContent(random, net, invite, joiner));
    } else add(author, 'insert', cap, { company: random.pick(['ab', 'abc', 'x']) });
  }
  return { entries, root: ROOT };
};

const capsAbove = (entries: readonly Entry[], entry: Entry): readonly string[] => {
  const above = entries.find(({ hash }) => hash === entry.header.cap);
  return above === undefined ? [] : [above.hash, ...capsAbove(entries, above)];
};

const holderOf = ({ header, content }: Entry): string =>
  header.op === 'grant' ? String(content['key']) : header.author;

const capAtRandom = (random: SeededRandom, net: string, links: readonly Entry[]): string =>
  links.length > 0 && random.chance(0.7) ? random.pick(links).hash : random.chance(0.9) ? net : 'e'.repeat(64);

const grantContent = (random: SeededRandom, now: number, link: Entry | undefined): JsonObject => {
  const isInvite = random.chance(0.3);
  const { roles, scope } = link?.header.op === 'grant' && random.chance(0.6) ? link.content : {};
  return {
    v: 1,
    key: isInvite ? random.pick(INVITE_KEYS).author : random.pick(KEYS),
    roles: roles ?? random.pick([['admin'], ['admin'], ['admin'], ['member'], ['auditor'], ['member', 'auditor']]),
    scope:
      scope ??
      random.pick<JsonObject>([{}, {}, { types: ['site'] }, { types: TYPES, company: 'ab' }, { company: 'a' }]),
    grants: random.chance(0.8),
    ...(isInvite ? { expires: now + random.integer(0, 30) } : {}),
  };
};

const revokeContent = (random: SeededRandom, grant: string): JsonObject => ({
  v: 1,
  grant,
  from: random.integer(1, 6),
  ...(random.chance(0.2) ? { key: random.pick(KEYS) } : {}),
});

const joinContent = (random: SeededRandom, net: string, invite: Entry | undefined, author: string): JsonObject => {
  const key = INVITE_KEYS.find((each) => each.author === invite?.content['key']) ?? INVITE_KEYS[0]!;
  const signer = random.chance(0.85) ? key : random.pick(INVITE_KEYS);
  const text = joinText(net, invite?.hash ?? net, random.chance(0.9) ? author : random.pick(KEYS));
  return { v: 1, proof: Buffer.from(signWith(signer, Buffer.from(text))).toString('hex') };
};

type Cuts = ReadonlyMap<string, number>;

/**
 * Which entries have authority, by the rules of SPEC.md read aloud, one after the other, with all entries at hand: no order
 * of arrival, nothing kept.
 */
export const entriesWithAuthority = (entries: readonly Entry[], cuts: Cuts): ReadonlySet<string> => {
  const byHash = new Map(entries.map((entry) => [entry.hash, entry]));
  const genesis = entries.find(({ header }) => header.op === 'genesis')!;
  const net = genesis.hash;
  const roots = genesis.content['roots'] as readonly string[];
  const open = genesis.content['admission'] === 'open';
  const known = new Map<string, boolean>();

  const above = (entry: Entry): readonly string[] => {
    const caps: string[] = [];
    for (
      let at: Entry | undefined = entry;
      at !== undefined && at !== genesis && caps.length < 40;
      at = byHash.get(caps.at(-1)!)
    )
      caps.push(at.header.cap!);
    return caps;
  };
  const rightsOf = (link: Entry): JsonObject =>
    link.header.op === 'grant' ? link.content : (byHash.get(link.header.cap!)?.content ?? {});
  const isLink = (entry: Entry | undefined): entry is Entry =>
    entry !== undefined && (entry.header.op === 'grant' || entry.header.op === 'join');
  const isInvite = (entry: Entry): boolean => entry.header.op === 'grant' && entry.content['expires'] !== undefined;

  const revokedFrom = (cap: string, author: string): number => {
    let from = Infinity;
    for (const revoke of entries) {
      const { grant, key, from: seq } = revoke.content;
      if (revoke.header.op !== 'revoke' || grant !== cap || (key !== undefined && key !== author)) continue;
      if (mayRevoke(revoke) && valid(revoke)) from = Math.min(from, Number(seq));
    }
    return from;
  };
  const mayRevoke = ({ header, content }: Entry): boolean => {
    if (content['grant'] === net) return header.cap === net && content['key'] !== undefined;
    const target = byHash.get(String(content['grant']));
    return isLink(target) && above(target).includes(header.cap!);
  };
  const redeems = (join: Entry, invite: Entry): boolean =>
    join.header.op === 'join' &&
    join.header.cap === invite.hash &&
    join.header.time <= Number(invite.content['expires']) &&
    compareEntries(invite.header, join.header) < 0 &&
    verifySignature(
      String(invite.content['key']),
      Buffer.from(joinText(net, invite.hash, join.header.author)),
      Buffer.from(String(join.content['proof']), 'hex'),
    );
  const valid = (entry: Entry): boolean => {
    const before = known.get(entry.hash);
    if (before !== undefined) return before;
    const verdict = judge(entry);
    known.set(entry.hash, verdict);
    return verdict;
  };
  const judge = (entry: Entry): boolean => {
    const { author, seq, cap, op } = entry.header;
    if (entry === genesis) return true;
    if (seq >= (cuts.get(author) ?? Infinity)) return false;
    if (cap === net) {
      if (op === 'join') return false;
      if (roots.includes(author)) return op !== 'revoke' || mayRevoke(entry);
      return open && op === 'insert' && seq < revokedFrom(net, author);
    }
    const link = byHash.get(cap!);
    if (!isLink(link) || above(entry).length > DEPTH_MAX) return false;
    if (isInvite(link) !== (op === 'join')) return false;
    if (op !== 'join' && holderOf(link) !== author) return false;
    if (compareEntries(link.header, entry.header) >= 0 || !valid(link) || seq >= revokedFrom(cap!, author))
      return false;
    if (op === 'revoke') return mayRevoke(entry);
    if (op === 'join') {
      const first = entries.filter((join) => redeems(join, link)).sort((a, b) => compareEntries(a.header, b.header))[0];
      return first === entry;
    }
    const { roles, scope, grants } = rightsOf(link) as { roles: string[]; scope: JsonObject; grants: boolean };
    const types = scope['types'] as readonly string[] | undefined;
    const company = scope['company'] as string | undefined;
    if (op === 'insert')
      return (
        (roles.includes('admin') || (roles.includes('member') && types !== undefined)) &&
        (types === undefined || types.includes(entry.header.type!)) &&
        (company === undefined || String(entry.content['company']).startsWith(company))
      );
    const given = entry.content as unknown as { roles: string[]; scope: { types?: string[]; company?: string } };
    return (
      grants &&
      (roles.includes('admin') || given.roles.every((role) => roles.includes(role))) &&
      (types === undefined || given.scope.types?.every((type) => types.includes(type)) === true) &&
      (company === undefined || given.scope.company?.startsWith(company) === true)
    );
  };
  return new Set(entries.filter(valid).map(({ hash }) => hash));
};
