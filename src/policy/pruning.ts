import { fault, type HoldfastError } from '../base/errors.ts';
import { PRUNING_BYTES_AT_ONCE } from '../base/limits.ts';
import { inSlices } from '../base/slices.ts';
import { type Archive, type ArchivedBody, archivedFault, type ArchiveHolder } from '../ledger/archive/port.ts';
import type { Bodies } from '../ledger/bodies.ts';
import type { HeldEntry, Ledger } from '../ledger/ledger.ts';
import type { LedgerFold } from './fold.ts';
import { lacksHistory } from './snapshot/archived.ts';
import { droppable, statesToSave } from './snapshot/drop.ts';
import { leavesOfRoot, type SavedState } from './snapshot/saved.ts';
import type { SettleMemory } from './snapshot/settle.ts';

/** Where states are kept that bodies were dropped for. */
export interface StateStore {
  /** Durable when it resolves. */
  save(snapshot: string, state: SavedState): Promise<void>;
}

/**
 * What dropping and fetching back needs: what is settled, who has it beside this node, and where to keep the states.
 */
export interface PruningPorts {
  readonly fold: LedgerFold;
  readonly memory: SettleMemory;
  readonly ledger: Pick<Ledger, 'byHash'> & { readonly bodies: Pick<Bodies, 'archive' | 'restore'> };
  readonly archive: Archive;
  readonly states: StateStore;
  rootOf(snapshot: string): string | undefined;
  caughtUp(): Promise<void>;
  /** Takes up entries whose bodies are here again; resolves when the book is what follows from them. */
  takeUp(entries: readonly HeldEntry[]): Promise<void>;
  /** Throws while the files of the ledger must stay as they are. */
  mayBegin?(): void;
}

/** What went, or came back. */
export interface Pruned {
  readonly bodies: number;
  readonly bytes: number;
}

const READ_AT_ONCE = 256;

/** Drops what a snapshot has settled, and fetches it back. */
export class Pruning {
  readonly #ports: PruningPorts;
  #running = false;

  constructor(ports: PruningPorts) {
    this.#ports = ports;
  }

  /** Whether bodies are being dropped or fetched back: who keeps everything is then open here. */
  get busy(): boolean {
    return this.#running;
  }

  /** Who has what was dropped here. */
  get archive(): Archive {
    return this.#ports.archive;
  }

  /** How many bodies are archived here. */
  get count(): number {
    return this.#ports.fold.archivedCount;
  }

  /** The snapshots whose states are lacking. */
  lacking(): readonly string[] {
    return [...this.#ports.fold.snapshots.lacks].sort();
  }

  /** Whom to ask for them. */
  holders(): readonly ArchiveHolder[] {
    return this.#ports.archive.holders();
  }

  /** Hashes of the entries whose bodies could go. */
  async preview(signal?: AbortSignal): Promise<readonly string[]> {
    await this.#ports.caughtUp();
    return inSlices(droppable(this.#ports.fold), signal);
  }

  /** Bodies that are archived here. */
  archived(): readonly string[] {
    return this.#ports.fold.facts().flatMap(({ hash, archived }) => (archived ? [hash] : []));
  }

  /**
   * Why the book is not, or may not be, what the entries say: bodies are needed that others keep. Undefined while none
   * is.
   */
  need(): HoldfastError | undefined {
    const { fold, archive } = this.#ports;
    return lacksHistory(fold)
      ? archivedFault('history needed: what was dropped here decides what is in force', archive)
      : undefined;
  }

  /** `ENTRY_ARCHIVED` while the book is unknown: not even what it was before bodies were dropped is here. */
  assertKnown(): void {
    const { fold, archive } = this.#ports;
    if (fold.lacksBodies()) throw archivedFault('the policies in force', archive);
  }

  /**
   * Drops what can go: first what follows from it is kept, durably. `isSafe` looks whether others have these entries,
   * and rejects where they do not; it is asked once this node is {@link busy}. `LEDGER_DISK_FAILED`,
   * `POLICY_PRUNING_BUSY`.
   */
  prune(
    signal?: AbortSignal,
    isSafe: (going: readonly string[]) => Promise<unknown> = async () => {},
  ): Promise<Pruned> {
    return this.#alone(async () => {
      const { fold, memory, states, ledger } = this.#ports;
      // What another snapshot settles meanwhile was not asked for.
      const going = await this.preview(signal);
      const asked = new Set(going);
      await isSafe(going);
      const hashes = (await inSlices(droppable(fold), signal)).filter((hash) => asked.has(hash));
      if (hashes.length === 0) return { bodies: 0, bytes: 0 };
      for (const [snapshot, state] of statesToSave(fold, memory)) {
        memory.saved.set(snapshot, state);
        await states.save(snapshot, state);
      }
      try {
        const bytes = await ledger.bodies.archive(hashes, signal);
        fold.archive(hashes);
        return { bodies: hashes.length, bytes };
      } catch (caught) {
        // A part may have gone: the book must know of it.
        fold.archive(await this.#gone(hashes).catch(() => hashes));
        throw caught;
      }
    });
  }

  /** Fetches back what others have of it; then everything follows from the bodies again, as far as they came. */
  fill(signal?: AbortSignal, onProgress: (done: number, all: number) => void = () => {}): Promise<Pruned> {
    return this.#alone(async () => {
      const wanted = this.archived();
      let [bodies, bytes] = [0, 0];
      let batch: ArchivedBody[] = [];
      let size = 0;
      const take = async (): Promise<void> => {
        bodies += await this.#takeBack(batch, signal);
        bytes += size;
        [batch, size] = [[], 0];
        onProgress(bodies, wanted.length);
      };
      for await (const given of this.#ports.archive.bodies(wanted, signal)) {
        batch.push(given);
        size += given.body.byteLength;
        if (size >= PRUNING_BYTES_AT_ONCE) await take();
      }
      if (batch.length > 0) await take();
      return { bodies, bytes };
    });
  }

  /** Takes the leaves of others where what was kept here is lost; whether the book can be known by that. */
  async askForLeaves(signal?: AbortSignal): Promise<boolean> {
    const { fold, memory, archive } = this.#ports;
    for (const snapshot of fold.snapshots.lacks) {
      const root = this.#ports.rootOf(snapshot);
      if (root === undefined || memory.saved.has(snapshot)) continue;
      const pieces = await archive.leaves(snapshot, signal);
      const leaves = pieces && (await inSlices(leavesOfRoot(pieces, root), signal));
      if (leaves === undefined) continue;
      const state: SavedState = { chain: [], leaves, reasons: [], gone: undefined };
      memory.saved.set(snapshot, state);
      // Where it cannot be kept, the next start asks again.
      await this.#ports.states.save(snapshot, state).catch(() => {});
    }
    fold.snapshots.contentMoved();
    await this.#ports.takeUp([]);
    return this.need() === undefined;
  }

  async #gone(hashes: readonly string[]): Promise<readonly string[]> {
    const gone: string[] = [];
    for (let at = 0; at < hashes.length; at += READ_AT_ONCE) {
      const held = await Promise.all(
        hashes.slice(at, at + READ_AT_ONCE).map((hash) => this.#ports.ledger.byHash(hash)),
      );
      for (const each of held) if (each?.entry.archived === true) gone.push(each.entry.hash);
    }
    return gone;
  }

  async #takeBack(batch: readonly ArchivedBody[], signal: AbortSignal | undefined): Promise<number> {
    const { ledger } = this.#ports;
    try {
      await ledger.bodies.restore(batch, signal);
    } catch (caught) {
      // The first failure is told; what has come back and is not taken up now is by the next attempt.
      await this.#takeUpHeld(batch).catch(() => {});
      throw caught;
    }
    return this.#takeUpHeld(batch);
  }

  /** Also what an attempt has brought back that failed later: the book is without it still. */
  async #takeUpHeld(batch: readonly ArchivedBody[]): Promise<number> {
    const held = await Promise.all(batch.map(({ hash }) => this.#ports.ledger.byHash(hash)));
    const whole = held.flatMap((each) => (each === undefined || each.entry.bodiless === true ? [] : each));
    const back = whole.filter(({ entry }) => entry.archived !== true);
    await this.#ports.takeUp(back);
    return back.length;
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running)
      throw fault('POLICY_PRUNING_BUSY', 'bodies are being dropped or fetched back already', {
        hint: 'try again when that is done',
      });
    this.#ports.mayBegin?.();
    this.#running = true;
    try {
      return await work();
    } finally {
      this.#running = false;
    }
  }
}
