import { fault } from '../../base/errors.ts';
import { SYNC_PROOF_MAX } from '../../base/limits.ts';
import type { Sliced } from '../../base/slices.ts';
import { parseEntry, signatureHolds } from '../../entry/check.ts';
import type { Entry, RawEntry } from '../../entry/entry.ts';
import type { Signatures } from '../../entry/signatures.ts';
import type { CoveredLogs } from '../../ledger/cover.ts';
import type { Authority } from '../authority/authority.ts';
import { AUTHORITY_OPS, compareFacts, type Fact, factOf } from '../facts.ts';
import { createFold, type LedgerFold } from '../fold.ts';
import { rootBehind, type SnapshotAct, snapshotKey } from './act.ts';
import { coveredLogs } from './logs.ts';
import { coveredBy, majorityOf } from './settle.ts';
import type { FiledSnapshot } from './snapshots.ts';

/** Entries parsed, or signatures verified, between two turns of the event loop. */
const PARSE_SLICE = 128;
const VERIFY_SLICE = 32;

/** What proves the last snapshot in force to one that holds nothing yet, and what it covers. */
export interface SettledCover {
  /** Genesis, the snapshot's entries, and what these cite; hashes. */
  readonly proof: readonly string[];
  readonly logs: CoveredLogs;
}

/** Undefined while no snapshot is in force. */
export const coverOf = function* (fold: LedgerFold): Sliced<SettledCover | undefined> {
  const key = fold.snapshots.settled?.chain.at(-1);
  const network = fold.authority.genesis?.network;
  const filed = fold.snapshots.filed().filter(({ act }) => snapshotKey(act) === key);
  const [first] = filed;
  if (first === undefined || network === undefined) return undefined;
  const closure = yield* coveredBy(fold, first.act.frontier);
  if (closure === undefined) return undefined;
  const { graph } = fold.authority;
  const signed = new Map<string | undefined, Fact>();
  for (const { fact } of filed) if (fact.void === undefined) signed.set(rootBehind(fold.authority, fact), fact);
  // The shortest: it has to fit a frame.
  const cited = [...signed.values()].map((fact) => [fact.hash, ...graph.above(fact)]);
  const proof = cited.sort((a, b) => a.length - b.length).slice(0, majorityOf(fold));
  return { proof: [...new Set([network, ...proof.flat()])], logs: yield* coveredLogs(closure) };
};

const notProven = (text: string): Error => fault('LEDGER_SYNC_UNPROVEN', `ledger sync: ${text}`);

/**
 * The root over the logs of the snapshot that some entries prove, which hold by themselves: each is well signed, and a
 * majority of the root keys of the genesis entry says the same. Undefined where what is known here speaks against it:
 * the sender need not know that. `LEDGER_SYNC_UNPROVEN`, `ENTRY_…`.
 */
export const provenLogs = function* (
  network: string,
  raws: readonly RawEntry[],
  known: Authority,
  signatures?: Pick<Signatures, 'hold'>,
): Sliced<string | undefined> {
  if (raws.length > SYNC_PROOF_MAX) throw notProven(`a proof of ${raws.length} entries; at most ${SYNC_PROOF_MAX}`);
  const entries: Entry[] = [];
  for (const [at, raw] of raws.entries()) {
    if (at % PARSE_SLICE === PARSE_SLICE - 1) yield;
    entries.push(parseEntry(raw));
  }
  const foreign = entries.find(({ header, hash }) => (header.op === 'genesis' ? hash : header.net) !== network);
  if (foreign !== undefined) throw notProven('a snapshot of another network');
  for (const [at, entry] of entries.entries()) {
    if (at % VERIFY_SLICE === 0) yield;
    if (!signatureHolds(entry, signatures)) throw notProven('a snapshot that is not signed by its author');
  }
  const fold = createFold();
  fold.add(entries);
  yield* judged(fold.authority, entries);
  const needed = majorityOf(fold);
  const act = signedBy(fold.authority, fold.snapshots.filed(), needed);
  if (act === undefined) throw notProven('a snapshot that no majority of the root keys has signed');
  if (known.genesis === undefined) return act.logs;
  const acts = entries.filter(({ header }) => AUTHORITY_OPS.has(header.op)).map((entry) => factOf(entry));
  const supposed = known.supposing(acts);
  yield* judged(supposed, entries);
  return signedBy(supposed, fold.snapshots.filed(), needed)?.logs;
};

/**
 * Asks for the verdict on each link once, those that stand above others first: a rotation is signed a second time, by
 * the key that it names.
 */
const judged = function* (authority: Authority, entries: readonly Entry[]): Sliced<void> {
  const links = entries.flatMap(({ hash }) => authority.graph.link(hash) ?? []);
  links.sort((a, b) => compareFacts(a.fact, b.fact));
  for (const [at, { fact }] of links.entries()) {
    if (at % VERIFY_SLICE === 0) yield;
    authority.reasonOf(fact);
  }
};

/** The snapshot that so many root keys have signed. */
const signedBy = (authority: Authority, filed: readonly FiledSnapshot[], needed: number): SnapshotAct | undefined => {
  const groups = new Map<string, Set<string>>();
  for (const { fact, act } of filed) {
    const root = authority.reasonOf(fact) === undefined ? rootBehind(authority, fact) : undefined;
    if (root === undefined) continue;
    const key = snapshotKey(act);
    const roots = (groups.get(key) ?? new Set()).add(root);
    groups.set(key, roots);
    if (roots.size >= needed) return act;
  }
  return undefined;
};
