import type { Sliced } from '../../base/slices.ts';
import type { EntryHeader } from '../../entry/entry.ts';
import { type Fork, voidFrom } from '../chain.ts';
import type { AuditFault } from './report.ts';

/** Entries that are looked at before other work gets its turn. */
const FACTS_AT_ONCE = 8_192;

/** What an audit keeps of an entry that is well-formed. */
export interface Fact extends Pick<EntryHeader, 'author' | 'seq' | 'prev' | 'parents' | 'time'> {
  readonly hash: string;
  /** Its own hash where it is a genesis entry. */
  readonly net: string;
  readonly isSigned: boolean;
}

/** What is wrong with the links between entries; `links`, `vouched` and `void` count as in `AuditCounts`. */
export interface LinkReport {
  readonly faults: readonly AuditFault[];
  /** The last entry of each log that counts. */
  readonly heads: ReadonlyMap<string, Fact>;
  readonly links: number;
  readonly vouched: number;
  readonly void: number;
}

/** Checks every entry against those it builds on (SPEC E7, L1 to L5), from the facts alone. */
export const checkLinks = function* (
  facts: ReadonlyMap<string, Fact>,
  forks: ReadonlyMap<string, Fork>,
  network: string | undefined,
): Sliced<LinkReport> {
  const faults: AuditFault[] = [];
  const proven = yield* provenHashes(facts);
  const logs = new Map<string, Map<number, Fact>>();
  let [links, vouched, voided, seen] = [0, 0, 0, 0];
  for (const fact of facts.values()) {
    if ((seen += 1) % FACTS_AT_ONCE === 0) yield;
    const { author, seq, hash } = fact;
    const complain = (rule: string, text: string): void => void faults.push({ rule, text, author, seq, hash });
    if (!fact.isSigned && proven.has(hash)) vouched += 1;
    if (!proven.has(hash))
      complain('signature', 'neither its own signature holds nor that of a later entry of its log');
    if (fact.net !== network) complain('network', `belongs to network ${fact.net}`);
    if (seq >= voidFrom(forks.get(author))) {
      voided += 1;
      continue;
    }
    links += fact.parents.length + (fact.prev === null ? 0 : 1);
    for (const [rule, text] of brokenLinks(fact, facts)) complain(rule, text);
    const log = logs.get(author) ?? new Map<number, Fact>();
    logs.set(author, log.set(seq, fact));
  }
  const heads = new Map<string, Fact>();
  for (const [author, log] of logs) {
    const head = lastLinked(log);
    if (head !== undefined) heads.set(author, head);
    const seq = (head?.seq ?? 0) + 1;
    if (log.size >= seq)
      faults.push({
        rule: 'log',
        text: `${log.size - seq + 1} entries follow one that is missing`,
        author,
        seq,
        hash: undefined,
      });
  }
  return { faults, heads, links, vouched, void: voided };
};

/** Hashes of the entries that are signed well, and of all that these vouch for through `prev`. */
const provenHashes = function* (facts: ReadonlyMap<string, Fact>): Sliced<ReadonlySet<string>> {
  const proven = new Set<string>();
  let seen = 0;
  for (const fact of facts.values()) {
    if ((seen += 1) % FACTS_AT_ONCE === 0) yield;
    if (!fact.isSigned) continue;
    proven.add(fact.hash);
    for (let before = previous(fact, facts); before?.isSigned === false; before = previous(before, facts)) {
      if (proven.has(before.hash)) break;
      proven.add(before.hash);
    }
  }
  return proven;
};

const previous = ({ prev, author }: Fact, facts: ReadonlyMap<string, Fact>): Fact | undefined => {
  const before = prev === null ? undefined : facts.get(prev);
  return before?.author === author ? before : undefined;
};

const brokenLinks = (fact: Fact, facts: ReadonlyMap<string, Fact>): readonly (readonly [string, string])[] => {
  const broken: [string, string][] = [];
  const prev = fact.prev === null ? undefined : facts.get(fact.prev);
  if (fact.prev !== null && prev === undefined) broken.push(['prev', `the entry before, ${fact.prev}, is missing`]);
  if (prev !== undefined && (prev.author !== fact.author || prev.seq !== fact.seq - 1))
    broken.push(['prev', `prev is entry ${prev.seq} of ${prev.author}`]);
  const parents = fact.parents.map((hash) => [hash, facts.get(hash)] as const);
  for (const [hash, parent] of parents) {
    if (parent === undefined) broken.push(['parents', `parent ${hash} is missing`]);
    else if (parent.author === fact.author) broken.push(['parents', `parent ${hash} is the author's own`]);
  }
  for (const before of [prev, ...parents.map(([, parent]) => parent)])
    if (before !== undefined && before.time >= fact.time)
      broken.push(['time', `time ${fact.time} is not after ${before.time}, that of ${before.hash}`]);
  return broken;
};

const lastLinked = (log: ReadonlyMap<number, Fact>): Fact | undefined => {
  let head: Fact | undefined;
  for (let next = log.get(1); next !== undefined && next.prev === (head?.hash ?? null); next = log.get(next.seq + 1))
    head = next;
  return head;
};
