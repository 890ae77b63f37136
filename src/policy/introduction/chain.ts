import { fault } from '../../base/errors.ts';
import { ENTRY_FUTURE_MS_MAX } from '../../base/limits.ts';
import { parseEntry, signatureHolds } from '../../entry/check.ts';
import type { Entry, RawEntry } from '../../entry/entry.ts';
import { readAct } from '../authority/acts.ts';
import type { Authority, GenesisRules } from '../authority/authority.ts';
import { capsOf } from '../authority/members.ts';
import { AUTHORITY_OPS, type Fact, factOf } from '../facts.ts';

/**
 * The hashes of the entries that make a key a member, from genesis down; empty for a root, a stranger, and under open
 * admission.
 */
export const chainOf = (authority: Authority, key: string): readonly string[] => {
  const network = authority.genesis?.network;
  const [best] = capsOf(authority, key);
  const link = best === undefined ? undefined : authority.graph.link(best);
  if (link === undefined) return [];
  return [link.fact.hash, ...authority.graph.above(link.fact).filter((cap) => cap !== network)].reverse();
};

/** Which of the keys are members by what is known and these entries as well (SPEC I5). */
export const membersWith = (
  authority: Authority,
  facts: readonly Fact[],
  keys: readonly string[],
): ReadonlySet<string> => {
  const supposed = authority.supposing(facts);
  return new Set(keys.filter((key) => capsOf(supposed, key).length > 0));
};

/**
 * Why a join among these entries cannot be believed by what its joiner says alone; undefined where it can, or is known
 * here. It dates itself, so whoever still has the line of an invite can make one at any time: one that is new here must
 * be of an invite that is still good by this node's clock, and that nobody else has redeemed (SPEC I7).
 */
export const doubtOf = (authority: Authority, facts: readonly Fact[], nowMicros: number): string | undefined => {
  for (const [at, { op, hash, cap }] of facts.entries()) {
    if (op !== 'join' || authority.graph.link(hash) !== undefined) continue;
    if (authority.redeemerOf(cap ?? '') !== undefined) return 'another node has redeemed its invite';
    const invite = facts[at - 1];
    const act = invite === undefined ? undefined : readAct(invite.op, invite.content);
    const expires = act !== undefined && 'op' in act && act.op === 'grant' ? (act.expires ?? 0) : 0;
    if (expires < nowMicros) return 'its invite has expired by now';
  }
  return undefined;
};

/**
 * The entries of an introduction as facts, when they are authentic and lead from a root to the key (SPEC I2 to I4):
 * looked at from the root down, so that who has no such chain costs one signature. Throws `JOIN_NOT_PROVEN`,
 * `JOIN_CLOCK`, `ENTRY_…`.
 */
export const readChain = (
  genesis: GenesisRules,
  entries: readonly RawEntry[],
  key: string,
  nowMs: number,
): readonly Fact[] => {
  const facts: Fact[] = [];
  let above = genesis.network;
  let holder: string | undefined;
  for (const raw of entries) {
    const entry = parseEntry(raw);
    const { author, cap, net, time } = entry.header;
    const isFirst = holder === undefined;
    if (net !== genesis.network || cap !== above || (isFirst && !genesis.roots.has(author)))
      throw notProven('its entries are no chain from a root of this network');
    if (time > (nowMs + ENTRY_FUTURE_MS_MAX) * 1_000)
      throw fault('JOIN_CLOCK', 'the clock of the node that asks is more than five minutes ahead');
    if (!signatureHolds(entry)) throw notProven('an entry is not signed by its author');
    holder = holderOf(entry);
    above = entry.hash;
    facts.push(factOf(entry));
  }
  if (holder !== key) throw notProven('its entries make another key a member');
  return facts;
};

/** Whose the grant is: of an invite nobody's, until it is joined. */
const holderOf = ({ header, content }: Entry): string => {
  const act = AUTHORITY_OPS.has(header.op) ? readAct(header.op, content) : undefined;
  if (act === undefined || 'malformed' in act || act.op === 'revoke')
    throw notProven('an entry gives nothing to anybody');
  return act.op === 'join' ? header.author : act.key;
};

const notProven = (text: string): Error => fault('JOIN_NOT_PROVEN', text);
