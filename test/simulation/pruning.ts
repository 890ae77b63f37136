import assert from 'node:assert/strict';
import { sleep } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { LEDGER_FOLLOW_ENTRIES_MAX } from '../../src/base/limits.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import { type Entry, ERASABLE_OPS } from '../../src/entry/entry.ts';
import type { HeldEntry, Ledger, Proposal } from '../../src/ledger/ledger.ts';
import type { LedgerFold } from '../../src/policy/fold.ts';
import { EVERYTHING } from '../../src/policy/moment.ts';
import { namedBy } from '../../src/policy/snapshot/saved.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimulatedHistory } from '../support/simulated-history.ts';
import { bookOf } from '../support/snapshot-histories.ts';
import { stateHash } from '../support/state-hash.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { eventually } from './outcome.ts';

/** A node that has dropped nothing may be asked late: whoever asks does so ever more seldom, up to a minute. */
const KNOWN_WITHIN_MS = 180_000;
const FILL_AGAIN_MS = 100;
const POLICIES = 5;

/** A node that may drop bodies. */
export interface HistoryNode {
  readonly ledger: Ledger;
  readonly history: SimulatedHistory;
}

/** A change of one of few policies, so that their values come from many entries and some is to be dropped. */
export const changeOf = (random: SeededRandom, { policies }: SimulatedHistory, number: number): Proposal => {
  const id = `policy ${random.integer(1, POLICIES)}`;
  const state = policies.book.get(id);
  const note = 'x'.repeat(random.chance(0.5) ? 0 : random.integer(1, 400));
  const content = { [random.pick(['a', 'b'])]: number, note };
  if (state === undefined) return { op: 'insert', type: 'config', id, replaces: null, content };
  const replaces = state.conflict.length > 0 ? state.conflict : state.entry;
  const ends = random.chance(0.1);
  return { op: ends ? 'delete' : 'update', type: 'config', id, replaces, content: ends ? {} : content };
};

const heldBy = async (ledger: Ledger): Promise<readonly HeldEntry[]> => {
  const all: HeldEntry[] = [];
  for (let cursor = 0; cursor < ledger.size;) {
    const held = await ledger.follow(cursor, LEDGER_FOLLOW_ENTRIES_MAX);
    if (held.length === 0) break;
    all.push(...held);
    cursor = (held.at(-1)?.cursor ?? cursor) + 1;
  }
  return all;
};

const checkEntry = (ledger: Ledger, { entry }: HeldEntry, keepsAll: boolean): void => {
  const { hash, raw, header, archived } = entry;
  const where = `${hash} on ${ledger.author}`;
  assert.equal(sha256Hex(raw.header), hash, `the header of ${where}`);
  if (archived !== true) {
    assert.equal(sha256Hex(raw.body), header.body, `the body of ${where}`);
    return;
  }
  assert.ok(ERASABLE_OPS.has(header.op), `${where}, ${header.op}, must keep its body`);
  assert.ok(!keepsAll, `${where}, an archive, keeps every body`);
};

/** What must hold at every moment of nodes that drop bodies. */
export class HistoryChecks {
  /** What each node was seen to hold: that is durable. */
  readonly #held = new Map<string, Set<string>>();
  /** Peers that were taken for liars, though all are honest. */
  readonly blamed: string[] = [];

  /** Every entry that was held is held, with its own body or with none. */
  async check(nodes: readonly HistoryNode[]): Promise<void> {
    for (const { ledger, history } of nodes) {
      const held = await heldBy(ledger);
      const hashes = new Set(held.map(({ entry }) => entry.hash));
      for (const hash of this.#held.get(ledger.author) ?? [])
        assert.ok(hashes.has(hash), `${ledger.author} still holds ${hash}`);
      this.#held.set(ledger.author, hashes);
      for (const each of held) checkEntry(ledger, each, history.keepsAll);
    }
    assert.deepEqual(this.blamed, [], 'nobody is taken for a liar');
  }
}

/** The entries of all nodes, each with its body: who drops one may do so only where another has it. */
const wholeOf = async (nodes: readonly HistoryNode[]): Promise<readonly Entry[]> => {
  const whole = new Map<string, Entry>();
  for (const { ledger } of nodes)
    for (const { entry } of await heldBy(ledger))
      if (entry.archived !== true || !whole.has(entry.hash)) whole.set(entry.hash, entry);
  for (const { hash, archived } of whole.values()) assert.notEqual(archived, true, `nobody has the body of ${hash}`);
  return [...whole.values()];
};

/** A body may lack only where a snapshot in force covers it and no settled value follows from it. */
const checkKept = async ({ ledger, history }: HistoryNode, whole: LedgerFold): Promise<readonly Entry[]> => {
  const { settled } = whole.snapshots;
  const named = namedBy(settled?.leaves.values() ?? []);
  const archived = (await heldBy(ledger)).map(({ entry }) => entry).filter((entry) => entry.archived === true);
  for (const { hash } of archived)
    assert.ok(settled?.covered.has(hash) === true && !named.has(hash), `${ledger.author} needs the body of ${hash}`);
  assert.equal(history.pruning.count, archived.length, `${ledger.author} knows what it has dropped`);
  return archived;
};

/** What was dropped is not told otherwise than by who has it: it is said to be archived. */
const checkAnswers = async (
  { ledger, history: { policies } }: HistoryNode,
  archived: readonly Entry[],
  all: SimulatedHistory,
): Promise<void> => {
  const dropped = new Set(archived.map(({ hash }) => hash));
  for (const id of new Set(archived.flatMap(({ header }) => header.id ?? [])))
    for (const version of await policies.history(id))
      if (dropped.has(version.entry))
        assert.equal(version.archived, 'body', `${ledger.author} says that ${version.entry} is archived`);
  const [one] = archived;
  if (one === undefined) return;
  const moment = { kind: 'frontier', heads: [one.hash] } as const;
  const [here, there] = [await policies.past(moment).catch(unlessArchived), await all.policies.past(moment)];
  if (here !== undefined) assert.equal(here.root, there.root, `the past on ${ledger.author}`);
};

const unlessBusy = (caught: unknown): void => {
  if (!hasCode(caught, 'POLICY_PRUNING_BUSY')) throw caught;
};

const unlessArchived = (caught: unknown): undefined => {
  if (!hasCode(caught, 'ENTRY_ARCHIVED')) throw caught;
};

const whatIs = async ({ policies }: SimulatedHistory): Promise<unknown> => {
  await policies.caughtUp();
  return [(await policies.past(EVERYTHING)).root, stateHash(policies.book)];
};

/**
 * All nodes have one book, that of all bodies, whatever they have dropped; and again when they have fetched it back.
 */
export const checkHistories = async (
  clock: VirtualClock,
  nodes: readonly HistoryNode[],
  all: SimulatedHistory,
): Promise<void> => {
  const run = <T>(work: Promise<T>): Promise<T> => clock.runWhile(work, KNOWN_WITHIN_MS);
  const isKnown = (): boolean => nodes.every(({ history }) => history.pruning.need() === undefined);
  await eventually(clock, isKnown, KNOWN_WITHIN_MS, 'every book is known');
  const entries = await wholeOf(nodes);
  const whole = bookOf(entries);
  const expected = await run(whatIs(all));
  assert.equal((expected as readonly unknown[])[1], stateHash(whole), 'the book follows from the entries');
  for (const node of nodes) {
    const { ledger, history } = node;
    assert.deepEqual(await run(whatIs(history)), expected, `${ledger.author} has the same book`);
    const archived = await checkKept(node, whole);
    await run(checkAnswers(node, archived, all));
    const isFilled = async (): Promise<void> => {
      while (history.pruning.count > 0) {
        await history.pruning.fill().catch(unlessBusy);
        await sleep(clock, FILL_AGAIN_MS);
      }
    };
    await run(isFilled());
    assert.deepEqual(await run(whatIs(history)), expected, `${ledger.author} has the same book with all bodies`);
    const forks = new Map(ledger.equivocations().map(({ author, seq }) => [author, seq]));
    for (const { hash, header } of entries) {
      const effects = [policyEffect(history, hash), policyEffect(all, hash)];
      const isVoid = header.seq >= (forks.get(header.author) ?? Number.POSITIVE_INFINITY);
      // What a fork makes void is held where something builds on it, or where it came before the fork was known.
      if (!isVoid || !effects.includes(undefined)) assert.deepEqual(effects[0], effects[1], `the effect of ${hash}`);
    }
  }
};

const policyEffect = ({ policies }: SimulatedHistory, hash: string): unknown => policies.book.effectOf(hash);
