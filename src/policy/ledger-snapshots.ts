import { fault } from '../base/errors.ts';
import { inSlices, type Sliced } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import type { RawEntry } from '../entry/entry.ts';
import type { Signatures } from '../entry/signatures.ts';
import type { HeldEntry, Proposal } from '../ledger/ledger.ts';
import type { PeerKey } from '../network/network.ts';
import { capsOf } from './authority/members.ts';
import type { VoidReason } from './void-reason.ts';
import { type Fact, SNAPSHOT_OP } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import type { OriginLeaf } from './origins.ts';
import type { Chronicle } from './past.ts';
import { rootBehind, snapshotContent, snapshotKey } from './snapshot/act.ts';
import { coverOf, provenLogs, type SettledCover } from './snapshot/cover.ts';
import { draftSnapshot, type SnapshotDraft } from './snapshot/draft.ts';
import { snapshotsOf, type SnapshotReport } from './snapshot/report.ts';
import type { SettleMemory } from './snapshot/settle.ts';

/** A snapshot that was signed here. */
export interface SnapshotMade extends SnapshotDraft {
  readonly entry: string;
  /** `in-force`, or what it waits for. */
  readonly effect: 'in-force' | VoidReason;
}

/** Settles what the network holds. */
export interface SnapshotDesk {
  /** What {@link make} would settle. `POLICY_SNAPSHOT_…`, `POLICY_FRONTIER_OVERSIZE`. */
  preview(signal?: AbortSignal): Promise<SnapshotDraft>;
  /** Signs a snapshot. The same errors, and `POLICY_SNAPSHOT_NOT_ROOT`. */
  make(signal?: AbortSignal): Promise<SnapshotMade>;
  list(): readonly SnapshotReport[];
  /**
   * Root of the state that a snapshot settles ({@link snapshotKey}), whoever signed it; undefined where no entry says
   * so.
   */
  rootOf(snapshot: string): string | undefined;
  /** What the last snapshot in force covers, for one that begins with it; undefined while none is in force. */
  cover(): Promise<SettledCover | undefined>;
  /**
   * The root over the logs of a snapshot that entries prove; undefined where it does not hold by what is known here.
   * `LEDGER_SYNC_UNPROVEN`, `ENTRY_…`.
   */
  prove(network: string, proof: readonly RawEntry[]): Promise<string | undefined>;
  /**
   * The leaves of that state as they are known here, in their canonical form and the order of the root; undefined where
   * they are not.
   */
  leaves(snapshot: string): Promise<readonly Uint8Array[] | undefined>;
}

/** What making and judging snapshots needs of the policies: all that was folded, who holds what, and a way to write. */
export interface SnapshotPorts {
  readonly fold: LedgerFold;
  readonly chronicle: Chronicle;
  readonly memory: SettleMemory;
  readonly ownKey: PeerKey;
  /** Of what proves a snapshot. Default: real ones. */
  readonly signatures?: Pick<Signatures, 'hold'> | undefined;
  registered(): ReadonlySet<PeerKey>;
  holders(author: string, seq: number): ReadonlySet<PeerKey>;
  caughtUp(): Promise<void>;
  /** Appends, and resolves when the book holds the entry and what it settles. */
  write(decide: () => Proposal): Promise<HeldEntry>;
}

const LEAVES_AT_ONCE = 200;

const bytesOf = function* (leaves: readonly OriginLeaf[]): Sliced<readonly Uint8Array[]> {
  const bytes: Uint8Array[] = [];
  for (const [at, leaf] of leaves.entries()) {
    if (at % LEAVES_AT_ONCE === LEAVES_AT_ONCE - 1) yield;
    bytes.push(canonicalBytes(leaf));
  }
  return bytes;
};

/** Snapshots of the network's state: drafts and signs them, and says what the one in force covers. */
export class LedgerSnapshots implements SnapshotDesk {
  readonly #ports: SnapshotPorts;
  /** The last cover, by the snapshots in force. */
  #cover: { readonly chain: string; readonly cover: SettledCover | undefined } | undefined;

  constructor(ports: SnapshotPorts) {
    this.#ports = ports;
  }

  async preview(signal?: AbortSignal): Promise<SnapshotDraft> {
    const { fold, memory, ownKey } = this.#ports;
    await this.#ports.caughtUp();
    const newest = new Map<string, number>();
    for (const { author, seq } of fold.facts()) newest.set(author, Math.max(seq, newest.get(author) ?? 0));
    const limits = new Map([...newest].map(([author, seq]) => [author, this.#heldByAll(author, seq)]));
    const isHeldByAll = ({ author, seq }: Fact): boolean => seq <= (limits.get(author) ?? 0);
    return inSlices(draftSnapshot({ fold, memory, author: ownKey, isHeldByAll }), signal);
  }

  async make(signal?: AbortSignal): Promise<SnapshotMade> {
    this.#cap();
    const draft = await this.preview(signal);
    const { entry } = await this.#ports.write(() => ({
      ...{ op: SNAPSHOT_OP, type: null, id: null, replaces: null },
      ...{ content: snapshotContent(draft.act), cap: this.#cap() },
    }));
    const effect = this.#ports.fold.effectOf(entry.hash);
    return { ...draft, entry: entry.hash, effect: typeof effect === 'object' ? effect : 'in-force' };
  }

  list(): readonly SnapshotReport[] {
    return snapshotsOf(this.#ports.fold, this.#ports.chronicle);
  }

  rootOf(snapshot: string): string | undefined {
    return this.#ports.fold.snapshots.filed().find(({ act }) => snapshotKey(act) === snapshot)?.act.root;
  }

  async cover(): Promise<SettledCover | undefined> {
    const { fold } = this.#ports;
    const chain = fold.snapshots.settled?.chain.join() ?? '';
    if (this.#cover?.chain !== chain) this.#cover = { chain, cover: await inSlices(coverOf(fold)) };
    return this.#cover.cover;
  }

  prove(network: string, proof: readonly RawEntry[]): Promise<string | undefined> {
    const { fold, signatures } = this.#ports;
    return inSlices(provenLogs(network, proof, fold.authority, signatures));
  }

  async leaves(snapshot: string): Promise<readonly Uint8Array[] | undefined> {
    const leaves = this.#ports.memory.checked.get(snapshot)?.leaves;
    return leaves === undefined ? undefined : inSlices(bytesOf([...leaves.values()]));
  }

  #cap(): string {
    const { fold, ownKey: author } = this.#ports;
    const { authority } = fold;
    const found = capsOf(authority, author).find((cap) => rootBehind(authority, { author, cap }) !== undefined);
    if (found !== undefined) return found;
    throw fault('POLICY_SNAPSHOT_NOT_ROOT', 'only a node with a root key of the network makes snapshots', {
      data: { roots: [...(authority.genesis?.roots ?? [])] },
      hint: 'run it on the node that created the network: get members',
    });
  }

  /**
   * Of an author's entries up to `newest` the last that every registered node is known to hold, and this one; 0 for
   * none.
   */
  #heldByAll(author: string, newest: number): number {
    const all = [this.#ports.ownKey, ...this.#ports.registered()];
    const isHeld = (seq: number): boolean => {
      const held = this.#ports.holders(author, seq);
      return all.every((peer) => held.has(peer));
    };
    let [low, high] = [0, newest + 1];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (isHeld(middle)) low = middle;
      else high = middle;
    }
    return low;
  }
}
